"""`baton quarantine`, `baton facility`: what could not be placed goes through again once its cause is mended."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from events.files import EventFileError
from functions.cases.quarantine import Kept, quarantined
from local import facility
from local.mend import listed, phi, redrive, redrive_all, shown, told
from local.problem import Problem
from statemachines.facilities import facilities
from statemachines.policy import UnknownInPolicy, dump
from statemachines.workflows import WORKFLOWS
from tests.support.world import World

NEWEST = {name: definition.version for name, definition in WORKFLOWS.items()}
CANARY = "ZEBRA"
"""A patient's name, as far as these tests go: nothing but `show --phi` may repeat it."""


def homeless(world: World, encounter: str = "E-1") -> Kept:
    """An order at a facility that nobody has registered."""
    kept = world.send(
        "oxygen_ordered",
        facility="eastbank",
        by="MD-OAK:PROVIDER",
        order_id="order-1",
        age_years=60,
        encounter=encounter,
    )
    assert isinstance(kept, Kept)
    return kept


def register_eastbank(world: World, folder: Path) -> None:
    """Register the facility, from a file."""
    path = folder / "eastbank.json"
    path.write_text(dump(facilities()["northfield"].model_copy(update={"facility": "eastbank"})))
    said = facility.register(world.table, facility.read(path), NEWEST, WORKFLOWS.values())
    assert said.startswith("eastbank is registered")


def test_the_list_says_why_where_since_when_and_how_to_mend(tmp_path: Path) -> None:
    world = World()
    kept = homeless(world)
    world.now += 3 * 3600
    first, mend = listed(world.services)
    assert first.split()[:4] == [kept.id[:12], "3", "h", "–"], "a facility that nobody knows may be anything"
    assert "unknown_facility at detail.facility" in first
    assert "register the facility, then redrive" in mend
    register_eastbank(world, tmp_path)
    assert listed(world.services)[0].split()[3] == "eastbank"


def test_the_list_is_narrowed_by_reason_and_facility() -> None:
    world = World()
    homeless(world)
    world.deliver("not json")
    world.send("weaning_started", by="RN-ASH:RN")
    assert [len(listed(world.services, **by)) // 2 for by in (
        {}, {"reason": "no_case"}, {"facility": "eastbank"}, {"facility": "eastbank", "reason": "no_case"},
    )] == [3, 1, 1, 0]  # fmt: skip


def test_patients_data_are_shown_only_on_demand() -> None:
    world = World()
    data: dict[str, Any] = {CANARY: CANARY}
    raw = world.raw("spo2_observed", spo2_percent=95, encounter=CANARY, facility=CANARY, **data)
    world.deliver(raw)
    (kept,) = quarantined(world.services)
    told_of_it = [*listed(world.services), *shown(world.services, kept.id[:6])]
    assert CANARY not in "".join(told_of_it)
    assert [line.split()[0] for line in told_of_it[2:]] == [
        "id",
        "reason",
        "where",
        "mend",
        "facility",
        "since",
        "came",
    ]
    assert phi(world.services, kept.id[:6]) == raw


def test_mended_then_redriven_it_is_placed_and_leaves_quarantine(tmp_path: Path) -> None:
    world = World()
    kept = homeless(world)
    register_eastbank(world, tmp_path)
    again = redrive(world.services, kept.id[:8])
    assert again.placed
    assert "oxygen: moved" in again.said
    assert world.state("eastbank") == "ordered"
    assert list(quarantined(world.services)) == []
    assert listed(world.services) == []
    assert "redriven" in shown(world.services, kept.id)[-1], "what became of it can still be looked up"


def test_what_is_not_mended_stays() -> None:
    world = World()
    kept = homeless(world)
    again = redrive(world.services, kept.id)
    assert (again.placed, [k.id for k in quarantined(world.services)]) == (False, [kept.id])
    assert "unknown_facility" in again.said


