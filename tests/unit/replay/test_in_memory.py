"""A whole replay in memory: every record accounted for, deadlines on the data's clock, and nothing kept for ever."""

from pathlib import Path
from typing import Any

import pytest

from functions.cases.marks import MARK_KEPT_SECONDS
from local.replay.command import newest
from local.replay.course import Settings
from local.replay.in_memory import InMemory
from local.replay.ledger import Ledger
from local.replay.message import DEFAULT_KEY, Names
from local.replay.replay import Replay
from local.replay.summary import Summary
from local.replay.times import Times, declared_offset
from statemachines.facilities import facilities
from tests.unit.replay.made_up import (
    DEVICE,
    FIO2,
    FLOW,
    RATE,
    SPO2,
    STAY_COLUMNS,
    TOTAL_RATE,
    charted,
    clock,
    encounter,
    observation,
    stayed,
    write_lines,
    write_table,
)

DAY = 24 * 60


class Replayed:
    """A replay of a folder, with its summary and the world it left."""

    def __init__(
        self, folder: Path, *, facility: str = "northfield", documentation: str | None = "signed_note", **how: Any
    ) -> None:
        self.world: InMemory | None = None

        def make(ledger: Ledger, span: tuple[float, float]) -> InMemory:
            self.world = InMemory(newest(), facilities()[facility], ledger, span=span)
            return self.world

        replay = Replay(
            folder, Times(declared_offset("Z")), Settings(facility, documentation), Names(DEFAULT_KEY), **how
        )
        self.summary: Summary = replay.run(make)

    @property
    def outcomes(self) -> dict[str, int]:
        """Records by outcome, without those there are none of."""
        return {name: count for name, count in self.summary.by_outcome().items() if count}

    def reasons(self, outcome: str) -> dict[str, int]:
        return {reason: count for (kind, reason), count in self.summary.outcomes.items() if kind == outcome}


def table(folder: Path, *rows: dict[str, str], name: str = "chart.csv") -> None:
    write_table(folder / name, rows)


def stays(folder: Path, *rows: dict[str, str]) -> None:
    write_table(folder / "stays.csv", rows, STAY_COLUMNS)


def test_a_stay_on_oxygen_from_order_to_filed_documentation(tmp_path: Path) -> None:
    table(
        tmp_path,
        charted(SPO2, 91, 0),
        charted(DEVICE, "Nasal cannula", 10),
        charted(FLOW, 2, 10),
        charted(TOTAL_RATE, 20, 20),
        charted(SPO2, 95, 25),
        charted(FLOW, 3, 30),
        charted("223770", 88, 30),
    )
    stays(tmp_path, stayed(60))
    replayed = Replayed(tmp_path)
    assert replayed.summary.adds_up
    assert replayed.summary.records == 8
    assert replayed.outcomes == {"moved": 4, "recorded": 2, "ignored": 1, "not_applicable": 1}
    cases = replayed.summary.cases
    assert cases is not None
    assert (cases.opened, dict(cases.ended), dict(cases.left_open)) == (1, {"complete": 1}, {})
    assert cases.disagreeing == []
    assert cases.missed_deadlines == 0


@pytest.mark.parametrize(
    ("facility", "documentation"),
    [("northfield", "signed_note"), ("southgate", "cosigned_note"), ("lakeside", "flowsheet_comment")],
)
def test_documentation_is_complete_at_every_facility(tmp_path: Path, facility: str, documentation: str) -> None:
    table(tmp_path, charted(FLOW, 2, 10))
    stays(tmp_path, stayed(60))
    cases = Replayed(tmp_path, facility=facility, documentation=documentation).summary.cases
    assert cases is not None
    assert dict(cases.ended) == {"complete": 1}


def test_deadlines_fire_as_the_clock_of_the_data_passes_them(tmp_path: Path) -> None:
    table(tmp_path, charted(FLOW, 2, 0), charted(SPO2, 95, 6 * 60))
    replayed = Replayed(tmp_path)
    cases = replayed.summary.cases
    assert cases is not None
    # Not assessed within two hours; the escalation is not answered within half an hour; nor is any after it.
    assert cases.transitions["T-11"] == cases.transitions["T-12"] == 1
    assert cases.missed_deadlines > 40
    assert cases.escalations == 2
    assert dict(cases.left_open) == {"escalated_to_provider": 1}


def test_without_documentation_cases_stay_open(tmp_path: Path) -> None:
    table(tmp_path, charted(FLOW, 2, 0))
    stays(tmp_path, stayed(60))
    cases = Replayed(tmp_path, documentation=None).summary.cases
    assert cases is not None
    assert sum(cases.left_open.values()) == 1
    assert not cases.ended


def test_a_copy_of_the_data_gives_only_duplicates(tmp_path: Path) -> None:
    rows = [charted(FLOW, 2, 0), charted(SPO2, 95, 5), charted(TOTAL_RATE, 20, 9)]
    table(tmp_path, *rows)
    alone = Replayed(tmp_path)
    table(tmp_path, *rows, name="copy.csv")
    twice = Replayed(tmp_path)
    assert twice.summary.adds_up
    assert twice.outcomes == alone.outcomes | {"duplicate": 3}
    assert twice.summary.cases is not None
    assert alone.summary.cases is not None
    assert twice.summary.cases.transitions == alone.summary.cases.transitions


