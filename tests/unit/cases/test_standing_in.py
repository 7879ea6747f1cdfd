"""What somebody did while they stood in for another counts as that when it is taken up later, through the table too."""

from __future__ import annotations

from functions.cases import keys
from statemachines.workflows.oxygen import OXYGEN
from tests.support.course import PERSON, courses, play, staffed
from tests.support.invariants import violations

LEAD = PERSON["RT_LEAD"]


def test_a_note_signed_by_who_stood_in_is_taken_up_when_the_note_is_known() -> None:
    world = staffed("northfield")
    world.now += 60
    world.off_shift("RT-LINDEN")
    play(world, courses(OXYGEN, "northfield")["T-81", "assessment_due"], "northfield")
    row = world.case()
    assert (row.state, row.task and row.task.role) == ("titrated_undocumented", "RT_LEAD")
    world.now += 60
    assert world.place("note_signed", by=LEAD, id="signed", note_id="N1").outcome == "deferred"
    assert world.row(keys.meta(row.id))["deferred"][0]["acts_for"] == ["RT"]
    assert world.journal(row.id)[-1]["actor_role"] == "RT_LEAD"
    world.now += 60
    assert world.place("note_written", by=LEAD, note_id="N1").transitions == ("T-50", "T-54")
    mark = world.mark("signed")
    assert mark is not None
    assert mark["outcome"] == "moved"
    assert violations(world, followed=False) == []
