"""An early event that can no longer be read holds up nothing, also when two workers find it at once; and it is counted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from functions.cases import wiring
from functions.cases.early import readable
from functions.cases.quarantine import quarantined
from functions.cases.table import Delete, Update
from functions.cases.telemetry import Measure
from tests.support.course import staffed
from tests.support.world import World


def test_whoever_finds_an_unreadable_event_after_another_took_it_away_goes_on() -> None:
    world = staffed("northfield")
    world.place("oxygen_changed", by="RN-ASH:RN", id="early", flow_l_min=2)
    (place,) = [key for key in world.snapshot() if key == world.services.keys.early(key.pk, "northfield", "early")]
    world.table.write((Update(place, set={"raw": "{"}),))
    item = world.row(place)
    world.table.write((Delete(place, ()),))
    assert readable(world.services, item) is None
    assert [kept.reason for kept in quarantined(world.services)] == ["invalid_json"]


def _its_time_is_over(world: World) -> None:
    world.now += 3601
    world.sweep()


def _its_case_opens_when_it_cannot_be_read(world: World) -> None:
    (place,) = [key for key in world.snapshot() if key.sk.startswith("EARLY#")]
    world.table.write((Update(place, set={"raw": "{"}),))
    world.place("oxygen_ordered", by="MD-OAK:PROVIDER", order_id="O1", age_years=70)


def _nobody_can_read_it(world: World) -> None:
    world.deliver("{")


@pytest.mark.parametrize("kept", [_its_time_is_over, _its_case_opens_when_it_cannot_be_read, _nobody_can_read_it])
def test_whatever_waits_in_quarantine_was_counted_where_the_alarm_listens(kept: Callable[[World], None]) -> None:
    world = staffed("northfield")
    counted: list[Measure] = []
    world.services = world.following.services = replace(world.services, count=counted.extend)
    world.place("oxygen_changed", by="RN-ASH:RN", id="early", flow_l_min=2)
    assert counted == []
    kept(world)
    (message,) = quarantined(world.services)
    assert counted == [
        Measure("Quarantined", 1, "Count", {"reason": message.reason}),
        Measure("Quarantined", 1, "Count", {}),
    ]


def test_the_functions_count_where_the_alarm_listens(capsys: pytest.CaptureFixture[str]) -> None:
    wiring.count([Measure("Quarantined", 1, "Count", {})])
    assert '"Quarantined":[1.0]' in capsys.readouterr().out
