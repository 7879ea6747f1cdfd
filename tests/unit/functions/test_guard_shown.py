"""How far an EMR shows a case is noted forwards only."""

from __future__ import annotations

from functions.cases import keys
from functions.cases.table import Update
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
