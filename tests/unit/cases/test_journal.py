"""The journal: who owned what, when and why, in a chain that shows any later change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from functions.cases.commands import claim
from functions.cases.journal import Entry, Kind, _digest, broken_links, link
from functions.cases.table import Item
from statemachines.workflows.oxygen import OXYGEN
from tests.support.course import PERSON, arrive, courses, play, staffed
from tests.support.world import World

RT, RN, MD = (PERSON[role] for role in ("RT", "RN", "PROVIDER"))


@pytest.fixture
def world() -> World:
    """A case that took a whole course, with a claim and a refusal on the way."""
    world = staffed("northfield")
    *before, last = courses(OXYGEN, "northfield")["T-54", "documented_unsigned"]
    play(world, tuple(before), "northfield")
    claim(world.services, world.command(RT))
    world.place("note_signed", by=RN, note_id="N1")
    play(world, (last,), "northfield")
    arrive(world)
    return world


def test_a_journal_as_written_is_whole(world: World) -> None:
    journal = world.journal(world.case().id)
    assert [entry["seq"] for entry in journal] == list(range(1, len(journal) + 1))
    assert {"moved", "claimed", "refused"} <= {entry["kind"] for entry in journal}
    assert broken_links(journal) == []
    assert journal[-1]["hash"] == world.case().journal_hash


def edited(name: str, value: Any) -> Callable[[list[Item]], None]:
    def edit(journal: list[Item]) -> None:
        journal[3][name] = value

    return edit


def hashed_again(journal: list[Item]) -> None:
    """Whoever changes an entry and computes its hash anew is found out by the next entry."""
    journal[3]["actor"] = "SOMEBODY-ELSE"
    journal[3]["hash"] = _digest({k: v for k, v in journal[3].items() if k not in ("pk", "sk", "hash")})


@pytest.mark.parametrize(
    ("tamper", "broken"),
    [
        pytest.param(edited("actor", "SOMEBODY-ELSE"), [4], id="another actor"),
        pytest.param(edited("at", 0.5), [4], id="another time"),
        pytest.param(edited("routing", ["because I say so"]), [4], id="other reasons"),
        pytest.param(edited("added", True), [4], id="something added"),
        pytest.param(lambda journal: journal[3].pop("because"), [4], id="something removed"),
        pytest.param(hashed_again, [5], id="hashed again"),
        pytest.param(lambda journal: journal.pop(3), None, id="an entry removed"),
        pytest.param(lambda journal: journal.insert(3, dict(journal[3])), None, id="an entry repeated"),
        pytest.param(lambda journal: journal.__setitem__(slice(3, 5), journal[4:2:-1]), None, id="two entries swapped"),
        pytest.param(lambda journal: journal.pop(0), None, id="the beginning removed"),
    ],
)  # fmt: skip
def test_tampering_shows(world: World, tamper: Callable[[list[Item]], object], broken: list[int] | None) -> None:
    journal = world.journal(world.case().id)
    tamper(journal)
    found = broken_links(journal)
    assert found
    assert broken is None or found == broken


def test_an_entry_whose_number_does_not_follow_shows_although_its_hash_does() -> None:
    """Whoever writes a journal anew can make every hash fit, and counts wrong."""
    entry = Entry(Kind.MOVED, 0.0, "transition", "because", "an_event", "E", 0.0)
    first, hashed = link("case", 1, "", entry, {})
    third, _ = link("case", 3, hashed, entry, {})
    assert broken_links([first, third]) == [3]


def test_an_end_cut_off_shows_against_the_case_row(world: World) -> None:
    journal = world.journal(world.case().id)[:-1]
    assert broken_links(journal) == []
    row = world.case()
    assert (journal[-1]["hash"], len(journal)) != (row.journal_hash, row.seq)


def test_a_number_counts_by_its_value_not_by_how_a_table_gives_it_back(world: World) -> None:
    """A table may give 3 for 3.0."""
    journal = world.journal(world.case().id)
    for entry in journal:
        for name, value in entry.items():
            if isinstance(value, float) and value.is_integer():
                entry[name] = int(value)
    assert broken_links(journal) == []


def test_a_hand_off_says_who_when_why_and_to_whom(world: World) -> None:
    moved = [entry for entry in world.journal(world.case().id) if entry["kind"] == "moved"]
    first, second = moved[:2]
    assert (first["transition"], first["event"], first["actor"], first["actor_role"]) == (
        "T-01", "oxygen_ordered", "MD-OAK", "PROVIDER",
    )  # fmt: skip
    assert (first["role"], first["person"], first["routing"]) == ("RN", "RN-ASH", ["RN: RN-ASH, one of 1 on shift"])
    assert "task_closed" not in first
    assert (second["task_closed"], second["task_opened"]) == (first["task_opened"], 2)
    assert second["waited_seconds"] == second["at"] - first["at"]
    for entry in moved:
        assert (entry["workflow"], entry["version"], entry["facility"]) == ("oxygen", 1, "northfield")
        assert entry["because"]
    assert "role" not in moved[-1], "nobody owns a case that has ended"
