"""The tasks of a checklist: one owner each from opening to closing, handed on like any other, closed with the state."""

from __future__ import annotations

import pytest

from functions.cases import keys
from functions.cases.adapters.memory import MemoryTable
from functions.cases.commands import Person, claim, decline, reassign
from functions.cases.rows import DONE, case_attributes, case_from
from functions.cases.table import Check, Index, Key
from statemachines.case import Case
from statemachines.definition import Checklist, Definition
from tests.support.invariants import one_open_case, unbroken
from tests.support.tables import Between, Through
from tests.unit.cases.leaving import EVERYBODY, LEAD, MD, RN, RT, Ward
from tests.unit.cases.refusals import only_journaled, refused
from tests.unit.statemachines.leaving import ITEMS, LEAVING, POLICIES, leaving, spo2

ALL = {None, "note", "teaching", "saturation", "number"}


def wrong(ward: Ward) -> list[str]:
    """Each task has one owner: the case row names the open task rows and no other, each for an item that is not done."""
    row, found = ward.parent, unbroken(ward, ward.parent)
    named = {t.item: (t.number, t.role, t.person, t.status) for t in row.tasks}
    there = {
        i: (int(Key(t["pk"], t["sk"]).sk.split("#")[1]), t["role"], t.get("person"), t["status"])
        for i, t in ward.open_tasks().items()
    }
    if len(named) != len(row.tasks) or named != there:
        found.append(f"the case row names {named}, open are {there}")
    state = LEAVING.state(row.state)
    items = {i.name for i in state.checklist.items} if state.checklist is not None else set()
    expected = ({None} | (items - row.case.done)) if row.ended_at is None else set()
    if set(named) != expected:
        found.append(f"open are {set(named)}, to be done is {expected}")
    for task in ward.tasks(row.id):
        if task["status"] == DONE and not {"closed_at", "closed_by"} <= set(task):
            found.append(f"{task['sk']} is closed, and nothing says when and by what")
        if task["status"] == DONE and "worklist" in task:
            found.append(f"{task['sk']} is closed and on a worklist")
    return found


def owners(ward: Ward) -> dict[str | None, str]:
    return {task.item: task.owner for task in ward.parent.tasks}


# ── opened ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_arriving_opens_a_task_for_the_state_and_one_for_each_item() -> None:
    ward = Ward().prepared()
    tasks = ward.open_tasks()
    assert set(tasks) == ALL
    assert {i: (t["role"], t["person"], t["status"]) for i, t in tasks.items()} == {
        None: ("RN", "RN-ASH", "offered"),
        "note": ("RN", "RN-ASH", "offered"),
        "teaching": ("RT", "RT-LINDEN", "offered"),
        "saturation": ("RT", "RT-LINDEN", "offered"),
        "number": ("RN", "RN-ASH", "offered"),
    }
    assert {t["due"] for t in tasks.values()} == {ward.parent.case.due}
    assert {t["opened_at"] for t in tasks.values()} == {ward.now}
    assert wrong(ward) == []


def test_each_item_is_on_the_worklist_of_its_role() -> None:
    ward = Ward().prepared()
    listed = {
        role: sorted(r.get("item", "") for r in ward.table.query_index(Index.WORKLIST, f"northfield#{role}").items)
        for role in ("RN", "RT", "MD")
    }
    assert listed == {"RN": ["", "note", "number"], "RT": ["saturation", "teaching"], "MD": []}


def test_the_journal_says_who_owns_each_item() -> None:
    ward = Ward().prepared()
    entry = ward.journal(ward.parent.id)[-1]
    assert entry["items"] == [
        "note: RN RN-ASH",
        "teaching: RT RT-LINDEN",
        "saturation: RT RT-LINDEN",
        "number: RN RN-ASH",
    ]


def test_two_items_offered_to_one_person_ask_once_whether_they_are_on_shift() -> None:
    """A transaction takes a row once (Amazon DynamoDB API reference, TransactWriteItems); the table here refuses as it does."""
    table = Watched(MemoryTable())
    ward = Ward(table=table).prepared()
    checked = [write.key for write in table.last if isinstance(write, Check)]
    assert sorted(checked) == sorted({keys.staff("northfield", "RN-ASH"), keys.staff("northfield", "RT-LINDEN")})
    assert len({write.key for write in table.last}) == len(table.last)
    assert wrong(ward) == []


