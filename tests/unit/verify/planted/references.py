"""Documents, names, references, limits of Step Functions."""

from __future__ import annotations

from statemachines.verify import codes
from tests.unit.verify.draft import Draft
from tests.unit.verify.good import FETCH, OPEN_STATES, flow, spo2
from tests.unit.verify.planted.plant import Planted


def _text(change: str, into: str) -> Draft:
    text = Draft().as_text()
    assert change in text
    return Draft().text(text.replace(change, into, 1).encode())


def _item(d: Draft, number: int, **changes: object) -> Draft:
    d.document["states"][7]["checklist"]["items"][number].update(changes)
    assert d.document["states"][7]["name"] == "prepared"
    return d


def _twin_item(d: Draft) -> Draft:
    return _item(d, 1, name="seen")


def _many(d: Draft, count: int) -> Draft:
    """Steps one after another, each as long as it may be called."""
    for n in range(count):
        name = f"{'step' * 10}_{n:03}"
        d.new_state(name, "alarm_late")
        d.new_arrow(f"M-{n:03}", ["ordered" if n == 0 else f"{'step' * 10}_{n - 1:03}"], "note_written", name)
        d.answer("note_written", None, "ordered")
        d.new_arrow(f"N-{n:03}", [name], "deadline_missed", None)
        d.new_arrow(f"O-{n:03}", [name], "weaning_started", "cancelled")
    return d


def _alone(d: Draft) -> Draft:
    """Without its sub-case."""
    return d.state("fetching", opens=None).drop_arrow("G-30", "G-31")


def _reported(d: Draft) -> Draft:
    """One case per result, which opens it."""
    return (
        _alone(d).set(correlation="result").copy_of("events", "event", "note_written", "critical_result_reported")
    ).arrow("G-01", on="critical_result_reported")


def _waiting_first(d: Draft, event: str) -> Draft:
    """The event may come before its case."""
    return _reported(d).copy_of("events", "event", "note_written", event, unplaced="hold", because="may come first")


def _again(d: Draft, *ends: str, on: str = "note_written", target: str = "ordered", **more: object) -> Draft:
    """What happens after these ends re-opens the case."""
    return d.new_arrow("R-1", ends, on, target, reopens=True, **more)


