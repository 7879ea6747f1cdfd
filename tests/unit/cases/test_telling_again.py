"""An execution that asks again finds its case moved on: its relatives learn of that, though whoever moved it died too soon."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from functions.cases import keys, settle
from functions.cases.adapters.memory import MemoryTable
from functions.cases.follow import deadline, give_up
from functions.cases.library import Library
from functions.cases.ports import Signal
from functions.cases.rows import SUPERSEDED
from functions.cases.store import MAX_ATTEMPTS
from functions.cases.table import Contention, Put, Table, Write
from functions.cases.undertakings import TRY_AGAIN_SECONDS, set_out
from functions.cases.work import perform
from statemachines.definition import Definition, Late, Work
from statemachines.language import T, WorkOutcome, emr, hours, system
from tests.support.tables import Between, Through, touches
from tests.support.world import ScriptedStep, StepFunctionsDown, World
from tests.unit.cases.leaving import EVERYBODY, RN, Ward
from tests.unit.cases.test_system_steps import FILE, Doing, filing, late_is, timed_out
from tests.unit.statemachines.leaving import EXPIRED, KIT, POLICIES, WITHDRAWN, leaving
from tests.unit.statemachines.leaving import RN as NURSE

RECALL = Work(name="recall", outcomes=("recalled", "failed"))
RECALLING = system(
    "recalling", "Recalling", work=RECALL, owner=NURSE, within=hours(1), emr=emr("in-progress", "recalling")
)
RECALLED_KIT = KIT.model_copy(
    update={
        "states": (*KIT.states, RECALLING),
        "transitions": (
            *(t.model_copy(update={"target": "recalling"}) if t.id == "K-4" else t for t in KIT.transitions),
            T("K-6", RECALLING, on=WorkOutcome("recall", "recalled"), to=WITHDRAWN, because="recalled"),
            T("K-7", RECALLING, on=WorkOutcome("recall", "failed"), to=EXPIRED, because="not recalled"),
        ),
    }
)
"""The kit, which the system recalls when its order is cancelled."""

LATE_ORDER = leaving(needed=2).model_copy(
    update={
        "transitions": tuple(
            t.model_copy(update={"target": "ordering"}) if t.id == "L-4" else t for t in leaving(needed=2).transitions
        )
    }
)
"""The discharge that orders the kit when its preparation is late."""


class Died(BaseException):
    """A function is gone; nothing of it goes on."""


def ward_of(definition: Definition, kit: Definition, table: Table | None = None) -> Ward:
    ward = Ward.__new__(Ward)
    definitions = {"leaving": definition, "kit": kit}
    World.__init__(ward, definitions=definitions, policies=POLICIES, table=table or Between(MemoryTable()))
    ward.on_shift(*EVERYBODY, hours=48)
    return ward


def dies_before_the_parent_knows(ward: Ward, act: Callable[[], object]) -> None:
    """What is asked is committed, and the function dies at the write that tells the parent."""

    def die() -> None:
        raise Died

    assert isinstance(ward.table, Between)
    ward.table.before_write(die, of=touches(keys.case_pk(ward.parent.id)))
    with pytest.raises(Died):
        act()


def until_due(ward: Ward) -> Callable[[], Signal]:
    due = ward.kit.case.due
    assert due is not None
    ward.now = due
    return lambda: deadline(ward.services, ward.kit.id, 1, 1, 0)


def recalling(ward: Ward) -> None:
    ward.place("home_oxygen_order_cancelled", by=RN, reason="no", run=False)
    assert (ward.kit.state, ward.kit.visit) == ("recalling", 2)


def until_recalled(ward: Ward) -> Callable[[], Signal]:
    recalling(ward)
    step = ScriptedStep(["recalled"])
    return lambda: perform(ward.services, ward.kit.id, 1, 2, "recall", step)


def until_given_up(ward: Ward) -> Callable[[], Signal]:
    recalling(ward)
    return lambda: give_up(ward.services, ward.kit.id, 1, 2, "recall")


@pytest.mark.parametrize(
    ("prepared", "end"),
    [(until_due, "expired"), (until_recalled, "withdrawn"), (until_given_up, "expired")],
    ids=["deadline", "work", "give up"],
)
def test_what_is_asked_again_tells_the_parent(prepared: Callable[[Ward], Callable[[], Signal]], end: str) -> None:
    """A function ended the sub-case and died: the execution asks again, and the parent goes on at once, without the sweep."""
    ward = ward_of(leaving(), RECALLED_KIT).ordered()
    ask = prepared(ward)
    dies_before_the_parent_knows(ward, ask)
    assert (ward.kit.state, ward.parent.state) == (end, "ordering")
    answer = ask()
    assert (answer["state"], ward.parent.state) == (end, "planned")
    journal = ward.journal(ward.parent.id)
    assert ask() == answer
    assert ward.journal(ward.parent.id) == journal, "once"


def test_a_late_outcome_tells_the_parent_what_another_did_not_live_to_tell() -> None:
    ward = ward_of(leaving(), RECALLED_KIT).ordered()
    ask = until_given_up(ward)
    step = Doing("recalled", lambda: dies_before_the_parent_knows(ward, ask))
    answer = perform(ward.services, ward.kit.id, 1, 2, "recall", step)
    assert (answer["state"], ward.parent.state) == ("expired", "planned")


def preparing_late(ward: Ward) -> Callable[[], Signal]:
    """The discharge's next deadline leads to the state that opens the kit."""
    row = ward.prepared().parent
    assert row.case.due is not None
    ward.now = row.case.due
    return lambda: deadline(ward.services, row.id, 1, row.visit, 0)


