"""After the end: what re-opens a case, what the new one knows, and what stays refused."""

from __future__ import annotations

import pytest

from events.catalog import NoteWritten, OxygenChanged, OxygenOrdered, Spo2Observed
from statemachines.case import Case, following
from statemachines.decide import Outcome, Reason
from statemachines.definition import Definition, StateKind, digest, dump, load
from statemachines.expressions import Known
from statemachines.language import T, emr, end
from tests.unit.statemachines.small import DONE, LEAD, NOW, RN, SMALL, WAITING, WATCHED, Run, low, spo2

STOPPED = end("stopped", "Stopped", emr=emr("cancelled", "stopped"), ignores={OxygenChanged: "nobody watches"})
AGAIN: Definition = SMALL.model_copy(
    update={
        "states": (*SMALL.states, STOPPED),
        "transitions": (
            *SMALL.transitions,
            T("S-20", DONE, on=OxygenChanged, when=spo2 < low, to=WATCHED, by=RN, reopens=True, because="low again"),
            T("S-21", DONE, on=OxygenChanged, when=(spo2 >= low) & (spo2 < 99), to=WAITING, reopens=True, because="on again"),
        ),
    }
)  # fmt: skip
ENDED = {"spo2": Known(90, NOW - 100)}


def after_the_end(state: str = "done") -> Run:
    """What could follow a case that ended ten seconds ago."""
    ended = Case(state=state, facts=ENDED, entered=NOW - 10, performers={"S-6": "RN-ELM"}, done=frozenset({"x"}))
    run = Run(AGAIN)
    run.case = following(ended)
    return run


def test_what_happens_after_the_end_opens_a_case_that_knows_what_the_ended_one_knew() -> None:
    run = after_the_end()
    progress = run.progress("oxygen_changed", "RN-ELM:RN", flow_l_min=2)
    (move,) = progress.moves
    assert (move.transition, move.source, move.target, move.entered) == ("S-20", "done", "watched", NOW)
    assert progress.case.state == "watched"
    assert progress.case.after is None
    assert progress.case.facts["spo2"] == ENDED["spo2"]
    assert progress.case.facts["flow"] == Known(2, NOW)
    assert progress.case.performers == {"S-6": "RN-ELM", "S-20": "RN-ELM"}, "whoever may not act twice may not still"
    assert progress.case.done == frozenset()
    assert move.due == NOW + 120 * 60


@pytest.mark.parametrize(("spo2_percent", "transition"), [(93, "S-20"), (94, "S-21"), (98, "S-21")])
def test_its_guards_see_what_the_event_reports(spo2_percent: int, transition: str) -> None:
    decision = after_the_end().take("oxygen_changed", "RN-ELM:RN", spo2_percent=spo2_percent)
    assert decision.move is not None
    assert decision.move.transition == transition


@pytest.mark.parametrize("earlier", [0, 1, 3600])
def test_what_happened_before_the_end_and_is_heard_of_after_it_re_opens_it_from_the_end_on(earlier: float) -> None:
    decision = after_the_end().take("oxygen_changed", "RN-ELM:RN", at=NOW - 10 - earlier, flow_l_min=2)
    assert decision.outcome is Outcome.MOVED
    assert decision.move is not None
    assert decision.move.entered == NOW - 10, "the case was not open again before it had ended"


REPORTED_AGAIN = SMALL.model_copy(
    update={
        "states": (*SMALL.states, STOPPED),
        "transitions": (
            *SMALL.transitions,
            T("S-20", DONE, on=OxygenChanged, to=WATCHED, reopens=True, because="on again"),
            T("S-22", DONE, on=NoteWritten, to=WAITING, reopens=True, because="noted again"),
            T("S-23", (DONE, STOPPED), on=OxygenOrdered, to=WATCHED, reopens=True, because="ordered again"),
        ),
    }
)  # fmt: skip


def test_what_opens_a_case_takes_the_arrow_that_re_opens_it_after_the_end() -> None:
    run = Run(REPORTED_AGAIN)
    run.case = following(Case(state="done", facts=ENDED, entered=NOW - 10))
    progress = run.progress("oxygen_ordered", f"LEAD-ELM:{LEAD.code}")
    (move,) = progress.moves
    assert (move.transition, move.source) == ("S-23", "done")
    assert progress.case.facts["spo2"] == ENDED["spo2"]
    assert [m.source for m in Run(REPORTED_AGAIN).progress("oxygen_ordered", f"LEAD-ELM:{LEAD.code}").moves] == [None]


@pytest.mark.parametrize(
    ("known_at", "outcome"), [(NOW - 100, Outcome.MOVED), (NOW - 30, Outcome.MOVED), (NOW - 29, Outcome.RECORDED)]
)
def test_what_reports_nothing_re_opens_nothing_when_something_newer_was_reported(
    known_at: float, outcome: Outcome
) -> None:
    """A note is taken for the older, if it is by more than a minute: what S-20 takes reports the flow."""
    run = Run(REPORTED_AGAIN)
    run.case = following(Case(state="done", facts={"flow": Known(2, known_at)}, entered=NOW - 10))
    decision = run.take("note_written", "RN-ELM:RN", at=NOW - 90)
    assert decision.outcome is outcome
    assert outcome is Outcome.MOVED or decision.reason is Reason.OLDER_THAN_KNOWN


