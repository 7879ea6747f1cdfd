"""Keys: whatever derives from a person is an HMAC, and no two things share one."""

from __future__ import annotations

import re

import pytest

from functions.cases import keys
from functions.cases.keys import Keyring
from functions.cases.rows import CaseRow, case_from
from functions.cases.table import Key
from tests.support.course import PERSON, staffed
from tests.support.world import SECRET

HEX = re.compile(r"[0-9a-f]{32}")


def test_the_same_secret_gives_the_same_keys_and_another_gives_others() -> None:
    def made(secret: bytes) -> list[object]:
        ring = Keyring(secret)
        return [
            ring.case("northfield", "oxygen", "KEY#1", "event-1"),
            ring.correlation("northfield", "oxygen", "E-1"),
            ring.mark("northfield", "event-1", "oxygen"),
            ring.early("KEY#1", "northfield", "event-1"),
            ring.quarantine(b"raw"),
        ]

    assert made(SECRET) == made(SECRET)
    assert all(one != other for one, other in zip(made(SECRET), made(SECRET[::-1]), strict=True))


def test_parts_do_not_run_into_one_another() -> None:
    ring = Keyring(SECRET)
    assert ring.correlation("ab", "c", "d") != ring.correlation("a", "bc", "d")
    assert ring.mark("ab", "c", "w").pk != ring.mark("a", "bc", "w").pk
    assert ring.case("a", "b", "", "c") != ring.case("a", "", "b", "c")


def test_what_is_different_has_another_key() -> None:
    ring = Keyring(SECRET)
    places = [
        ("northfield", "oxygen", "E-1"),
        ("x", "oxygen", "E-1"),
        ("northfield", "x", "E-1"),
        ("northfield", "oxygen", "x"),
    ]
    assert len({ring.correlation(*place) for place in places}) == 4
    assert len({ring.case(*place, "event-1") for place in places}) == 4
    assert ring.correlation("northfield", "oxygen", "E-1") not in {ring.case(*place, "") for place in places}


def test_keys_show_nothing_of_what_they_were_made_from() -> None:
    ring = Keyring(SECRET)
    made = [
        ring.case("northfield", "oxygen", "KEY#1", "ZEBRA"),
        ring.correlation("northfield", "oxygen", "ZEBRA").removeprefix("KEY#"),
        ring.mark("northfield", "ZEBRA", "oxygen").pk.removeprefix("EVENT#"),
        ring.early("KEY#1", "northfield", "ZEBRA").sk.removeprefix("EARLY#"),
        ring.quarantine(b"ZEBRA").sk,
    ]
    assert all(HEX.fullmatch(key) for key in made), made


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        Keyring(b"too short")


def test_numbered_rows_sort_in_the_order_of_their_numbers() -> None:
    for make in (keys.journal, keys.visit, keys.task):
        rows = [make("c", n) for n in (1, 2, 9, 10, 99, 100, 99_999, 100_000)]
        assert rows == sorted(rows)
        assert len(set(rows)) == len(rows)


def test_every_shard_of_the_sweep_is_swept() -> None:
    used = {keys.sweep_shard(f"{n:032x}") for n in range(200)}
    assert used == set(keys.all_sweep_shards())


def test_every_shard_of_the_quarantine_is_listed() -> None:
    used = {Keyring(SECRET).quarantine(str(n).encode()).pk for n in range(400)}
    assert used == set(keys.all_quarantine_shards())


def test_a_row_that_was_stored_is_the_row_that_was_committed() -> None:
    """Nothing of a case is lost between two commits."""
    world = staffed("northfield")
    world.place("assessment_completed", by=PERSON["RT"], spo2_percent=95)
    world.place(
        "oxygen_ordered", by=PERSON["PROVIDER"], order_id="O1", age_years=70, target_spo2_low=90, target_spo2_high=94
    )
    world.place("note_written", by=PERSON["RT"], note_id="N1")
    row: CaseRow = world.case()
    assert row.case.deferred
    assert row.case.patient_parameters
    assert row.case.patient_parameters_at
    assert row.park is not None
    rev = row.rev
    world.place("weaning_started", by=PERSON["RT"])
    after = world.case()
    assert after.rev == rev + 1
    assert (after.case.facts, after.case.patient_parameters, after.case.patient_parameters_at, after.park, after.task) == (
        row.case.facts, row.case.patient_parameters, row.case.patient_parameters_at, row.park, row.task,
    )  # fmt: skip
    assert case_from(world.row(Key(f"CASE#{row.id}", "META"))) == after