def test_whoever_goes_off_shift_between_reading_and_writing_is_offered_no_item() -> None:
    table = Between(MemoryTable())
    ward = Ward(table=table)
    ward.send_on("discharge_planned", MD)
    ward.now += 60
    table.before_write(lambda: ward.off_shift("RT-LINDEN"))
    ward.send_on("assessment_completed", MD)
    assert table.happened == 1
    tasks = ward.open_tasks()
    assert {i: tasks[i]["role"] for i in ALL} == {
        None: "RN", "note": "RN", "number": "RN", "teaching": "LEAD", "saturation": "LEAD"
    }  # fmt: skip
    assert wrong(ward) == []


def test_an_item_whose_role_nobody_holds_falls_back_and_is_done_by_whoever_it_fell_to() -> None:
    ward = Ward(LEAVING, RN, MD, LEAD).prepared()
    assert (ward.open_tasks()["teaching"]["role"], ward.open_tasks()["teaching"]["person"]) == ("LEAD", "LEAD-ELM")
    assert ward.send_on("oxygen_education_completed", RN).reason == "wrong_role"
    assert ward.send_on("oxygen_education_completed", LEAD).reason == "item_done"
    assert ward.parent.case.done == {"teaching"}
    assert wrong(ward) == []


def test_what_is_known_on_arrival_opens_no_task() -> None:
    ward = Ward().prepared(spo2_percent=95)
    assert set(ward.open_tasks()) == ALL - {"saturation"}
    assert not [t for t in ward.tasks(ward.parent.id) if t.get("item") == "saturation"]
    assert ward.parent.case.done == {"saturation"}
    assert wrong(ward) == []


def test_what_is_known_on_arrival_is_not_documented_twice() -> None:
    ward = Ward().prepared(spo2_percent=95)
    again = ward.send_on("qualifying_test_completed", RT, sao2_percent=96)
    assert (again.outcome, again.reason) == ("recorded", "item_done_before")
    assert wrong(ward) == []


# ── done ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_doing_an_item_closes_its_task_and_no_other() -> None:
    ward = Ward().prepared()
    ward.now += 120
    before = ward.open_tasks()
    placed = ward.send_on("note_written", RN)
    assert (placed.outcome, placed.reason, placed.transitions) == ("recorded", "item_done", ())
    assert ward.open_tasks() == {i: t for i, t in before.items() if i != "note"}
    (closed,) = (t for t in ward.tasks(ward.parent.id) if t.get("item") == "note")
    assert (closed["status"], closed["closed_at"], closed["closed_by"]) == (DONE, ward.now, "note_written")
    entry = ward.journal(ward.parent.id)[-1]
    assert (entry["kind"], entry["event"], entry["actor"], entry["because"]) == (
        "item_done",
        "note_written",
        "RN-ASH",
        "done: Note",
    )
    assert (ward.parent.state, ward.parent.visit, wrong(ward)) == ("preparing", 2, [])


def test_a_wrong_role_closes_nothing_and_the_journal_says_so() -> None:
    ward = Ward().prepared()
    before = ward.open_tasks()
    placed = ward.send_on("note_written", RT)
    assert (placed.outcome, placed.reason) == ("refused", "wrong_role")
    assert ward.open_tasks() == before
    entry = ward.journal(ward.parent.id)[-1]
    assert (entry["kind"], entry["reason"], entry["actor"]) == ("refused", "wrong_role", "RT-LINDEN")


def test_an_observation_that_satisfies_an_item_closes_its_task() -> None:
    ward = Ward().prepared()
    assert ward.send_on("spo2_observed", spo2_percent=85.0).reason == "no_guard_holds"
    ward.now += 60
    assert ward.send_on("spo2_observed", spo2_percent=95.0).reason == "item_done"
    assert set(ward.open_tasks()) == ALL - {"saturation"}
    entry = ward.journal(ward.parent.id)[-1]
    assert (entry["kind"], entry["event"], entry["because"]) == ("item_done", "spo2_observed", "done: Saturation")
    assert wrong(ward) == []


def test_the_same_event_again_changes_nothing() -> None:
    ward = Ward().prepared()
    raw = ward.raw("note_written", by=RN, note_id="N-1")
    ward.deliver(raw)
    before = ward.snapshot()
    again = ward.deliver(raw)
    assert getattr(again, "duplicate", False)
    assert ward.snapshot() == before