def test_a_sub_case_that_cannot_be_opened_keeps_no_execution_from_following(caplog: pytest.LogCaptureFixture) -> None:
    """Whoever moves the case raises it; who comes again goes on, so that the state's deadline has a timer, and logs it."""
    ward = ward_of(LATE_ORDER, KIT)
    ask = preparing_late(ward)
    ward.table.write((Put({**ward.row(keys.facility_active("northfield")), "workflows": {"leaving": 1}}),))
    ward.services = replace(ward.services, library=Library(ward.table, (LATE_ORDER, KIT)))
    with pytest.raises(LookupError, match="does not run"):
        ask()
    assert (ward.parent.state, ward.kits, caplog.records) == ("ordering", [], [])
    with caplog.at_level(logging.ERROR):
        answer = ask()
    assert (answer["state"], answer["timeout"]) == ("ordering", 6 * 3600)
    (record,) = caplog.records
    assert ward.parent.id in record.getMessage()
    assert record.exc_info is not None


def test_a_fault_of_ours_is_not_taken_for_a_sub_case_that_cannot_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    ward = ward_of(LATE_ORDER, KIT)
    ask = preparing_late(ward)
    ask()

    def faulty(*_: object) -> None:
        raise KeyError("no such attribute")

    monkeypatch.setattr(settle, "tell_relatives", faulty)
    with pytest.raises(KeyError, match="no such attribute"):
        ask()


def test_another_fault_is_raised_so_that_the_execution_asks_again() -> None:
    ward = ward_of(LATE_ORDER, KIT)
    ask = preparing_late(ward)
    ward.following.down = True
    for _ in range(2):
        with pytest.raises(StepFunctionsDown):
            ask()
    assert (ward.kit.state, ward.followed(ward.kit.id)) == ("sent", [])
    ward.following.down = False
    assert ask()["state"] == "ordering"
    ward.following.run()
    assert ward.followed(ward.kit.id) == ["sent"]


class Busy(Through):
    """Rows of one partition are always in somebody else's transaction."""

    busy = "nobody's"

    def write(self, writes: Sequence[Write]) -> None:
        if touches(self.busy)(writes):
            raise Contention("try again")
        super().write(writes)


def test_a_parent_that_nobody_can_write_to_is_not_tried_in_a_loop_within_a_loop() -> None:
    table = Busy(MemoryTable())
    ward = ward_of(leaving(), KIT, table).ordered()
    ask = until_due(ward)
    table.busy = keys.case_pk(ward.parent.id)
    with pytest.raises(Contention):
        ask()
    assert ward.kit.state == "expired"
    assert ward.pauses <= 2 * MAX_ATTEMPTS + 1


def test_an_execution_that_another_takes_over_from_while_relatives_are_told_ends() -> None:
    """A step is still to be undone: another execution is sent back to it, and this one does not go on beside it."""
    world, case, visit = filing(late_is(Late.COMPENSATE))
    set_out(world.services, case, visit, FILE, world.case().case.facts)
    timed_out(world)()
    world.now += TRY_AGAIN_SECONDS
    assert world.case().generation == 1
    answer = deadline(world.services, case, 1, visit, 0)
    assert (answer["transition"], world.case().generation) == (SUPERSEDED, 2)
