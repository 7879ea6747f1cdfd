"""`baton quarantine`, `baton redrive`, `baton facility`: what could not be placed goes through again once its cause is mended."""

from __future__ import annotations

from pathlib import Path

import pytest

from functions.cases.quarantine import Kept, forget, message, quarantine, quarantined
from local import facility
from local.mend import listed, redrive, redrive_all, shown
from local.problem import Problem
from statemachines.facilities import facilities
from statemachines.policy import UnknownInPolicy, dump
from statemachines.workflows import WORKFLOWS
from tests.support.world import World

NEWEST = {name: definition.version for name, definition in WORKFLOWS.items()}


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


def test_the_list_says_what_where_and_how_to_mend() -> None:
    world = World()
    kept = homeless(world)
    first, mend = listed(world.services)
    assert kept.id[:12] in first
    assert "unknown_facility at detail.facility" in first
    assert "register the facility, then redrive" in mend


def test_one_message_is_shown_as_it_came() -> None:
    world = World()
    raw = world.raw("spo2_observed", spo2_percent=95) + " broken"
    world.deliver(raw)
    (kept,) = quarantined(world.services)
    assert shown(world.services, kept.id[:6]) == (kept, raw)


def test_mended_then_redriven_it_is_placed_and_leaves_quarantine(tmp_path: Path) -> None:
    world = World()
    kept = homeless(world)
    register_eastbank(world, tmp_path)
    again = redrive(world.services, kept.id[:8])
    assert again.placed
    assert "oxygen: moved" in again.said
    assert world.state("eastbank") == "ordered"
    assert list(quarantined(world.services)) == []


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


def test_an_id_that_is_not_there_or_not_enough_is_a_problem() -> None:
    world = World()
    with pytest.raises(Problem, match="`baton quarantine` lists"):
        redrive(world.services, "abc")
    for number in range(2):
        world.deliver(f"not json {number}")
    with pytest.raises(Problem, match="give more of the id"):
        redrive(world.services, "")


def test_forgetting_takes_every_part_and_nothing_else() -> None:
    world = World()
    # Different in every byte, so that it stays large when packed.
    large = "".join(chr(0x4E00 + (n * 7919) % 20_000) for n in range(400_000))
    kept = quarantine(world.services, large, "too_large", "event", "send ids")
    other = quarantine(world.services, "other", "invalid_json", "event", "send JSON")
    assert message(world.services, kept.id) == large
    forget(world.services, kept.id)
    assert [row["sk"] for row in world.table.rows() if row["pk"].startswith("QUARANTINE#")] == [other.id]  # type: ignore[attr-defined]
    forget(world.services, kept.id)


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
