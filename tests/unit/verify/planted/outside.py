"""What the EMR shows, the patient's life, system steps, sub-cases, checklists, and facilities' overlays."""

from __future__ import annotations

from statemachines.expressions import AnyGuard
from statemachines.verify import codes
from tests.unit.verify.draft import Draft
from tests.unit.verify.good import FETCH, OPEN_STATES, flow, spo2, style
from tests.unit.verify.planted.plant import Planted

DYING = [name for name in OPEN_STATES if name != "treated"]


def _items(d: Draft, **changes: object) -> Draft:
    """Change the second item of the checklist."""
    next(s for s in d.document["states"] if s["name"] == "prepared")["checklist"]["items"][1].update(changes)
    return d


def _completed(d: Draft, back: AnyGuard, *, needed: int = 1, when: AnyGuard | None = None) -> Draft:
    """The checklist that a flow of 0 completes leads to a second one, which leads back."""
    first = next(s for s in d.document["states"] if s["name"] == "prepared")["checklist"]
    second = {"items": [{"name": "off", "title": "Off", "owner": "RN", "satisfied": back.model_dump(mode="json")}]}
    d.state("prepared", checklist=first | {"needed": needed}).state("prepared_late", checklist=second)
    return d.arrow("G-21", target="prepared_late").new_arrow(
        "X-1", ["prepared_late"], "checklist_completed", "prepared", when=when
    )


def _fetch(**changes: object) -> Draft:
    """The other workflow, changed."""
    return Draft(FETCH).set(**changes)


def _carry() -> Draft:
    """A workflow with a role of its own."""
    return _fetch(workflow="carry").copy_of("roles", "code", "CHARGE", "PORTER")


