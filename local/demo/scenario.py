"""What happens in the demonstration: an ordinary night, with everything that usually goes wrong in one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from functions.cases import commands, keys
from functions.cases.commands import Person, Refused
from local.demo.clinicians import care_until, somebody
from local.demo.people import PATIENTS, ROSTERS, Patient
from local.demo.stage import Stage, TooLate
from local.emr.faults import FaultMode, Faults
from statemachines.decide import Reason

A, B, C, D = (PATIENTS[name] for name in "ABCD")
NO_ORDER = Patient("northfield", "demo-patient-z", "demo-encounter-z", 50)
EMR_AWAY_SECONDS = 4.0
TOO_LARGE_BYTES = 300_000
OLDER_SECONDS = 300
"""So old that it is older than what is known, however long the machine took."""
MAX_TRIES = 20


@dataclass(frozen=True, slots=True)
class Props:
    """What the scenario may break, and whom it tells what it does."""

    faults: Faults
    say: Callable[[str], None]
    interfere: Callable[[], None]
    hold_executions: Callable[[], AbstractContextManager[None]]
    """While it lasts, executions cannot follow."""


def play(stage: Stage, props: Props) -> None:
    """Play the whole scenario. Raises TooLate when something that must happen does not."""
    _shifts(stage, props)
    _early_and_twice(stage, props)
    _nobody_on_shift(stage, props)
    _unreadable(stage, props)
    # Early, because what the EMR refused comes again only after a while, in which the rest happens.
    _emr_away(stage, props)
    props.interfere()
    _missed_deadline(stage, props)
    _burst(stage, props)
    _one_stays_open(stage, props)
    _to_the_end(stage, props)


def _shifts(stage: Stage, props: Props) -> None:
    props.say("Shifts start at three facilities; nobody is on shift as RT at Lakeside.")
    entries = [stage.shift(facility, person) for facility, people in ROSTERS.items() for person in people]
    stage.put(*entries)
    everybody = [(facility, person.id) for facility, people in ROSTERS.items() for person in people]
    rostered = stage.connection.services.table
    stage.until(
        "everybody on the roster",
        lambda: all(rostered.get(keys.staff(f, p)) is not None for f, p in everybody),
    )


def _early_and_twice(stage: Stage, props: Props) -> None:
    props.say("Northfield: oxygen is started before its order arrives; the order arrives twice.")
    started = stage.event("oxygen_changed", A, somebody(A.facility, "RN"), flow_l_min=2.0, device="nasal cannula")
    stage.put(started)
    stage.until_placed(next(reversed(stage.sent)))
    order: dict[str, Any] = {"order_id": "order-a", "age_years": A.age, "device": "nasal cannula", "flow_l_min": 2.0}
    md = somebody(A.facility, "PROVIDER")
    entry = stage.event("oxygen_ordered", A, md, id="demo-order-a", **order)
    stage.put(entry)
    again = stage.event("oxygen_ordered", A, md, id="demo-order-a", **order)
    stage.put(again | {"Detail": entry["Detail"]})
    stage.until_state(A, "assessment_due")
    commands.claim(stage.connection.services, stage.command(A, somebody(A.facility, "RT")))
    props.say("Northfield: oxygen is started for somebody whose order never arrives; a reading comes from outside.")
    stage.send("oxygen_changed", NO_ORDER, somebody(A.facility, "RN"), flow_l_min=2.0, device="nasal cannula")
    stage.send("spo2_observed", NO_ORDER, spo2_percent=97)


def _nobody_on_shift(stage: Stage, props: Props) -> None:
    props.say("Lakeside: a child needs oxygen and no RT is on shift; the policy lets nurses assess.")
    md, rn, cn = (somebody(C.facility, role) for role in ("PROVIDER", "RN", "CHARGE_NURSE"))
    stage.send("oxygen_ordered", C, md, order_id="order-c", age_years=C.age)
    stage.until_state(C, "ordered")
    stage.send("oxygen_changed", C, rn, flow_l_min=1.0, device="nasal cannula")
    stage.until_state(C, "assessment_due")
    props.say("Lakeside: the charge nurse tries to sign off an assessment that is not hers.")
    stage.send("assessment_completed", C, cn, spo2_percent=95)
    stage.until_placed(next(reversed(stage.sent)))


def _unreadable(stage: Stage, props: Props) -> None:
    props.say(
        "Senders make mistakes; what cannot be understood or placed is kept aside with its reason, the rest goes on."
    )
    rn = somebody(A.facility, "RN")
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()

    def vital() -> dict[str, Any]:
        return stage.event("spo2_observed", A, spo2_percent=95)

    stage.put(
        stage.spoilt(vital(), occurred_at=None),
        stage.spoilt(vital(), type="oxygen_vanished"),
        stage.spoilt(vital(), schema_version=99),
        stage.spoilt(vital(), occurred_at="2026-01-01T08:00:00"),
        vital(),
        stage.spoilt(vital(), occurred_at=tomorrow),
        stage.spoilt(vital(), data={"spo2_percent": "ninety-five"}),
        stage.spoilt(vital(), facility="nowhere"),
        stage.spoilt(stage.event("weaning_started", A, rn), subject={"patient": "demo-x", "encounter": "demo-x"}),
    )
    stage.straight(vital(), lambda message: message[:-1])
    stage.straight(vital(), lambda message: message + " " * TOO_LARGE_BYTES)


def _emr_away(stage: Stage, props: Props) -> None:
    care_until(stage, C, "titrated_undocumented", "undocumented_overdue", "still_undocumented")
    props.say(f"The EMR answers 503 for {EMR_AWAY_SECONDS:.0f} s while documentation is filed.")
    props.faults.add(FaultMode.STATUS, status=503, retry_after=1)
    try:
        care_until(stage, C, "filing", "confirming", "filing_failed", "filing_overdue", "complete")
        stage.until("the EMR has refused something", lambda: props.faults.injected().get(FaultMode.STATUS, 0) > 0)
        stage.pause(EMR_AWAY_SECONDS)
    finally:
        props.faults.clear()
    care_until(stage, C, "complete")


def _missed_deadline(stage: Stage, props: Props) -> None:
    props.say("Southgate: nobody comes to assess; the deadline passes, and the case climbs the ladder.")
    md, rn, other = somebody(B.facility, "PROVIDER"), ROSTERS[B.facility][1], ROSTERS[B.facility][2]
    stage.send("oxygen_ordered", B, md, order_id="order-b", age_years=B.age)
    stage.until_state(B, "ordered", "order_overdue")
    stage.send("oxygen_changed", B, rn, flow_l_min=3.0, device="nasal cannula")
    stage.until_state(B, "escalated", "escalated_to_provider")
    _titrating(stage)
    props.say("Southgate: an older reading arrives after a newer one; it changes nothing.")
    stage.send("spo2_observed", B, ago=OLDER_SECONDS, spo2_percent=97)
    stage.until_placed(next(reversed(stage.sent)))
    _overridden(stage, props)
    care_until(stage, B, "stable")
    person = next(p for p in (rn, other) if p.id != _offered(stage))
    commands.reassign(
        stage.connection.services,
        stage.command(B, somebody(B.facility, "CHARGE_NURSE")),
        to=Person(person.id, "RN"),
        reason="the other bay needs help",
    )


def _titrating(stage: Stage) -> None:
    """Bring case B to where 90 % is not yet in target, however often a deadline passes meanwhile. Raises TooLate."""
    for _ in range(MAX_TRIES):
        care_until(stage, B, "assessed", "titrating")
        if stage.state(B) == "titrating":
            return
        stage.send("oxygen_changed", B, somebody(B.facility, "RT"), spo2_percent=90, flow_l_min=4.0)
        stage.until_placed(next(reversed(stage.sent)))
    raise TooLate(f"{B.encounter} did not come to be titrated in {MAX_TRIES} tries")


def _overridden(stage: Stage, props: Props) -> None:
    """Let the RT lead override the target of case B. Raises TooLate."""
    props.say("Southgate: 90 % is usual for this patient; the RT lead overrides the target, with a reason.")
    for _ in range(MAX_TRIES):
        _titrating(stage)
        command = stage.command(B, somebody(B.facility, "RT_LEAD"))
        try:
            commands.override(
                stage.connection.services,
                command,
                transition="T-25",
                reason="usual saturation of this patient is 90 %",
            )
        except Refused as refused:
            if refused.reason != Reason.NO_SUCH_OVERRIDE:
                raise
            continue  # its deadline passed in this very moment
        return
    raise TooLate(f"{B.encounter} could not be overridden in {MAX_TRIES} tries")


def _offered(stage: Stage) -> str | None:
    case = stage.case(B)
    return case.task.person if case is not None and case.task is not None else None


def _burst(stage: Stage, props: Props) -> None:
    props.say("Northfield: seven events within a moment, faster than any execution can follow.")
    rt, rn = somebody(A.facility, "RT"), somebody(A.facility, "RN")
    before = set(stage.sent)
    with props.hold_executions():
        stage.put(
            stage.event("assessment_completed", A, rt, ago=6, spo2_percent=91, respiratory_rate=20),
            stage.event("oxygen_changed", A, rt, ago=5, spo2_percent=91, flow_l_min=4.0),
            stage.event("spo2_observed", A, ago=4, spo2_percent=95),
            stage.event("weaning_started", A, rt, ago=3),
            stage.event("oxygen_changed", A, rt, ago=2, spo2_percent=96, flow_l_min=0.0),
            stage.event("spo2_observed", A, ago=1, spo2_percent=88),
            stage.event("oxygen_changed", A, rn, spo2_percent=89, flow_l_min=2.0),
        )
        stage.until_placed(*(set(stage.sent) - before))


def _one_stays_open(stage: Stage, props: Props) -> None:
    props.say("Northfield: another patient comes, is brought into target, and stays on oxygen.")
    stage.send("oxygen_ordered", D, somebody(D.facility, "PROVIDER"), order_id="order-d", age_years=D.age)
    stage.until_state(D, "ordered")
    care_until(stage, D, "stable")
    props.say("Northfield: a note is written while the patient is still on oxygen; it waits.")
    stage.send("note_written", D, somebody(D.facility, "RT"), note_id=f"note-{D.encounter}")
    stage.until_placed(next(reversed(stage.sent)))


def _to_the_end(stage: Stage, props: Props) -> None:
    props.say("The others are weaned and documented, each as its facility means it.")
    care_until(stage, A, "complete")
    care_until(stage, B, "titrated_undocumented")
    props.say("Southgate: the signature arrives before the note that it signs.")
    rt = somebody(B.facility, "RT")
    stage.send("note_signed", B, rt, note_id=f"note-{B.encounter}")
    stage.until_placed(next(reversed(stage.sent)))
    care_until(stage, B, "awaiting_cosign")
    props.say("Southgate: the RT tries to co-sign their own note; then the provider does.")
    stage.send("note_cosigned", B, rt, note_id=f"note-{B.encounter}")
    stage.until_placed(next(reversed(stage.sent)))
    care_until(stage, B, "complete")
