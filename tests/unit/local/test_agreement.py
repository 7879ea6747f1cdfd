"""The check at the end of a demonstration: it must fail when something differs, or was to be seen and was not."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from functions.cases.quarantine import Kept
from functions.cases.rows import CaseRow
from functions.cases.table import Index, Item, Page, read_all
from functions.relay.measures import measures_of
from local.agreement import Happening, Report, deadlines, happenings
from local.aws.running import Metric
from local.connection import cases_of
from local.demo.run import policies
from local.demo.shown import HAPPENINGS, QUARANTINED, unshown
from local.measured import (
    Expected,
    Series,
    Tally,
    Values,
    against_journal,
    against_marks,
    against_quarantine,
    emitted,
    journaled,
    series,
)
from tests.support.world import STAFF, World

SCOPE = ("oxygen", "northfield")


def played() -> World:
    """A short course with a missed deadline and a claim."""
    world = World()
    world.on_shift(*STAFF)
    world.send("oxygen_ordered", by="MD-OAK:PROVIDER", order_id="order-1", age_years=60)
    world.send("oxygen_changed", by="RN-ASH:RN", flow_l_min=2.0, device="nasal cannula")
    world.pass_time(121 * 60)
    return world


def journal_of(world: World) -> list[Item]:
    """The journal of the one case."""
    return world.journal(world.case().id)


# ── metrics against the journal ──────────────────────────────────────────────────────────────────────────────────────────


def as_metrics(entries: list[Item]) -> list[Metric]:
    """What CloudWatch has when each entry is passed on once."""
    found: dict[Series, list[float]] = {}
    for entry in entries:
        for measure in measures_of(entry):
            found.setdefault(series(measure.name, measure.dimensions), []).append(measure.value)
    return [Metric(at.name, dict(at.dimensions), "", len(each), sum(each)) for at, each in found.items()]


def test_metrics_that_are_the_journals_own_do_not_differ() -> None:
    entries = journal_of(played())
    assert against_journal(journaled(entries), emitted(as_metrics(entries)), 0) == []


@pytest.mark.parametrize("missing", ["HandOffs", "TimeToComplete", "DeadlinesMissed", "Escalations"])
def test_a_metric_that_was_not_emitted_differs(missing: str) -> None:
    entries = journal_of(played())
    metrics = [metric for metric in as_metrics(entries) if metric.name != missing]
    differences = against_journal(journaled(entries), emitted(metrics), 9)
    assert differences
    assert all(missing in said for said in differences)


def test_a_metric_that_the_journal_does_not_know_differs() -> None:
    entries = journal_of(played())
    metrics = [*as_metrics(entries), Metric("Claims", {"workflow": "oxygen", "facility": "northfield"}, "", 1, 1)]
    (said,) = against_journal(journaled(entries), emitted(metrics), 0)
    assert "Claims {facility=northfield, workflow=oxygen}: journal 0, emitted 1" in said


def test_one_arrows_count_does_not_make_up_for_anothers() -> None:
    t1, t2 = (series("HandOffs", {"transition": name}) for name in ("T-01", "T-02"))
    want = {t1: Values(2, 2, 1), t2: Values(1, 1, 1)}
    assert len(against_journal(want, {t1: Values(1, 1), t2: Values(2, 2)}, 0)) == 2


def test_a_sum_that_differs_is_seen_though_the_count_agrees() -> None:
    at = series("TimeToComplete", {"state": "ordered"})
    assert against_journal({at: Values(2, 10.0, 7.0)}, {at: Values(2, 10.004)}, 0) == []
    assert against_journal({at: Values(2, 10.0, 7.0)}, {at: Values(2, 11.0)}, 3) != []


@pytest.mark.parametrize(
    ("number", "total", "differs"), [(3, 17.0, False), (3, 17.1, True), (4, 20.0, True), (1, 5.0, True)]
)
def test_what_was_relayed_again_bounds_both(number: int, total: float, differs: bool) -> None:
    at = series("TimeToComplete", {"state": "ordered"})
    assert bool(against_journal({at: Values(2, 10.0, 7.0)}, {at: Values(number, total)}, 1)) is differs


# ── intake's metrics against marks and quarantine ────────────────────────────────────────────────────────────────────────


def counted(**names: int) -> Tally:
    """What intake counted in one scope."""
    where = {"workflow": SCOPE[0], "facility": SCOPE[1]}
    return {series(name, where): Values(number, float(number)) for name, number in names.items()}


def expected(repeated: int = 0, deferred: int = 0, **outcomes: int) -> dict[tuple[str, str], Expected]:
    """What became of the events in that scope."""
    return {SCOPE: Expected(Counter(outcomes), repeated, deferred)}


def test_every_event_counted_once_does_not_differ() -> None:
    seen = counted(Outcome_moved=2, EventToHandOff=2, Outcome_recorded=1, Duplicates=1)
    assert against_marks(expected(moved=2, recorded=1, repeated=1), seen, 1) == []


def test_what_waited_has_found_another_outcome_since() -> None:
    seen = counted(Outcome_moved=1, EventToHandOff=1, Outcome_held_early=1, Outcome_deferred=1)
    assert against_marks(expected(moved=3, deferred=1), seen, 0) == []
    assert against_marks(expected(moved=3), seen, 0) != []


def test_an_event_that_nobody_counted_differs() -> None:
    (said,) = against_marks(expected(moved=2), counted(Outcome_moved=1, EventToHandOff=1), 0)
    assert "never counted" in said


def test_a_duplicate_makes_up_for_no_outcome() -> None:
    seen = counted(Outcome_moved=1, EventToHandOff=1, Duplicates=1)
    assert against_marks(expected(moved=1, repeated=1), seen, 1) == []
    assert against_marks(expected(moved=2), seen, 1) != []


def test_an_outcome_counted_when_its_message_came_again_has_no_time() -> None:
    seen = counted(Outcome_moved=2, EventToHandOff=1, Redelivered=1)
    assert against_marks(expected(moved=2), seen, 1) == []
    assert against_marks(expected(moved=2), counted(Outcome_moved=2, EventToHandOff=1), 1) != []


def test_outcomes_exceed_the_events_by_what_was_delivered_again_only() -> None:
    seen = counted(Outcome_moved=2, EventToHandOff=1, Outcome_deferred=1, Redelivered=2)
    assert against_marks(expected(moved=1), seen, 2) == []
    assert against_marks(expected(moved=1), seen, 1) != [], "the log says so, too"
    for fewer in (counted(Outcome_moved=3, EventToHandOff=3, Redelivered=1), counted(Outcome_refused=2, Redelivered=1)):
        assert against_marks(expected(moved=1), fewer, 1) != []


@pytest.mark.parametrize(
    ("marks", "seen"),
    [
        ({"moved": 1}, {"Outcome_moved": 2, "EventToHandOff": 2}),
        ({"moved": 1, "recorded": 1}, {"Outcome_moved": 2, "EventToHandOff": 2}),
        ({"held_early": 1}, {"Outcome_recorded": 1}),
        ({"moved": 1}, {"Outcome_moved": 1}),
        ({}, {"Outcome_moved": 1, "EventToHandOff": 1}),
    ],
)
def test_outcomes_that_the_marks_do_not_have_differ(marks: dict[str, int], seen: dict[str, int]) -> None:
    assert against_marks(expected(**marks), counted(**seen), 0) != []


def test_more_duplicates_than_the_log_has_differ() -> None:
    seen = counted(Outcome_moved=1, EventToHandOff=1, Duplicates=3)
    assert against_marks(expected(moved=1, repeated=1), seen, 3) == []
    assert against_marks(expected(moved=1, repeated=1), seen, 2) != []


@pytest.mark.parametrize(("number", "differs"), [(0, True), (1, True), (2, False), (3, False), (4, True)])
def test_each_quarantined_message_is_counted_as_often_as_it_came(number: int, differs: bool) -> None:
    kept = [Kept("1", "no_case", "", "", 0.0, 1), Kept("2", "no_case", "", "", 0.0, 2)]
    seen = {series("Quarantined", {"reason": "no_case"}): Values(number, float(number))}
    assert bool(against_quarantine(kept, seen)) is differs


# ── deadlines ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def course(*left: tuple[str, float, float | None], **entry: Any) -> tuple[list[Item], list[Item]]:
    """Moves and visits from (state, entered, due) in order; ``entry`` is added to the last move."""
    visits = [
        {"visit": n, "to": state, "entered": entered, **({"due": due} if due is not None else {})}
        for n, (state, entered, due) in enumerate(left, start=1)
    ]
    moves: list[Item] = [{"visit": visit["visit"], "target": visit["to"]} for visit in visits]
    moves[-1] |= entry
    return moves, visits


@pytest.mark.parametrize(
    ("left", "entry", "expected"),
    [
        ((("ordered", 0.0, 10.0), ("due", 9.0, 99.0)), {}, (1, 0)),
        ((("ordered", 0.0, 10.0), ("due", 10.5, 99.0)), {}, (0, 1)),
        ((("ordered", 0.0, 10.0), ("late", 10.0, 99.0)), {"missed_deadline": True}, (0, 1)),
        ((("ordered", 0.0, None), ("due", 500.0, 999.0)), {}, (0, 0)),
        ((("due", 0.0, 10.0), ("due", 5.0, 8.0)), {}, (0, 0)),
    ],
)
def test_a_deadline_is_met_by_leaving_before_it(
    left: tuple[tuple[str, float, float | None], ...], entry: dict[str, Any], expected: tuple[int, int]
) -> None:
    assert deadlines(*course(*left, **entry)) == expected


def test_deadlines_of_a_real_course() -> None:
    world = played()
    case = world.case().id
    moves = [entry for entry in world.journal(case) if entry["kind"] == "moved"]
    assert deadlines(moves, read_all(world.table, f"CASE#{case}", "V#")) == (1, 1)


# ── what must be seen ────────────────────────────────────────────────────────────────────────────────────────────────────


def report() -> Report:
    """A report in which everything was seen and nothing differs."""
    return Report(
        cases=[], events={}, reasons={}, lost=[], metrics={}, dead_letters={},
        quarantine=[{"reason": reason} for reason in QUARANTINED],
        happenings=dict.fromkeys(map(str, Happening), 1),
    )  # fmt: skip


def test_a_night_with_everything_in_it_agrees() -> None:
    assert (unshown(report()), report().agrees) == ([], True)


@pytest.mark.parametrize("name", HAPPENINGS)
def test_what_did_not_happen_is_named_and_the_report_does_not_agree(name: Happening) -> None:
    night = replace(report(), happenings={**report().happenings, str(name): 0})
    night.unshown = unshown(night)
    assert night.unshown == [f"{name} was to be seen, and was not"]
    assert not night.agrees


@pytest.mark.parametrize("reason", QUARANTINED)
def test_a_reason_that_nothing_is_in_quarantine_for_is_named(reason: str) -> None:
    night = replace(report(), quarantine=[{"reason": other} for other in QUARANTINED if other != reason])
    (said,) = unshown(night)
    assert reason in said


def test_a_quiet_night_shows_nothing() -> None:
    assert not any(happenings([], {}, {}).values())


def test_happenings_are_seen_where_they_are_written() -> None:
    world = played()
    world.send("note_written", by="RT-LINDEN:RT", note_id="note-1")
    world.send("assessment_completed", by="CN-FIR:CHARGE_NURSE", spo2_percent=95)
    seen = happenings(journal_of(world), {"recorded: older_than_known": 2}, counted(Outcome_held_early=3, Duplicates=4))
    assert {name for name in Happening if not seen[name]} == {
        Happening.CLAIM, Happening.REASSIGNMENT, Happening.OVERRIDE, Happening.NOBODY_ON_SHIFT,
    }  # fmt: skip
    assert (seen[Happening.OLDER], seen[Happening.HELD_EARLY], seen[Happening.REPETITION]) == (2, 3, 4)


# ── reading everything ───────────────────────────────────────────────────────────────────────────────────────────────────


class SmallPages:
    """A world's table whose index gives one entry a page."""

    def __init__(self, world: World) -> None:
        self._table = world.table

    def __getattr__(self, name: str) -> Any:
        return getattr(self._table, name)

    def query_index(self, index: Index, value: str, *, start: Any | None = None, limit: int | None = None) -> Page:
        """See Table.query_index."""
        return self._table.query_index(index, value, start=start, limit=limit or 1)


def test_cases_beyond_the_indexs_first_page_are_read() -> None:
    world = World()
    world.on_shift(*STAFF)
    for number in range(3):
        world.send("oxygen_ordered", encounter=f"E-{number}", by="MD-OAK:PROVIDER", order_id="o", age_years=60)
    rows: list[CaseRow] = cases_of(SmallPages(world), ["northfield"])  # type: ignore[arg-type]
    assert [row.encounter for row in rows] == ["E-0", "E-1", "E-2"]


def test_the_demonstrations_missed_deadline_is_the_only_short_one() -> None:
    (southgate,) = [policy.parameters["oxygen"] for policy in policies() if policy.facility == "southgate"]
    assert float(southgate["assess_adult"]) * 60 <= 10
    assert float(southgate["titrate_within"]) * 60 >= 60