PLANTED = (
    Planted(
        codes.ILLEGAL_TASK_PATH,
        {
            "from ready to completed": lambda d: d.emr("fetching", status="ready"),
            "back from in progress to requested": lambda d: d.emr("unfiled", status="requested"),
            "a case that begins on hold": lambda d: d.emr("ordered", status="on-hold"),
            "from accepted to on hold": lambda d: d.emr("ordered", status="accepted").emr("order_late", status="accepted").emr("treated", status="on-hold"),
        },
        {
            "through on hold and back": lambda d: d.emr("alarmed", status="on-hold"),
            "requested, accepted, in progress": lambda d: d.emr("ordered", status="accepted").emr("order_late", status="accepted"),
            "an arrow that can never be taken": lambda d: d.parameter("style", choices=["note", "comment", "letter"]).new_arrow(
                "X-1", ["ordered"], "weaning_started", "done", when=style == "letter"),
        },
    ),
    Planted(
        codes.INDISTINGUISHABLE,
        {
            "the same status and code": lambda d: d.emr("alarm_late", business_status="alarmed", display="Alarmed"),
            "two ends": lambda d: d.copy_of("states", "name", "cancelled", "given_up").new_arrow("X-1", ["unfiled"], "weaning_started", "given_up"),
            "two codes that read alike": lambda d: d.emr("alarm_late", display="Alarmed"),
            "three states": lambda d: d.emr("alarm_late", business_status="treated", display="Treated").emr("unfiled", business_status="treated", display="Treated"),
        },
        {
            "codes that differ by a letter": lambda d: d.emr("alarm_late", business_status="alarmed-2", display="Alarmed, late"),
            "one display of two statuses": lambda d: d.emr("ordered", display="Waiting").emr("alarm_late", display="Waiting"),
        },
    ),
    Planted(
        codes.TWO_MEANINGS,
        {
            "one code with two displays": lambda d: d.emr("alarm_late", business_status="alarmed", display="Alarm overdue"),
            "one code with two statuses": lambda d: d.emr("cancelled", business_status="done", display="Done"),
            "one code for an open and a closed state": lambda d: d.emr("ordered", business_status="cancelled", display="Waiting"),
        },
        {
            "one code with one display": lambda d: d.emr("alarm_late", business_status="alarmed", display="Alarmed"),
            "a code that is another state's name": lambda d: d.emr("alarm_late", business_status="order_late"),
        },
    ),
    Planted(
        codes.WRONG_TASK_STATUS,
        {
            "no status of FHIR": lambda d: d.emr("treated", status="active"),
            "an open state shown as completed": lambda d: d.emr("unfiled", status="completed"),
            "an end shown as in progress": lambda d: d.emr("done", status="in-progress"),
            "capitals": lambda d: d.emr("treated", status="In-Progress"),
        },
        {
            "an end that failed": lambda d: d.emr("cancelled", status="failed"),
            "an open state on hold": lambda d: d.emr("alarmed", status="on-hold"),
        },
    ),
    Planted(
        codes.LIFE_NOT_DECLARED,
        {
            "nothing is": lambda d: d.set(lifecycle={}),
            "not what a merge is": lambda d: d.set(lifecycle=d.document["lifecycle"] | {"merge": None}),
            "a reason that is blank": lambda d: d.set(lifecycle=d.document["lifecycle"] | {"transfer": None, "because": "  "}),
        },
        {
            "one that cannot happen, with a reason": lambda d: d.set(
                lifecycle=d.document["lifecycle"] | {"transfer": None, "because": "outpatients are not transferred"}),
            "two told by one event": lambda d: d.set(lifecycle=d.document["lifecycle"] | {"cancellation": "patient_discharged"}),
        },
    ),
    Planted(
        codes.LIFE_UNANSWERED,
        {
            "a death in one state": lambda d: d.arrow("G-34", sources=DYING),
            "a death that is refused": lambda d: d.arrow("G-34", sources=DYING).answer("patient_died", "refuses", "treated"),
            "a merge in a system state": lambda d: d.answer("patient_merged", None, "filing"),
            "a cancellation": lambda d: d.answer("order_cancelled", None, "unfiled"),
        },
        {
            "a death that is recorded": lambda d: d.arrow("G-34", sources=DYING).answer("patient_died", "records", "treated"),
            "a cancellation that is refused": lambda d: d.answer("order_cancelled", "refuses", "unfiled"),
            "a death where no case comes": lambda d: d.new_state("limbo", "alarm_late").new_arrow("X-1", ["limbo"], "deadline_missed", None),
        },
    ),
    Planted(
        codes.OUTCOME_UNANSWERED,
        {
            "no arrow": lambda d: d.drop_arrow("G-25"),
            "failing is not declared": lambda d: d.state("filing", work={"name": "file_note", "outcomes": ["sent"]}).drop_arrow("G-26"),
            "an arrow for a role only": lambda d: d.arrow("G-26", by=["CHARGE"]),
            "an outcome was added": lambda d: d.state("filing", work={"name": "file_note", "outcomes": ["sent", "failed", "refused"]}),
        },
        {
            "two outcomes to one state": lambda d: d.arrow("G-25", target="unfiled"),
            "one arrow for each half": lambda d: d.arrow("G-25", when=style == "note").new_arrow(
                "X-1", ["filing"], "file_note.sent", "fetching", when=style == "comment"),
        },
    ),
    Planted(
        codes.NO_SUCH_OUTCOME,
        {
            "an outcome that is not declared": lambda d: d.new_arrow("X-1", ["filing"], "file_note.refused", "unfiled"),
            "in a state that does not do the work": lambda d: d.arrow("G-25", sources=["filing", "unfiled"]),
            "of a step that is not there": lambda d: d.new_arrow("X-1", ["filing"], "print_note.sent", "unfiled"),
            "a late answer to no step": lambda d: d.state("done", late={"print_note": "accept"}),
        },
        {
            "an outcome that was added with its arrow": lambda d: d.state(
                "filing", work={"name": "file_note", "outcomes": ["sent", "failed", "refused"]}).new_arrow(
                "X-1", ["filing"], "file_note.refused", "unfiled"),
            "a late answer where it cannot come": lambda d: d.state("ordered", late={"file_note": "refuse"}),
        },
    ),
    Planted(
        codes.LATE_UNANSWERED,
        {
            "where its deadline leads": lambda d: d.state("unfiled", late={}),
            "in the step itself, tried again": lambda d: d.state("filing", late={}),
            "after the patient's death": lambda d: d.state("cancelled", late={}),
            "a second step at work": lambda d: d.state("unfiled", late={"print_note": "accept"}),
        },
        {
            "in a state that the case has left long before": lambda d: d.state("treated", late={}),
            "refused": lambda d: d.state("unfiled", late={"file_note": "refuse"}).state("cancelled", late={"file_note": "compensate"}),
            "where only its own outcome leads": lambda d: d.state("fetching", late={}).state("done", late={}),
        },
    ),
    Planted(
        codes.UNKNOWN_SUBCASE,
        {
            "a workflow that is not there": lambda d: d.state("fetching", opens={"workflow": "bring", "ends": ["fetched", "dropped"]}),
            "an end that it does not have": lambda d: d.state("fetching", opens={"workflow": "fetch", "ends": ["fetched", "dropped", "lost"]}),
            "an end that is not waited for": lambda d: d.state("fetching", opens={"workflow": "fetch", "ends": ["fetched"]}),
            "a workflow that opens this one": lambda d: d.also("fetch", _fetch().state("asked", opens={"workflow": "good", "ends": ["done", "cancelled"]})),
            "a workflow that nobody can ask for": lambda d: d.also("fetch", _fetch().arrow("F-1", on="weaning_started")),
            "itself": lambda d: d.state("fetching", opens={"workflow": "good", "ends": ["done", "cancelled"]}),
            "an arrow where it is not opened": lambda d: d.arrow("G-30", sources=["fetching", "unfiled"]),
        },
        {
            "a newer version with the same ends": lambda d: d.also("fetch", _fetch(version=2)),
            "another workflow beside it": lambda d: d.also("carry", _fetch(workflow="carry")),
        },
    ),
    Planted(
        codes.SUBCASE_UNANSWERED,
        {
            "an end without an arrow": lambda d: d.drop_arrow("G-31"),
            "an end that is refused": lambda d: d.drop_arrow("G-31").answer("fetch.dropped", "refuses", "fetching"),
            "no arrows at all": lambda d: d.drop_arrow("G-30", "G-31"),
        },
        {
            "an end that is recorded": lambda d: d.drop_arrow("G-31").answer("fetch.dropped", "records", "fetching"),
            "both ends to one state": lambda d: d.arrow("G-30", target="unfiled"),
        },
    ),
    Planted(
        codes.NEVER_COMPLETE,
        {
            "nothing shows that it is done": lambda d: _items(d, done_on=[], satisfied=None),
            "shown by what never arrives": lambda d: _items(d, done_on=["result_called"], satisfied=None),
            "satisfied by what cannot be": lambda d: _items(d, done_on=[], satisfied=(flow > 200).model_dump(mode="json")),
            "more are needed than there are": lambda d: d.state(
                "prepared", checklist=next(s for s in d.document["states"] if s["name"] == "prepared")["checklist"] | {"needed": 3}),
            "its event moves the case on instead": lambda d: _items(d, done_on=["order_cancelled"], satisfied=None).answer(
                "order_cancelled", None, "prepared").new_arrow("X-1", ["prepared"], "order_cancelled", "cancelled"),
            "a checklist without items": lambda d: d.state("prepared", checklist={"items": []}),
        },
        {
            "only satisfied": lambda d: _items(d, done_on=[], satisfied=(spo2 > 92).model_dump(mode="json")),
            "only done": lambda d: _items(d, satisfied=None),
            "fewer are needed than there are": lambda d: d.state(
                "prepared", checklist=next(s for s in d.document["states"] if s["name"] == "prepared")["checklist"] | {"needed": 1}),
        },
    ),
    Planted(
        codes.CHECKLIST_UNANSWERED,
        {
            "no arrow": lambda d: d.drop_arrow("G-21"),
            "an arrow for a role only": lambda d: d.arrow("G-21", by=["RN"]),
            "a second checklist without": lambda d: d.state(
                "prepared_late", checklist={"items": [{"name": "i", "title": "I", "owner": "RN", "done_on": ["weaning_started"]}]}).answer(
                "weaning_started", None, "prepared_late"),
        },
        {
            "two arrows that share it": lambda d: d.arrow("G-21", when=style == "note").new_arrow(
                "X-1", ["prepared"], "checklist_completed", "unfiled", when=style == "comment"),
            "no checklist": lambda d: d.state("prepared", checklist=None).drop_arrow("G-21").answer(
                "assessment_completed", "records", "prepared").answer("weaning_started", "records", "prepared"),
        },
    ),
    Planted(
        codes.CHECKLISTS_CIRCLE,
        {
            "two that one value completes": lambda d: _completed(d, flow < 1),
            "two that values of two facts complete": lambda d: _completed(d, spo2 > 92),
            "at the facilities with one style": lambda d: _completed(d, flow < 1, when=style == "comment").new_arrow(
                "X-2", ["prepared_late"], "checklist_completed", "filing", when=style == "note"),
            "one that leads back to itself": lambda d: _completed(d, flow < 1).arrow("G-21", target="prepared"),
        },
        {
            "limits that exclude each other": lambda d: _completed(d, flow > 1),
            "an item that somebody does": lambda d: _completed(d, flow < 1, needed=2),
            "out of the circle for the value that completes it": lambda d: _completed(d, flow < 1, when=flow > 0).new_arrow(
                "X-2", ["prepared_late"], "checklist_completed", "filing", when=~flow.known | (flow <= 0)),
        },
    ),
    Planted(
        codes.NOT_IN_WORKFLOW,
        {
            "a parameter": lambda d: d.setting(1, lowest=88),
            "a workflow": lambda d: d.policy(1, parameters={"goood": {"low": 88}}),
            "a role that does another's work": lambda d: d.policy(2, performed_by={"RN": ["AIDE"]}),
            "the always staffed role": lambda d: d.policy(0, always_staffed="JANITOR"),
            "a role on a shift": lambda d: d.shift(0, 0, "RN", "LEAD", "PROVIDER", "CHARGE", "CHARGES"),
            "a stand-in": lambda d: d.policy(2, fallbacks={"LEAD": ["RNN"]}),
        },
        {
            "a role of another workflow": lambda d: d.also("carry", _carry()).shift(0, 0, "RN", "LEAD", "PROVIDER", "CHARGE", "PORTER"),
            "parameters of another workflow": lambda d: d.policy(1, parameters={"fetch": {}}),
        },
    ),
    Planted(
        codes.BAD_VALUE,
        {
            "outside the limits": lambda d: d.setting(1, low=70),
            "of another type": lambda d: d.setting(1, cosign="yes"),
            "none of the choices": lambda d: d.setting(2, style="letter"),
            "a number as text": lambda d: d.setting(1, within="60"),
            "yes as a number": lambda d: d.setting(1, within=True),
        },
        {
            "at the limit": lambda d: d.setting(1, low=80, high=100),
            "a fraction": lambda d: d.setting(1, within=0.5).parameter("within", minimum=0.1),
        },
    ),
    Planted(
        codes.TWO_OVERLAYS,
        {
            "one facility twice": lambda d: d.policy(2, facility="hill"),
            "two shifts of one name": lambda d: d.policy(0, shifts=[d.policies[0]["shifts"][0]] * 2),
            "three of one facility": lambda d: d.policy(1, facility="hill").policy(2, facility="hill"),
        },
        {
            "two facilities that are alike": lambda d: d.policy(1, **{**d.policies[0], "facility": "dale"}),
            "shifts of one name at two facilities": lambda d: d,
        },
    ),
)  # fmt: skip
