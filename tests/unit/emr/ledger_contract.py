"""What every ledger must do: a test class for an implementation to inherit, with a fixture `ledger`."""

import threading
from datetime import UTC, datetime, timedelta

from functions.emr.ledger import (
    Begun,
    Held,
    Ledger,
    LedgerKey,
    LedgerRow,
    LedgerStatus,
    Superseded,
    is_undecided,
)

KEY = LedgerKey("north-emr", "Task", "c0ffee")
AT = datetime(2026, 3, 2, 8, 30, tzinfo=UTC)
LEASE = timedelta(seconds=60)


def begun(result: object) -> LedgerRow:
    assert isinstance(result, Begun)
    return result.row


class LedgerContract:
    def test_an_unknown_key_has_no_row(self, ledger: Ledger) -> None:
        assert ledger.get(KEY) is None

    def test_the_first_attempt_is_pending_and_holds_the_row(self, ledger: Ledger) -> None:
        row = begun(ledger.begin(KEY, AT, revision=3, lease=LEASE))
        assert row == LedgerRow(LedgerStatus.PENDING, attempt=1, revision=3, at=AT, held_until=AT + LEASE)
        assert ledger.get(KEY) == row

    def test_one_attempt_at_a_time(self, ledger: Ledger) -> None:
        ledger.begin(KEY, AT, revision=1, lease=LEASE)
        later = AT + LEASE - timedelta(seconds=1)
        assert ledger.begin(KEY, later, revision=1, lease=LEASE) == Held(AT + LEASE)
        row = ledger.get(KEY)
        assert row is not None
        assert row.attempt == 1

    def test_keys_are_apart(self, ledger: Ledger) -> None:
        ledger.begin(KEY, AT, revision=1, lease=LEASE)
        for other in (
            LedgerKey("south-emr", "Task", "c0ffee"),
            LedgerKey("north-emr", "DocumentReference", "c0ffee"),
            LedgerKey("north-emr", "Task", "decaf"),
        ):
            assert begun(ledger.begin(other, AT, revision=1, lease=LEASE)).attempt == 1

    def test_what_was_begun_for_a_case_is_known_whatever_became_of_it(self, ledger: Ledger) -> None:
        ours = [LedgerKey("north-emr", "DeviceRequest", source) for source in ("c0ffee.order-1", "c0ffee.order-2.b")]
        others = [
            KEY,
            LedgerKey("south-emr", "DeviceRequest", "c0ffee.order-3"),
            LedgerKey("north-emr", "DeviceRequest", "c0ffee1.order-4"),
        ]
        for key in reversed((*ours, *others)):
            ledger.begin(key, AT, revision=1, lease=LEASE)
        ledger.record(ours[0], 1, LedgerStatus.RETRACTED, AT, resource_id=None, version=None)
        assert ledger.announced("north-emr", "DeviceRequest", "c0ffee") == tuple(ours)
        assert ledger.announced("north-emr", "Task", "c0ffee") == (KEY,)
        assert ledger.announced("north-emr", "DeviceRequest", "decaf") == ()

    def test_a_recorded_end_lets_go(self, ledger: Ledger) -> None:
        ledger.begin(KEY, AT, revision=1, lease=LEASE)
        assert ledger.record(KEY, 1, LedgerStatus.WRITTEN, AT, resource_id="7", version="1")
        row = begun(ledger.begin(KEY, AT, revision=1, lease=LEASE))
        assert row == LedgerRow(LedgerStatus.WRITTEN, 2, 1, AT, resource_id="7", version="1", held_until=AT + LEASE)

    def test_what_was_to_be_written_stays_known_until_something_else_is(self, ledger: Ledger) -> None:
        known = []
        for attempt, content in enumerate(("one", None, "other"), start=1):
            row = begun(ledger.begin(KEY, AT, revision=1, lease=LEASE, content=content))
            ledger.record(KEY, attempt, LedgerStatus.UNKNOWN, AT, resource_id=None, version=None)
            ended = ledger.get(KEY)
            assert ended is not None
            assert ended.content == row.content
            assert "content" not in repr(row), "it may name a patient"
            known.append(row.content)
        assert known == ["one", "one", "other"]

    def test_who_begins_learns_how_the_row_was_before(self, ledger: Ledger) -> None:
        first = ledger.begin(KEY, AT, revision=1, lease=LEASE)
        assert isinstance(first, Begun)
        assert first.before is None
        second = ledger.begin(KEY, AT + LEASE, revision=1, lease=LEASE)
        assert isinstance(second, Begun)
        assert second.before == first.row

    def test_what_was_made_is_undecided_while_nobody_knows_its_id(self, ledger: Ledger) -> None:
        held = begun(ledger.begin(KEY, AT, revision=1, lease=LEASE))
        assert is_undecided(held)
        for status, undecided in [(LedgerStatus.UNKNOWN, True), (LedgerStatus.PENDING, False)]:
            ledger.record(KEY, 1, status, AT, resource_id=None, version=None)
            row = ledger.get(KEY)
            assert row is not None
            assert is_undecided(row) is undecided
        ledger.record(KEY, 1, LedgerStatus.UNKNOWN, AT, resource_id="7", version=None)
        row = ledger.get(KEY)
        assert row is not None
        assert not is_undecided(row)

    def test_an_attempt_that_died_is_taken_over_after_its_lease(self, ledger: Ledger) -> None:
        ledger.begin(KEY, AT, revision=1, lease=LEASE)
        assert begun(ledger.begin(KEY, AT + LEASE, revision=1, lease=LEASE)).attempt == 2

    def test_a_holder_takes_over_what_its_own_attempt_left_and_nobody_elses(self, ledger: Ledger) -> None:
        row = begun(ledger.held_by("1.4").begin(KEY, AT, revision=1, lease=LEASE))
        assert row.holder == "1.4"
        for other in (ledger, ledger.held_by("1.5")):
            assert other.begin(KEY, AT, revision=1, lease=LEASE) == Held(AT + LEASE)
        later = AT + timedelta(seconds=1)
        assert begun(ledger.held_by("1.4").begin(KEY, later, revision=1, lease=LEASE)).attempt == 2
        assert not ledger.record(KEY, 1, LedgerStatus.WRITTEN, later, resource_id="7", version="1")

    def test_who_does_not_say_who_they_are_takes_nothing_over(self, ledger: Ledger) -> None:
        ledger.begin(KEY, AT, revision=1, lease=LEASE)
        assert ledger.begin(KEY, AT, revision=1, lease=LEASE) == Held(AT + LEASE)
        assert ledger.held_by("1.4").begin(KEY, AT, revision=1, lease=LEASE) == Held(AT + LEASE)

    def test_a_holder_is_forgotten_with_its_hold(self, ledger: Ledger) -> None:
        ledger.held_by("1.4").begin(KEY, AT, revision=1, lease=LEASE)
        assert ledger.record(KEY, 1, LedgerStatus.WRITTEN, AT, resource_id="7", version="1")
        row = begun(ledger.begin(KEY, AT, revision=1, lease=LEASE))
        assert row.holder is None
        assert ledger.held_by("1.4").begin(KEY, AT, revision=1, lease=LEASE) == Held(AT + LEASE)
        later = begun(ledger.begin(KEY, AT + LEASE, revision=1, lease=LEASE))
        assert later.holder is None

    def test_who_lost_the_row_records_nothing(self, ledger: Ledger) -> None:
        ledger.begin(KEY, AT, revision=1, lease=LEASE)
        ledger.begin(KEY, AT + LEASE, revision=1, lease=LEASE)
        assert not ledger.record(KEY, 1, LedgerStatus.WRITTEN, AT, resource_id="7", version="1")
        row = ledger.get(KEY)
        assert row is not None
        assert (row.status, row.resource_id, row.held_until) == (LedgerStatus.PENDING, None, AT + 2 * LEASE)

    def test_nothing_is_recorded_without_an_attempt(self, ledger: Ledger) -> None:
        assert not ledger.record(KEY, 1, LedgerStatus.WRITTEN, AT, resource_id="7", version="1")
        assert ledger.get(KEY) is None

    def test_an_older_revision_is_superseded_and_the_same_one_is_not(self, ledger: Ledger) -> None:
        ledger.begin(KEY, AT, revision=5, lease=LEASE)
        ledger.record(KEY, 1, LedgerStatus.UNKNOWN, AT, resource_id=None, version=None)
        assert ledger.begin(KEY, AT, revision=4, lease=LEASE) == Superseded(5)
        row = begun(ledger.begin(KEY, AT, revision=5, lease=LEASE))
        assert (row.attempt, row.status) == (2, LedgerStatus.UNKNOWN)

    def test_of_many_who_begin_at_once_one_may(self, ledger: Ledger) -> None:
        results: list[object] = []
        ready = threading.Barrier(8)

        def compete() -> None:
            ready.wait(10)
            results.append(ledger.begin(KEY, AT, revision=1, lease=LEASE))

        threads = [threading.Thread(target=compete) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert sorted(type(result).__name__ for result in results) == ["Begun"] + ["Held"] * 7