PLANTED = (
    Planted(
        codes.MALFORMED,
        {
            "no JSON": lambda d: d.text(b'{"workflow": "good",'),
            "a field that nobody knows": lambda d: d.state("ordered", colour="red"),
            "a guard of no kind": lambda d: d.arrow("G-06", when={"op": "maybe"}),
            "a part that is missing": lambda _: _text('"because": "ordered"', '"becuase": "ordered"'),
            "one name twice in an object": lambda _: _text('"version": 1', '"version": 1, "version": 2'),
        },
        {
            "a byte order mark": lambda d: d.text(b"\xef\xbb\xbf" + d.as_text().encode()),
            "other whitespace": lambda d: d.text(b"\n\n  " + d.as_text().encode() + b"\n"),
            "letters beyond ASCII": lambda d: d.set(title="Sauerstoff für alle: größer als µ"),
        },
    ),
    Planted(
        codes.DUPLICATE,
        {
            "two states": lambda d: d.copy_of("states", "name", "done", "done"),
            "two transitions": lambda d: d.copy_of("transitions", "id", "G-33", "G-34"),
            "two roles": lambda d: d.copy_of("roles", "code", "RN", "RN"),
            "two facts": lambda d: d.copy_of("facts", "name", "spo2", "spo2"),
            "two items of one checklist": _twin_item,
            "one state twice in an arrow": lambda d: d.arrow("G-17", sources=["unsigned", "unsigned_late", "unsigned"]),
        },
        {
            "a role and a fact of one name": lambda d: d.copy_of("roles", "code", "RN", "spo2"),
            "a state and a parameter of one name": lambda d: d.copy_of("parameters", "name", "low", "treated"),
        },
    ),
    Planted(
        codes.UNKNOWN_STATE,
        {
            "an arrow to a misspelt state": lambda d: d.arrow("G-02", target="treatd"),
            "an arrow from a state that was removed": lambda d: d.arrow("G-33", sources=["ordered", "order_lost"]),
            "an arrow to a state in capitals": lambda d: d.arrow("G-21", target="FILING"),
        },
        {
            "an arrow back to its own state": lambda d: d.arrow("G-08", target="treated"),
            "an arrow to a state declared later": lambda d: d.drop("states", "name", "done").copy_of(
                "states",
                "name",
                "cancelled",
                "done",
                emr={"status": "completed", "business_status": "done", "display": "Done"},
            ),
        },
    ),
    Planted(
        codes.UNKNOWN_ROLE,
        {
            "an owner": lambda d: d.state("treated", owner="NURSE"),
            "who may take an arrow": lambda d: d.arrow("G-02", by=["RN", "THERAPIST"]),
            "a stand-in": lambda d: d.role("RN", fallback=["SUPERVISOR"]),
            "who may override": lambda d: d.arrow("G-15", override_by=["CHIEF"]),
            "who owns an item": lambda d: _item(d, 0, owner="AIDE"),
        },
        {
            "a stand-in declared later": lambda d: d.role("RN", fallback=["CHARGE", "LEAD"]),
            "a role that owns nothing": lambda d: d.copy_of("roles", "code", "RN", "AIDE"),
        },
    ),
    Planted(
        codes.UNKNOWN_EVENT,
        {
            "an arrow on an event that is not expected": lambda d: d.arrow("G-23", on="result_called"),
            "an event that the catalog lacks": lambda d: d.copy_of("events", "event", "note_written", "note_lost"),
            "a fact from an event that is never delivered": lambda d: d.fact(
                "distress", sources=[{"event": "follow_up_contact_made", "field": "oxygen_works"}]
            ),
            "a state that ignores what never comes": lambda d: d.answer("result_called", "ignores", "treated"),
            "an event of the patient's life that is not expected": lambda d: d.drop(
                "events", "event", "patient_merged"
            ),
        },
        {
            "an event that is expected and never moves a case": lambda d: d.copy_of(
                "events", "event", "note_written", "result_called"
            ).answer("result_called", "ignores", *OPEN_STATES),
            "a sub-case's end that is recorded": lambda d: d.drop_arrow("G-31").answer(
                "fetch.dropped", "records", "fetching"
            ),
        },
    ),
    Planted(
        codes.UNKNOWN_FIELD,
        {
            "a field that the event lacks": lambda d: d.fact(
                "flow", sources=[{"event": "oxygen_changed", "field": "flow"}]
            ),
            "a field of another type": lambda d: d.fact(
                "distress", sources=[{"event": "oxygen_changed", "field": "flow_l_min"}]
            ),
            "a range that the source exceeds": lambda d: d.fact("spo2", minimum=50, maximum=100),
            "a whole number from a source of fractions": lambda d: d.fact("flow", integer=True),
            "a fact without a source": lambda d: d.fact("age", sources=[]),
            "that something happened as a number": lambda d: d.fact("flow", sources=[{"event": "oxygen_changed"}]),
            "that something happened as a parameter": lambda d: d.parameter(
                "low", patient=[{"event": "care_plan_updated"}]
            ),
        },
        {
            "that something happened": lambda d: d.fact("distress", sources=[{"event": "assessment_completed"}]),
            "a range wider than the source's": lambda d: d.fact("spo2", minimum=-5, maximum=150),
            "another field of the same type": lambda d: d.fact(
                "flow", sources=[{"event": "oxygen_changed", "field": "fio2"}], minimum=None, maximum=None
            ),
        },
    ),
    Planted(
        codes.UNKNOWN_TERM,
        {
            "a fact in a guard": lambda d: d.arrow(
                "G-06", when={"op": "compare", "left": {"fact": "news"}, "comparator": ">=", "right": {"value": 7}}
            ),
            "a parameter in a guard": lambda d: d.arrow(
                "G-05",
                when={"op": "compare", "left": {"fact": "spo2"}, "comparator": "<", "right": {"parameter": "lowest"}},
            ),
            "a parameter as a time": lambda d: d.state("treated", deadline={"within": {"parameter": "withn"}}),
            "a fact from which a time is counted": lambda d: d.state(
                "treated", deadline={"within": {"amount": 60, "since": "discharge"}}
            ),
            "a fact in a shorter limit": lambda d: d.state(
                "ordered",
                deadline={
                    "within": {"amount": 60},
                    "sooner": [
                        {"when": {"op": "known", "fact": "weight"}, "within": {"amount": 5}, "because": "heavy"}
                    ],
                },
            ),
        },
        {
            "a fact whose name is a parameter's": lambda d: d.copy_of("facts", "name", "flow", "low"),
            "a fact that no guard reads": lambda d: d.copy_of("facts", "name", "flow", "flow_again"),
        },
    ),
    Planted(
        codes.UNKNOWN_TRANSITION,
        {
            "a misspelt one": lambda d: d.arrow("G-17", separate_from=["G-16", "G16"]),
            "one that was removed": lambda d: d.drop_arrow("G-23").arrow("G-28", separate_from=["G-23"]),
            "a state's name": lambda d: d.arrow("G-17", separate_from=["treated"]),
        },
        {
            "itself": lambda d: d.arrow("G-28", separate_from=["G-28"]),
            "one that comes later": lambda d: d.arrow("G-17", separate_from=["G-16", "G-34"]),
        },
    ),
    Planted(
        codes.INCOMPLETE,
        {
            "a system state without work": lambda d: d.state("filing", work=None),
            "work where nobody does it": lambda d: d.state("treated", work={"name": "other", "outcomes": ["failed"]}),
            "an arrow out of an end": lambda d: d.arrow("G-34", sources=["treated", "done"]),
            "an opening that leads nowhere": lambda d: d.arrow("G-01", target=None),
            "no opening at all": lambda d: d.drop_arrow("G-01"),
            "a state that depends on a fact": lambda d: d.state("unsigned", optional=flow > 2),
            "an end that somebody owns": lambda d: d.state("done", owner="RN"),
            "a validation that nobody does": lambda d: d.state("alarm_late", validates="PROVIDER"),
            "re-opened where it has not ended": lambda d: _again(d, "done", "cancelled", "treated"),
            "re-opened from nowhere": _again,
            "re-opened and ended at once": lambda d: _again(d, "done", "cancelled", target="cancelled"),
            "re-opened by a deadline": lambda d: _again(d, "done", "cancelled", on="deadline_missed"),
            "re-opened by override": lambda d: _again(d, "done", "cancelled", override_by=["LEAD"]),
            "an end that answers what re-opens nothing": lambda d: d.answer("note_written", "ignores", "done"),
            "an end that keeps an event for later": lambda d: _again(d, "done").answer(
                "note_written", "defers", "cancelled"
            ),
        },
        {
            "two ways to open a case": lambda d: d.new_arrow("G-90", [], "spo2_observed", "ordered", when=spo2 < 80),
            "an end without a title": lambda d: d.state("done", title=""),
            "an arrow out of ends that re-opens": lambda d: _again(d, "done", "cancelled"),
            "re-opened by what else opens a case": lambda d: _again(d, "done", "cancelled", on="oxygen_ordered"),
            "a state that depends on a parameter": lambda d: d.state("unsigned_late", optional=None),
        },
    ),
    Planted(
        codes.BAD_PARAMETER,
        {
            "a default below the minimum": lambda d: d.parameter("low", default=70),
            "a default of another type": lambda d: d.parameter("within", default="soon"),
            "a minimum above the maximum": lambda d: d.parameter("high", minimum=100, maximum=90),
            "a default that is no choice": lambda d: d.parameter("style", default="letter"),
            "a fact that is stale at once": lambda d: d.fact("news2", stale_after_minutes=0),
        },
        {
            "a default at the minimum": lambda d: d.parameter("low", default=80),
            "one choice only": lambda d: d.parameter("style", choices=["note"]).policy(2, parameters={}),
        },
    ),
    Planted(
        codes.TOO_LONG,
        {
            "a state's name": lambda d: d.new_state("s" * 72, "alarm_late"),
            "a workflow's name with a blank": lambda d: (
                d.set(workflow="good work").policy(1, parameters={}).policy(2, parameters={})
            ),
            "a word that signals use": lambda d: d.arrow("G-29", id="rewait"),
            "a name that the compiler makes": lambda d: d.new_state("treated deadline", "alarm_late"),
            "a machine too large": lambda d: _many(d, 120),
        },
        {
            "a state's name just short enough": lambda d: d.new_state("s" * 71, "alarm_late"),
            "a large machine that fits": lambda d: _many(d, 40),
        },
    ),
    Planted(
        codes.CASE_NOT_NAMED,
        {
            "an opening event that names no result": lambda d: _alone(d).set(correlation="result"),
            "a sub-case, and it has one case per result": lambda d: d.also(
                "fetch", Draft(FETCH).set(correlation="result")
            ),
            "one that is opened by another, and waits for one": lambda d: d.set(correlation="result").arrow(
                "G-01", on="critical_result_reported"
            ),
            "an event that waits for its case and names none": lambda d: _waiting_first(d, "qualifying_test_ordered"),
        },
        {
            "every opening event names its result": _reported,
            "an event that may wait names its result": lambda d: _waiting_first(d, "result_called"),
            "one case per patient": lambda d: d.set(correlation="patient"),
            "a workflow beside it that has one per result": lambda d: d.also(
                "carry", Draft(FETCH).set(workflow="carry", correlation="result")
            ),
        },
    ),
)