def test_what_is_charted_ahead_is_quarantined_or_waits(tmp_path: Path) -> None:
    table(tmp_path, charted(SPO2, 95, 30, stored=clock(0)))
    assert Replayed(tmp_path).reasons("quarantined") == {"time_in_future": 1}
    assert Replayed(tmp_path, charted_ahead_waits=True).outcomes == {"ignored": 1}


def test_what_is_impossible_is_quarantined_by_name(tmp_path: Path) -> None:
    table(tmp_path, charted(FIO2, 4, 0), charted(SPO2, 140, 1))
    assert Replayed(tmp_path).reasons("quarantined") == {"out_of_range": 2}


def test_what_waits_for_a_case_is_settled_by_what_became_of_it(tmp_path: Path) -> None:
    table(
        tmp_path,
        charted(DEVICE, "None", 0, stay="S-1"),
        charted(DEVICE, "None", 0, stay="S-2"),
        charted(FLOW, 2, 10, stay="S-2"),
    )
    replayed = Replayed(tmp_path)
    # For the one no case ever opens; for the other it opens ten minutes later.
    assert replayed.reasons("quarantined") == {"no_case": 1}
    assert replayed.outcomes == {"quarantined": 1, "moved": 1, "recorded": 1}
    assert replayed.summary.cases is not None
    assert replayed.summary.cases.mended["early_expired"] == 1


def test_what_became_of_an_event_is_known_although_its_mark_was_forgotten(tmp_path: Path) -> None:
    table(tmp_path, charted(DEVICE, "None", 0), charted(FLOW, 2, 10), charted(SPO2, 95, 40 * DAY))
    assert MARK_KEPT_SECONDS < 40 * DAY * 60
    replayed = Replayed(tmp_path)
    assert replayed.summary.adds_up
    assert "held_early" not in replayed.outcomes


def test_what_is_known_too_late_is_quarantined(tmp_path: Path) -> None:
    table(tmp_path, charted(SPO2, 95, 0, stored=clock(31 * DAY)))
    assert Replayed(tmp_path).reasons("quarantined") == {"too_old": 1}


def test_nothing_of_a_stay_is_kept_once_it_is_over(tmp_path: Path) -> None:
    rows = [
        row
        for number in range(20)
        for at in (number * 3 * DAY,)
        for row in (
            charted(DEVICE, "None", at, stay=f"S-{number}"),
            charted(FLOW, 2, at + 5, stay=f"S-{number}"),
            charted(SPO2, 95, at + 30, stay=f"S-{number}"),
            charted(SPO2, 140, at + 31, stay=f"S-{number}"),
        )
    ]
    table(tmp_path, *rows)
    replayed = Replayed(tmp_path)
    world = replayed.world
    assert world is not None
    assert replayed.summary.adds_up
    kept = sorted({row["pk"].partition("#")[0] for row in world.table.rows()})
    assert kept == ["FACILITY", "STAFF"]
    assert not world.executions.executions
    assert not world.executions._tokens


def test_the_parts_of_a_day_at_the_emergency_department(tmp_path: Path) -> None:
    write_lines(
        tmp_path / "vitals.ndjson.gz",
        [
            observation("2708-6", 91, 0, id="o-1"),
            observation("9279-1", 22, 0, unit="/min", id="o-2"),
            observation("2708-6", None, 5, id="o-3"),
            observation("8867-4", 80, 5, unit="/min", id="o-4"),
            encounter(60),
        ],
    )
    replayed = Replayed(tmp_path)
    # No oxygen is charted there, so no case is open: the saturation, the rate it carries and the end are ignored.
    assert replayed.outcomes == {"ignored": 3, "not_applicable": 2}
    assert replayed.summary.adds_up


def test_rows_that_cannot_be_read_are_accounted_for(tmp_path: Path) -> None:
    table(tmp_path, charted(SPO2, 95, 0))
    with (tmp_path / "chart.csv").open("a") as file:
        file.write("1,2,3\n")
    (tmp_path / "a.ndjson").write_text("not JSON\n")
    replayed = Replayed(tmp_path)
    assert replayed.reasons("not_applicable") == {"invalid_record": 2}
    assert replayed.summary.adds_up


def test_a_rate_is_accounted_for_by_the_event_that_carries_it(tmp_path: Path) -> None:
    table(tmp_path, charted(RATE, 20, 0), charted(SPO2, 140, 0), charted(RATE, 20, 5))
    replayed = Replayed(tmp_path)
    assert replayed.outcomes == {"quarantined": 2, "not_applicable": 1}


def test_a_file_that_breaks_off_does_not_add_up(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "a.ndjson.gz", [observation("2708-6", 95, n, id=f"o-{n}") for n in range(500)])
    path.write_bytes(path.read_bytes()[:-100])
    summary = Replayed(tmp_path).summary
    assert summary.records == summary.accounted
    assert not summary.adds_up
    assert "BROKEN" in summary.as_text()


def test_a_lost_record_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table(tmp_path, charted(SPO2, 95, 0), charted(SPO2, 96, 5))
    deliver = InMemory.deliver
    monkeypatch.setattr(InMemory, "deliver", lambda self, message: None if message.seq == 1 else deliver(self, message))
    summary = Replayed(tmp_path).summary
    assert not summary.adds_up
    assert summary.by_outcome()["unaccounted"] == 1
    assert "1 ARE MISSING" in summary.as_text()