def test_two_items_are_done_at_the_same_moment_and_both_count() -> None:
    table = Between(MemoryTable())
    ward = Ward(table=table).prepared()
    table.before_write(lambda: ward.send_on("oxygen_education_completed", RT, run=False))
    placed = ward.send_on("note_written", RN)
    assert (placed.attempts, table.happened) == (2, 1)
    assert ward.parent.case.done == {"note", "teaching"}
    assert wrong(ward) == []


def test_the_last_item_closes_every_task_and_moves_on() -> None:
    ward = Ward(leaving(needed=2)).prepared()
    ward.send_on("note_written", RN)
    ward.now += 60
    placed = ward.send_on("oxygen_education_completed", RT)
    assert (placed.outcome, placed.transitions) == ("moved", ("L-3",))
    row = ward.parent
    assert (row.state, row.case.done, row.items) == ("ordering", frozenset(), ())
    assert set(ward.open_tasks()) == {None}
    left = [t for t in ward.tasks(row.id) if t.get("item") in {"saturation", "number", "teaching"}]
    assert {(t["status"], t["closed_by"], t["closed_at"]) for t in left} == {(DONE, "L-3", ward.now)}
    assert ward.followed(row.id) == ["planned", "preparing", "ordering"]
    assert wrong(ward) == []


def test_complete_on_arrival_opens_no_task_for_the_state_it_passes() -> None:
    ward = Ward(leaving(needed=1))
    ward.send_on("discharge_planned", MD)
    placed = ward.send_on("assessment_completed", MD, spo2_percent=95)
    assert placed.transitions == ("L-2", "L-3")
    assert {t["state"] for t in ward.tasks(ward.parent.id)} == {"planned", "ordering"}
    assert ward.path(ward.parent.id) == ward.followed(ward.parent.id) == ["planned", "preparing", "ordering"]
    assert wrong(ward) == []


def opens_complete() -> Definition:
    """The workflow, whose case arrives at once at a checklist that needs no doing, and ends with it."""
    definition = leaving(needed=1)
    unknown = ITEMS[0].model_copy(update={"satisfied": ~spo2.known})
    states = tuple(
        s.model_copy(update={"checklist": Checklist(items=(unknown,))}) if s.name == "preparing" else s
        for s in definition.states
    )
    target = {"L-1": "preparing", "L-3": "gone"}
    transitions = tuple(
        t.model_copy(update={"target": target[t.id]}) if t.id in target else t for t in definition.transitions
    )
    return definition.model_copy(update={"states": states, "transitions": transitions})


def test_a_case_may_end_with_the_commit_that_opens_it() -> None:
    ward = Ward(opens_complete())
    for time in (1, 2):
        placed = ward.send_on("discharge_planned", MD)
        assert placed.transitions == ("L-1", "L-3")
        rows = [row for row in ward.cases() if row.workflow == "leaving"]
        assert [(row.state, row.tasks) for row in rows] == [("gone", ())] * time
        place = ward.row(Key(rows[0].correlation, keys.OPEN))
        assert (place["case"], place["closed_at"]) == (placed.case, ward.now)
        assert ward.followed(rows[-1].id) == ["preparing", "gone"]
        ward.now += 60
    assert one_open_case(ward, ward.cases()) == []


def test_what_was_deferred_does_its_item_on_arrival_and_the_journal_says_so() -> None:
    ward = Ward()
    ward.send_on("discharge_planned", MD)
    ward.now += 1
    assert ward.send_on("note_written", RN, id="early-note").outcome == "deferred"
    ward.now += 1
    ward.send_on("assessment_completed", MD)
    assert set(ward.open_tasks()) == ALL - {"note"}
    mark = ward.mark("early-note", workflow="leaving")
    assert mark is not None
    assert (mark["outcome"], mark["reason"]) == ("recorded", "item_done")
    entry = ward.journal(ward.parent.id)[-1]
    assert (entry["kind"], entry["event_id"], entry["actor"]) == ("item_done", "early-note", "RN-ASH")
    assert wrong(ward) == []


# ── leaving ──────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_leaving_the_state_closes_the_tasks_of_its_items() -> None:
    ward = Ward().prepared()
    ward.send_on("note_written", RN)
    ward.send_on("order_cancelled", MD)
    row = ward.parent
    assert (row.state, row.tasks, ward.open_tasks()) == ("off", (), {})
    assert wrong(ward) == []