def test_what_nothing_that_re_opens_reports_makes_nothing_older() -> None:
    definition = REPORTED_AGAIN.model_copy(
        update={"transitions": tuple(t for t in REPORTED_AGAIN.transitions if t.id != "S-20")}
    )
    run = Run(definition)
    run.case = following(Case(state="done", facts={"flow": Known(2, NOW)}, entered=NOW - 10))
    assert run.take("note_written", "RN-ELM:RN", at=NOW - 90).outcome is Outcome.MOVED


def test_an_open_case_takes_what_is_older_as_before() -> None:
    run = Run(REPORTED_AGAIN, state="watched", facts={"flow": Known(2, NOW)}, entered=NOW - 60)
    assert run.take("note_written", "RN-ELM:RN", at=NOW - 30).reason is not Reason.OLDER_THAN_KNOWN


def test_the_ended_case_says_of_what_is_older_that_it_is() -> None:
    run = Run(REPORTED_AGAIN, state="done", facts={"flow": Known(2, NOW - 20)}, entered=NOW - 10)
    decision = run.take("note_written", "RN-ELM:RN", at=NOW - 81)
    assert (decision.outcome, decision.reason, run.case.state) == (Outcome.RECORDED, Reason.OLDER_THAN_KNOWN, "done")
    assert run.take("note_written", "RN-ELM:RN", at=NOW - 80).reason is Reason.CASE_ENDED


def test_what_re_opens_nothing_is_not_called_older_after_the_end() -> None:
    known = {"flow": Known(2, NOW - 20), "spo2": Known(95, NOW - 20)}
    run = Run(REPORTED_AGAIN, state="done", facts=known, entered=NOW - 10)
    assert run.take("spo2_observed", spo2_percent=80, at=NOW - 30).reason is Reason.CASE_ENDED
    run.case = following(Case(state="done", facts=known, entered=NOW - 10))
    assert run.take("note_signed", "RN-ELM:RN", at=NOW - 30).reason is Reason.NOT_EXPECTED_HERE


def test_a_version_knows_which_ends_it_answers() -> None:
    machine = Run(REPORTED_AGAIN).machine
    assert machine.answers_after("done", "oxygen_ordered")
    assert machine.answers_after("stopped", "oxygen_changed"), "it ignores it"
    assert not machine.answers_after("stopped", "note_written")
    assert not machine.answers_after("finished", "oxygen_ordered"), "an end of another version"
    assert not machine.answers_after(None, "oxygen_ordered")


def test_whoever_may_not_re_open_it_is_refused() -> None:
    run = after_the_end()
    decision = run.take("oxygen_changed", f"LEAD-ELM:{LEAD.code}", spo2_percent=80)
    assert (decision.outcome, decision.reason, run.case.state) == (Outcome.REFUSED, Reason.WRONG_ROLE, None)


def test_no_other_event_re_opens_it_and_no_guard_is_taken_for_another() -> None:
    assert after_the_end().take("spo2_observed", spo2_percent=80).reason is Reason.NOT_EXPECTED_HERE
    assert after_the_end().take("oxygen_ordered", "LEAD-ELM:LEAD").reason is Reason.NOT_EXPECTED_HERE
    assert after_the_end().take("oxygen_changed", "RN-ELM:RN", spo2_percent=99).reason is Reason.NOT_EXPECTED_HERE


def test_an_end_says_why_it_is_not_re_opened() -> None:
    decision = after_the_end("stopped").take("oxygen_changed", "RN-ELM:RN", spo2_percent=80)
    assert (decision.outcome, decision.because, decision.move) == (Outcome.IGNORED, "nobody watches", None)


def test_after_an_end_of_another_version_nothing_is_re_opened() -> None:
    decision = after_the_end("finished").take("oxygen_changed", "RN-ELM:RN", spo2_percent=80)
    assert (decision.outcome, decision.reason) == (Outcome.REFUSED, Reason.NOT_EXPECTED_HERE)


def test_the_ended_case_itself_stays_ended() -> None:
    run = Run(AGAIN, state="done", facts=ENDED, entered=NOW - 10)
    decision = run.take("oxygen_changed", "RN-ELM:RN", spo2_percent=80)
    assert (decision.outcome, decision.reason, run.case.state) == (Outcome.REFUSED, Reason.CASE_ENDED, "done")


def test_where_no_case_ever_was_nothing_is_re_opened() -> None:
    decision = Run(AGAIN).take("oxygen_changed", "RN-ELM:RN", spo2_percent=80)
    assert (decision.outcome, decision.move) == (Outcome.REFUSED, None)


def test_it_is_written_as_a_row_that_leaves_an_end() -> None:
    row = T("X-1", (DONE, STOPPED), on=NoteWritten, to=WAITING, reopens=True, because="x")
    assert (row.sources, row.reopens) == (("done", "stopped"), True)
    assert STOPPED.kind is StateKind.END
    assert STOPPED.ignores == {"oxygen_changed": "nobody watches"}
    assert end("e", "E", emr=emr("completed", "e"), refuses={Spo2Observed: "no"}).refuses == {"spo2_observed": "no"}
    assert load(dump(AGAIN)) == AGAIN


def test_a_version_that_re_opens_nothing_keeps_its_digest_and_one_that_does_has_another() -> None:
    assert '"reopens"' not in dump(SMALL)
    closed = AGAIN.model_copy(
        update={"transitions": tuple(t.model_copy(update={"reopens": False}) for t in AGAIN.transitions)}
    )
    assert digest(closed) != digest(AGAIN)
