"""Write-back: what the EMR shows is a function of the case as it is now, however often and in whatever order it is asked."""

from __future__ import annotations

import json

import pytest

from functions.cases.commands import claim
from functions.cases.rows import moved_on
from functions.emr.attempt import EmrUnavailable
from functions.emr.client import FhirClient
from functions.emr.document import document_resource
from functions.emr.documentation import DocumentId
from functions.emr.filing import file_document
from functions.emr.ledger import InMemoryLedger
from functions.emr.sync import SyncOutcome
from functions.emr.task import task_differs, task_resource
from functions.emr.transport import NoAnswer
from functions.writeback.bring import Rejected, Writeback
from functions.writeback.mirror import mirror_of
from statemachines.definition import StateKind
from statemachines.facilities import facilities
from statemachines.workflows.oxygen import OXYGEN
from tests.support.course import PERSON, Course, courses, play, staffed
from tests.support.world import World
from tests.unit.emr.cases import NOW, a_document
from tests.unit.emr.fake_emr import BASE_URL, FakeEmr, answer

MD, RT = PERSON["PROVIDER"], PERSON["RT"]


def writeback(world: World, emr: FakeEmr) -> Writeback:
    client = FhirClient(BASE_URL, emr="emr", transport=emr)
    return Writeback(world.services, client, InMemoryLedger())


def running() -> World:
    world = staffed("northfield")
    play(world, courses(OXYGEN, "northfield")["T-02", "ordered"], "northfield")
    return world


def _way_to(state: str) -> tuple[str, Course]:
    return next((f, c) for f in facilities() for c in courses(OXYGEN, f).values() if c[-1].target == state)


@pytest.mark.parametrize("state", [s.name for s in OXYGEN.states])
def test_every_state_has_its_mirror(state: str) -> None:
    facility, course = _way_to(state)
    world = staffed(facility)
    play(world, course, facility)
    emr = FakeEmr()
    result = writeback(world, emr).bring(world.case(facility).id)
    assert result is not None
    assert result.outcome is SyncOutcome.WRITTEN
    (task,) = emr.all("Task")
    declared = OXYGEN.state(state)
    assert task["status"] == declared.emr.status
    assert declared.emr.business_status in {c["code"] for c in task["businessStatus"]["coding"]}
    role = declared.owner if declared.kind is not StateKind.END else "NOBODY"
    assert {c["code"] for p in task["performerType"] for c in p["coding"]} == {role}
    assert ("restriction" in task) is (declared.kind is not StateKind.END)


def test_who_claimed_it_is_its_owner_there_and_who_was_only_asked_is_not() -> None:
    world, emr = running(), FakeEmr()
    brings = writeback(world, emr)
    brings.bring(world.case().id)
    assert "owner" not in emr.all("Task")[0]
    claim(world.services, world.command(RT))
    brings.bring(world.case().id)
    assert emr.all("Task")[0]["owner"]["identifier"]["value"] == "RT-LINDEN"


def test_brought_again_nothing_is_written() -> None:
    world, emr = running(), FakeEmr()
    brings = writeback(world, emr)
    brings.bring(world.case().id)
    written = emr.count("POST") + emr.count("PUT")
    again = brings.bring(world.case().id)
    assert again is not None
    assert again.outcome is SyncOutcome.UNCHANGED
    assert emr.count("POST") + emr.count("PUT") == written


def test_a_message_that_comes_late_brings_the_case_as_it_is_now() -> None:
    world, emr = running(), FakeEmr()
    brings = writeback(world, emr)
    world.now += 60
    world.place("assessment_completed", by=RT)
    for _ in world.journal(world.case().id):
        brings.bring(world.case().id)
    (task,) = emr.all("Task")
    row = world.case()
    mirror = mirror_of(row, OXYGEN)
    assert mirror is not None
    assert not task_differs(task, mirror)
    assert mirror.state == "assessed"


def test_what_somebody_changed_in_the_emr_is_put_right() -> None:
    world, emr = running(), FakeEmr()
    brings = writeback(world, emr)
    brings.bring(world.case().id)
    emr.store({**emr.all("Task")[0], "status": "on-hold"})
    brings.bring(world.case().id)
    assert emr.all("Task")[0]["status"] == OXYGEN.state(world.state()).emr.status


def measured(capsys: pytest.CaptureFixture[str]) -> dict[str, float]:
    names = ("EmrTasksMended", "EmrDuplicatesRetired")
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return {name: sum(sum(d.get(name, [])) for d in documents) for name in names if any(name in d for d in documents)}