def test_waiting_in_the_same_place_opens_again_only_what_is_not_done() -> None:
    ward = Ward().prepared()
    ward.send_on("note_written", RN)
    claim(ward.services, ward.by(RT, "teaching"))
    ward.now += 60
    ward.send_on("patient_transferred", MD)
    row = ward.parent
    assert (row.state, row.visit, row.case.done) == ("preparing", 3, frozenset({"note"}))
    assert set(ward.open_tasks()) == ALL - {"note"}
    assert {t.number for t in row.tasks} == {3}
    assert {t.item: t.owner for t in row.tasks}["teaching"] == "RT-LINDEN", "who claimed an item goes on with it"
    assert wrong(ward) == []


def test_the_deadline_leaves_what_is_done_done() -> None:
    ward = Ward().prepared()
    ward.send_on("note_written", RN)
    ward.pass_time(4 * 3600)
    row = ward.parent
    assert (row.state, row.visit, row.case.done) == ("preparing", 3, frozenset({"note"}))
    assert ward.send_on("note_written", RN).reason == "item_done_before"
    assert ward.followed(row.id) == ["planned", "preparing", "preparing"]
    assert wrong(ward) == []


# ── claim, reassign, decline ─────────────────────────────────────────────────────────────────────────────────────────────


def test_claiming_an_item_makes_the_person_accountable_for_it_alone() -> None:
    ward = Ward().prepared()
    ward.now += 30
    claim(ward.services, ward.by(RN, "note"))
    assert owners(ward) == {None: "RN", "note": "RN-ASH", "teaching": "RT", "saturation": "RT", "number": "RN"}
    assert ward.open_tasks()["note"]["status"] == "claimed"
    entry = ward.journal(ward.parent.id)[-1]
    assert (entry["kind"], entry["role"], entry["person"], entry["waited_seconds"]) == ("claimed", "RN", "RN-ASH", 30)
    assert wrong(ward) == []


@pytest.mark.parametrize("item", ["note", None])
def test_the_journal_says_which_task_was_handed_on(item: str | None) -> None:
    ward = Ward().prepared()
    claim(ward.services, ward.by(RN, item))
    entry = ward.journal(ward.parent.id)[-1]
    assert entry.get("items", []) == (["note: RN RN-ASH"] if item else [])


@pytest.mark.parametrize(("by", "reason"), [(RT, "wrong_role"), (MD, "wrong_role"), ("RN-GHOST:RN", "not_on_shift")])
def test_a_claim_of_an_item_is_refused(by: str, reason: str) -> None:
    ward = Ward().prepared()
    entry = only_journaled(ward, ward.parent.id, lambda: claim(ward.services, ward.by(by, "note")))
    assert (entry["reason"], f"{entry['actor']}:{entry['actor_role']}") == (reason, by)


def test_an_item_may_be_claimed_by_whoever_owns_it_and_not_by_whoever_owns_the_state() -> None:
    ward = Ward().prepared()
    assert refused(lambda: claim(ward.services, ward.by(RN, "teaching"))) == "wrong_role"
    claim(ward.services, ward.by(RT, "teaching"))
    assert owners(ward)["teaching"] == "RT-LINDEN"


def test_an_item_is_claimed_by_one() -> None:
    ward = Ward(LEAVING, *EVERYBODY, "RN-BIRCH:RN").prepared()
    claim(ward.services, ward.by(RN, "note"))
    assert refused(lambda: claim(ward.services, ward.by("RN-BIRCH:RN", "note"))) == "claimed_by_other"
    claim(ward.services, ward.by("RN-BIRCH:RN", "number"))
    assert (owners(ward)["note"], owners(ward)["number"]) == ("RN-ASH", "RN-BIRCH")
    assert wrong(ward) == []


def test_reassigning_an_item_offers_it_to_somebody_else() -> None:
    ward = Ward(LEAVING, *EVERYBODY, "RT-MAPLE:RT").prepared()
    claim(ward.services, ward.by(RT, "teaching"))
    reassign(ward.services, ward.by(LEAD, "teaching"), to=Person("RT-MAPLE", "RT"), reason="speaks the language")
    task = ward.open_tasks()["teaching"]
    assert (task["role"], task["person"], task["status"]) == ("RT", "RT-MAPLE", "offered")
    assert ward.open_tasks()["saturation"]["status"] == "offered"
    entry = ward.journal(ward.parent.id)[-1]
    assert (entry["kind"], entry["because"], entry["items"]) == (
        "reassigned",
        "speaks the language",
        ["teaching: RT RT-MAPLE"],
    )
    assert wrong(ward) == []