def test_all_are_redriven_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    world = World()
    first = homeless(world, encounter="E-1")
    world.pass_time(5)
    second = homeless(world, encounter="E-2")
    world.deliver("not json")
    register_eastbank(world, tmp_path)
    done = list(redrive_all(world.services))
    assert [again.id for again in done if again.placed] == [first.id, second.id]
    assert [k.reason for k in quarantined(world.services)] == ["invalid_json"]


def test_only_what_is_named_is_redriven(tmp_path: Path) -> None:
    world = World()
    homeless(world)
    world.deliver("not json")
    register_eastbank(world, tmp_path)
    assert list(redrive_all(world.services, reason="no_case")) == []
    said: list[str] = []
    assert told(redrive_all(world.services, reason="unknown_facility", facility="eastbank"), said.append)
    assert len(said) == 1
    assert not told(redrive_all(world.services), said.append), "one still waits"


def test_a_corrected_event_from_a_file_takes_the_message_s_place(tmp_path: Path) -> None:
    world = World()
    kept = homeless(world)
    corrected = json.loads(phi(world.services, kept.id))
    corrected["detail"]["facility"] = "northfield"
    (tmp_path / "corrected.json").write_text(json.dumps(corrected))
    again = redrive(world.services, kept.id, tmp_path / "corrected.json")
    assert (again.placed, world.state()) == (True, "ordered")
    assert listed(world.services) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [("[]", "holds 0 events"), ("{}", "not_an_event"), ('{"detail": {"facility": "ZEBRA"}}', "not_an_event")],
)
def test_a_file_that_is_no_correction_is_a_located_problem(tmp_path: Path, content: str, said: str) -> None:
    world = World()
    kept = homeless(world)
    (tmp_path / "corrected.json").write_text(content)
    with pytest.raises((Problem, EventFileError), match=said) as fault:
        redrive(world.services, kept.id, tmp_path / "corrected.json")
    assert "corrected.json" in str(fault.value)
    assert CANARY not in str(fault.value)


def test_another_event_is_no_correction(tmp_path: Path) -> None:
    world = World()
    kept = homeless(world)
    corrected = json.loads(phi(world.services, kept.id))
    corrected["detail"]["event_id"] = "another"
    (tmp_path / "corrected.json").write_text(json.dumps(corrected))
    with pytest.raises(Problem, match="another event_id"):
        redrive(world.services, kept.id, tmp_path / "corrected.json")


def test_an_id_that_is_not_there_or_not_enough_is_a_problem() -> None:
    world = World()
    with pytest.raises(Problem, match="`baton quarantine list` lists"):
        redrive(world.services, "abc")
    for number in range(2):
        world.deliver(f"not json {number}")
    with pytest.raises(Problem, match="give more of the id"):
        redrive(world.services, "")


def test_faults_of_a_policy_are_located(tmp_path: Path) -> None:
    path = tmp_path / "eastbank.json"
    path.write_text('{"facility": "eastbank", "title": "E", "calendar": {"time_zone": "Mars"}, "extra": 1}')
    with pytest.raises(Problem) as said:
        facility.read(path)
    for place in ("calendar.time_zone", "always_staffed", "extra"):
        assert f"{path}: {place}: " in str(said.value)
    with pytest.raises(Problem, match="cannot be read"):
        facility.read(tmp_path / "none.json")


def test_a_policy_that_does_not_fit_a_workflow_is_not_registered() -> None:
    world = World()
    policy = facilities()["northfield"].model_copy(
        update={"facility": "eastbank", "parameters": {"oxygen": {"fall_by": 3}}}
    )
    with pytest.raises(UnknownInPolicy, match="fall_by"):
        facility.register(world.table, policy, NEWEST, WORKFLOWS.values())
    assert world.services.library.active("eastbank") is None


def test_facilities_are_listed_with_what_they_run() -> None:
    row = {"facility": "eastbank", "title": "Eastbank", "policy": "0123", "workflows": {"oxygen": 1}}
    (line,) = facility.listed([row])
    assert line.split() == ["eastbank", "Eastbank", "policy", "0123", "oxygen", "1"]
