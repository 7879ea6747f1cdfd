"""Arrows that leave ends are judged like all others: gaps, overlaps, what is known by then, who names the case."""

from __future__ import annotations

from collections.abc import Sequence

from statemachines.definition import StateKind, Unplaced
from statemachines.verify import verify
from statemachines.verify.domain import Vocabulary
from statemachines.verify.index import Index
from statemachines.verify.machines import Machines
from statemachines.verify.overlays import distinct
from statemachines.workflows.critical_lab import CRITICAL_LAB
from tests.unit.verify.draft import Draft
from tests.unit.verify.good import distress, news2, spo2

BOTH = ("done", "cancelled")


def again(
    when: object = None, *, on: str = "note_written", ends: Sequence[str] = BOTH, target: str = "ordered"
) -> Draft:
    return Draft().new_arrow("R-1", ends, on, target, when=when, reopens=True)


def codes(draft: Draft) -> set[str]:
    return {finding.code for finding in draft.findings()}


def test_a_gap_after_an_end_is_found_and_says_where() -> None:
    gap = next(f for f in again(spo2 < 80, on="oxygen_changed", ends=["done"]).answer(
        "oxygen_changed", "ignores", "cancelled").findings() if f.code == "BTN-304")  # fmt: skip
    assert gap.place.state == "done"
    assert "after “Done”" in gap.sentence


def test_an_end_that_says_what_becomes_of_the_rest_leaves_no_gap() -> None:
    draft = again(spo2 < 80, on="oxygen_changed").answer("oxygen_changed", "ignores", *BOTH)
    assert codes(draft) == set()


def test_two_arrows_that_can_both_re_open_overlap() -> None:
    draft = again(spo2 < 90).new_arrow("R-2", BOTH, "note_written", "ordered", when=spo2 < 80, reopens=True)
    assert "BTN-305" in codes(draft.answer("note_written", "ignores", *BOTH))


def test_what_else_opens_a_case_is_said_to_forget_the_one_that_ended() -> None:
    (silent,) = again(on="oxygen_ordered", ends=["done"]).findings()
    assert (silent.code, silent.place.state) == ("BTN-209", "cancelled")
    assert "begins one that knows nothing of the ended one after “Cancelled”" in silent.sentence


def test_what_the_ended_case_may_know_may_be_read() -> None:
    assert codes(again(distress == True).answer("note_written", "ignores", *BOTH)) == set()  # noqa: E712


def test_a_fact_has_grown_old_after_the_end() -> None:
    assert "BTN-308" in codes(again(news2 > 5).answer("note_written", "ignores", *BOTH))


def test_a_new_case_has_a_task_of_its_own_and_may_begin_in_progress() -> None:
    assert codes(again(target="alarmed")) == set(), "from completed to in-progress would be no step of one Task"


def test_what_was_kept_for_later_does_not_wait_for_a_case_that_re_opens() -> None:
    draft = again(target="treated").answer("weaning_started", "defers", "unfiled").answer(
        "weaning_started", "records", "treated")  # fmt: skip
    for state in ("filing", "fetching"):
        draft.answer("weaning_started", "defers", state)
    assert "BTN-206" in codes(draft)


def test_a_late_outcome_never_comes_to_the_case_that_re_opens() -> None:
    assert codes(again(target="alarm_late")) == set(), "steps before the filing declare nothing of its outcome"


def test_what_re_opens_a_case_names_it() -> None:
    """A death names no result: it is told to each case that is open, and re-opens none."""
    died = tuple(
        t.model_copy(update={"on": "patient_died", "when": None}) if t.id == "T-94" else t
        for t in CRITICAL_LAB.transitions
    )
    found = verify(CRITICAL_LAB.model_copy(update={"transitions": died}))
    assert [f.place.transition for f in found if f.code == "BTN-111"] == ["T-94"]


def test_what_waits_to_take_something_back_names_its_case() -> None:
    events = tuple(
        e.model_copy(update={"unplaced": Unplaced.HOLD_THEN_IGNORE}) if e.event == "patient_transferred" else e
        for e in CRITICAL_LAB.events
    )
    found = verify(CRITICAL_LAB.model_copy(update={"events": events}))
    assert [(f.code, f.place.event) for f in found] == [("BTN-111", "patient_transferred")]


def test_whoever_cancels_instead_of_validating_validates_nothing_though_a_cancelled_case_may_re_open() -> None:
    draft = again(ends=["cancelled"], target="prepared").answer("note_written", "ignores", "done")
    draft.new_arrow("R-3", ["unsigned", "unsigned_late"], "weaning_started", "cancelled", by=["RN", "PROVIDER"])
    assert codes(draft.answer("weaning_started", None, "unsigned", "unsigned_late")) == set()


def test_what_an_end_ignores_teaches_nothing() -> None:
    definition = CRITICAL_LAB
    index = Index(definition)
    machines = Machines(index, Vocabulary(definition), distinct(index, ()))
    ends = [place for place, state in enumerate(index.states) if state.ignores and state.kind is StateKind.END]
    assert ends
    assert {machines.union.knowledge.learnt[place] for place in ends} == {0}