def test_an_item_is_not_reassigned_to_a_role_it_is_not_for() -> None:
    ward = Ward().prepared()
    to = Person("RN-ASH", "RN")
    assert refused(lambda: reassign(ward.services, ward.by(LEAD, "teaching"), to=to, reason="busy")) == "wrong_role"


def test_declining_an_item_routes_it_anew_by_its_own_owner() -> None:
    ward = Ward().prepared()
    decline(ward.services, ward.by(RT, "teaching"), reason="at another bed")
    task = ward.open_tasks()["teaching"]
    assert (task["role"], task["person"], task["status"]) == ("LEAD", "LEAD-ELM", "offered")
    assert ward.open_tasks()["saturation"]["person"] == "RT-LINDEN"
    assert ward.journal(ward.parent.id)[-1]["items"] == ["teaching: LEAD LEAD-ELM"]
    assert ward.send_on("oxygen_education_completed", LEAD).reason == "item_done"
    assert wrong(ward) == []


def test_declining_what_is_offered_to_another_is_refused() -> None:
    ward = Ward().prepared()
    assert refused(lambda: decline(ward.services, ward.by(RT, "note"), reason="busy")) == "not_yours"


def test_an_item_that_is_done_cannot_be_claimed() -> None:
    ward = Ward().prepared()
    ward.send_on("note_written", RN)
    assert refused(lambda: claim(ward.services, ward.by(RN, "note"))) == "no_such_item"
    assert refused(lambda: claim(ward.services, ward.by(RN, "nothing"))) == "no_such_item"


def test_a_claim_given_twice_counts_once_even_after_the_item_is_done() -> None:
    ward = Ward().prepared()
    command = ward.by(RN, "note")
    claim(ward.services, command)
    ward.send_on("note_written", RN)
    before = ward.snapshot()
    claim(ward.services, command)
    assert ward.snapshot() == before


def test_the_item_is_done_while_somebody_claims_it() -> None:
    table = Between(MemoryTable())
    ward = Ward(table=table).prepared()
    table.before_write(lambda: ward.send_on("note_written", RN, run=False))
    assert refused(lambda: claim(ward.services, ward.by(RN, "note"))) == "no_such_item"
    assert wrong(ward) == []


def test_a_claimed_item_is_closed_by_its_event() -> None:
    ward = Ward().prepared()
    claim(ward.services, ward.by(RN, "note"))
    ward.send_on("note_written", RN)
    assert "note" not in ward.open_tasks()
    assert wrong(ward) == []


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_case_row_comes_back_as_it_was_written() -> None:
    ward = Ward(LEAVING, RN, MD, LEAD).prepared(spo2_percent=95)
    claim(ward.services, ward.by(RN, "note"))
    row = ward.parent
    assert {t.item for t in row.tasks} == ALL - {"saturation"}
    assert row.case.item_roles == {"note": "RN", "teaching": "LEAD", "number": "RN"}
    stored = {"pk": f"CASE#{row.id}", "sk": "META", "rev": row.rev, **case_attributes(row)}
    stored["park"] = row.park._asdict() if row.park else None
    assert case_from({name: value for name, value in stored.items() if value is not None}) == row


def test_a_case_row_from_before_there_were_checklists_can_be_read() -> None:
    ward = Ward()
    ward.send_on("discharge_planned", MD)
    meta = ward.row(keys.meta(ward.parent.id))
    assert not {"done", "items", "parent"} & set(meta)
    row = case_from(meta)
    assert (row.case.done, row.items, row.parent, row.case.item_roles) == (Case().done, (), None, {})


class Watched(Through):
    """Remembers the last transaction."""

    def write(self, writes: object) -> None:
        self.last = tuple(writes)  # type: ignore[var-annotated, arg-type]
        super().write(self.last)


def test_the_policies_of_these_tests_fit_their_workflows() -> None:
    for policy in POLICIES.values():
        policy.resolve(LEAVING)
