"""How far an EMR shows a case is noted forwards only, and how long it took to show it is measured."""

from __future__ import annotations

from collections.abc import Iterable

from functions.cases import keys
from functions.cases.commands import claim
from functions.cases.table import Update
from functions.cases.telemetry import Measure, Telemetry
from functions.emr.client import FhirClient
from functions.emr.ledger import InMemoryLedger
from functions.writeback.bring import Writeback
from tests.support.course import PERSON, staffed
from tests.unit.emr.fake_emr import BASE_URL, FakeEmr


def test_a_write_that_was_overtaken_does_not_say_that_less_is_shown() -> None:
    """Another shard of the queue showed a newer entry; the sweep would ask for it again and again."""
    world = staffed("northfield")
    world.place("oxygen_ordered", by=PERSON["PROVIDER"], order_id="O1", age_years=70)
    row = world.case()
    shown = keys.mirror(row.id, "emr")
    world.table.update(Update(shown, set={"shown": row.seq + 5}))
    client = FhirClient(BASE_URL, emr="emr", transport=FakeEmr())
    Writeback(world.services, client, InMemoryLedger()).bring(row.id)
    assert world.row(shown)["shown"] == row.seq + 5


class Collected(Telemetry):
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.measures: list[Measure] = []

    def emit(self, measures: Iterable[Measure]) -> None:
        self.measures += measures

    def lags(self) -> list[float]:
        """Each lag of the EMR that was measured, in seconds."""
        return [measure.value / 1000 for measure in self.measures if measure.name == "EmrLag"]


def test_how_far_the_emr_lagged_is_counted_from_the_oldest_entry_that_it_did_not_show() -> None:
    world = staffed("northfield")
    world.place("oxygen_ordered", by=PERSON["PROVIDER"], order_id="O1", age_years=70)
    telemetry = Collected()
    client = FhirClient(BASE_URL, emr="emr", transport=FakeEmr())
    brings = Writeback(world.services, client, InMemoryLedger(), telemetry)
    world.now += 2
    brings.bring(world.case().id)
    world.now += 100
    brings.bring(world.case().id)
    assert telemetry.lags() == [2.0], "it shows all there is: it lags no further"
    world.place("oxygen_changed", by=PERSON["RN"], flow_l_min=2)
    world.now += 600
    claim(world.services, world.command(PERSON["RT"]))
    world.now += 5
    brings.bring(world.case().id)
    assert telemetry.lags() == [2.0, 605.0]
    assert {"workflow", "facility"} == set(telemetry.measures[-1].dimensions)