def test_a_task_that_somebody_deleted_in_the_emr_is_there_again_after_a_check(
    capsys: pytest.CaptureFixture[str],
) -> None:
    world, emr = running(), FakeEmr()
    brings = writeback(world, emr)
    brings.bring(world.case().id)
    emr.resources.clear()
    brings.bring(world.case().id, check=True)
    (task,) = emr.all("Task")
    assert task["status"] == OXYGEN.state(world.state()).emr.status
    assert measured(capsys) == {"EmrTasksMended": 1}


def test_a_task_that_somebody_doubled_in_the_emr_is_one_again_after_a_check(capsys: pytest.CaptureFixture[str]) -> None:
    world, emr = running(), FakeEmr()
    brings = writeback(world, emr)
    brings.bring(world.case().id)
    (ours,) = emr.all("Task")
    emr.store({name: value for name, value in ours.items() if name not in ("id", "meta")})
    brings.bring(world.case().id)
    assert len(emr.all("Task", status=ours["status"])) == 2, "only a check searches where the ledger knows the Task"
    brings.bring(world.case().id, check=True)
    (kept,) = emr.all("Task", status=ours["status"])
    assert kept["id"] == ours["id"]
    assert len(emr.all("Task", status="entered-in-error")) == 1
    assert measured(capsys) == {"EmrDuplicatesRetired": 1}


def test_a_task_that_somebody_changed_in_the_emr_is_put_right_and_counted_by_a_check(
    capsys: pytest.CaptureFixture[str],
) -> None:
    world, emr = running(), FakeEmr()
    brings = writeback(world, emr)
    brings.bring(world.case().id)
    emr.store({**emr.all("Task")[0], "status": "entered-in-error"})
    brings.bring(world.case().id, check=True)
    assert emr.all("Task")[0]["status"] == OXYGEN.state(world.state()).emr.status
    assert measured(capsys) == {"EmrTasksMended": 1}


def test_a_document_that_the_emr_has_twice_is_one_again_after_a_check(capsys: pytest.CaptureFixture[str]) -> None:
    world, emr, ledger = running(), FakeEmr(), InMemoryLedger()
    client = FhirClient(BASE_URL, emr="emr", transport=emr)
    brings = Writeback(world.services, client, ledger)
    document = a_document(id=DocumentId(world.case().id, 1))
    file_document(client, ledger, document, at=NOW)
    emr.store(document_resource(document))
    brings.bring(world.case().id)
    assert len(emr.all("DocumentReference", status="current")) == 2
    brings.bring(world.case().id, check=True)
    assert len(emr.all("DocumentReference", status="current")) == 1
    assert measured(capsys) == {"EmrDuplicatesRetired": 1}


def test_a_check_that_finds_everything_right_or_brings_news_counts_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    world, emr = running(), FakeEmr()
    brings = writeback(world, emr)
    brings.bring(world.case().id, check=True)
    brings.bring(world.case().id, check=True)
    claim(world.services, world.command(RT))
    brings.bring(world.case().id, check=True)
    assert measured(capsys) == {}


def test_an_emr_that_is_away_is_tried_again_and_one_that_refuses_is_reported(
    capsys: pytest.CaptureFixture[str],
) -> None:
    world, emr = running(), FakeEmr()
    brings = writeback(world, emr)
    emr.will("POST", NoAnswer("timed out"))
    with pytest.raises(EmrUnavailable):
        brings.bring(world.case().id)
    emr.will("POST", answer(422))
    with pytest.raises(Rejected, match="422"):
        brings.bring(world.case().id)
    (document,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert document["WritebackFailed"] == [1.0]
    brings.bring(world.case().id)
    assert len(emr.all("Task")) == 1


def test_a_case_of_nobody_known_to_the_emr_shows_nothing() -> None:
    world = running()
    assert mirror_of(moved_on(world.case(), patient=None), OXYGEN) is None
    assert mirror_of(moved_on(world.case(), encounter=None), OXYGEN) is None


def test_a_case_that_does_not_exist_is_a_fault() -> None:
    with pytest.raises(LookupError, match="does not exist"):
        writeback(running(), FakeEmr()).bring("0" * 32)


def test_the_mirror_follows_the_row_alone() -> None:
    world = running()
    row = world.case()
    first, second = mirror_of(row, OXYGEN), mirror_of(row, OXYGEN)
    assert first is not None
    assert second is not None
    assert first.revision == row.seq
    assert task_resource(first) == task_resource(second)
