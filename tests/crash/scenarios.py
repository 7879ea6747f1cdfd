"""What is played: each scenario is short, so that all its moments can be died at."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from functions.cases import wiring
from functions.cases.commands import Person
from functions.cases.facilities import register
from functions.cases.lifespan import Lifespan
from functions.cases.ports import Services
from functions.cases.redrive import redrive_corrected
from functions.cases.rows import CaseRow
from functions.emr.client import FhirClient
from functions.emr.table_ledger import TableLedger
from functions.emr.transport import NoAnswer
from functions.work.steps import step
from local.mend import redrive_all
from statemachines import published
from statemachines.facilities import facilities
from tests.crash.hospital import FACILITY, Hospital
from tests.unit.emr.fake_emr import BASE_URL, answer
from tests.unit.workflows.hospital import ROLES
from tests.unit.workflows.ways import ABOUT, RESULT, TEST, somebody

MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0


def of(role: str) -> str:
    """A made-up person in a role, as events name them."""
    return f"{somebody(role)}:{role}"


RT, RN, MD, LEAD, CN, LAB = map(of, ("RT", "RN", "PROVIDER", "RT_LEAD", "CHARGE_NURSE", "LAB"))
MANAGER, VENDOR, REGISTRATION = of("CASE_MANAGER"), of("VENDOR"), of("REGISTRATION")
LAB_CASE, PLAN, ORDER = "critical_lab", "home_oxygen", "home_oxygen_order"


class Scenario(NamedTuple):
    """``given`` has happened already; every call of ``play`` is a moment to die at."""

    name: str
    given: Callable[[Hospital], None]
    play: Callable[[Hospital], None]


# ── what has happened already ────────────────────────────────────────────────────────────────────────────────────────────


def nobody(_: Hospital) -> None:
    """Nobody is there."""


def staffed(hospital: Hospital) -> None:
    """One person in each role, for two months."""
    for role in ROLES:
        hospital.post(_shift(hospital, role))
    hospital.wait(0)


def _shift(hospital: Hospital, role: str, *, hours: float = 60 * 24) -> str:
    until = datetime.fromtimestamp(hospital.now + hours * HOUR, UTC).isoformat()
    return hospital.event("shift_started", staff_id=somebody(role), roles=[role], until=until)


def ordered(hospital: Hospital) -> None:
    """Oxygen is ordered."""
    staffed(hospital)
    hospital.send("oxygen_ordered", MD, order_id="O1", age_years=70)


def assessment_due(hospital: Hospital) -> None:
    """Oxygen is on; the patient is to be assessed."""
    ordered(hospital)
    hospital.send("oxygen_changed", RN, flow_l_min=2)


def stable(hospital: Hospital) -> None:
    """Assessed, and in target."""
    assessment_due(hospital)
    hospital.send("assessment_completed", RT, spo2_percent=96)
    hospital.send("oxygen_changed", RT, spo2_percent=96, flow_l_min=2)


def documented(hospital: Hospital) -> None:
    """Oxygen has ended; the note is written and not signed."""
    stable(hospital)
    hospital.send("oxygen_discontinued", RN)
    hospital.send("note_written", RT, note_id="N1")


def result_called(hospital: Hospital) -> None:
    """A critical result, verified, called and read back."""
    staffed(hospital)
    hospital.send("critical_result_reported", LAB, **RESULT)
    hospital.send("result_verified", LAB, after=MINUTE, **ABOUT)
    hospital.send("result_called", LAB, after=MINUTE, **ABOUT, recipient_id=somebody("RN"), cares_for_patient=True)
    hospital.send("result_read_back", RN, after=MINUTE, **ABOUT, identifiers_confirmed=2, value_confirmed=True)


def qualified(hospital: Hospital) -> None:
    """A patient who qualifies for oxygen at home."""
    staffed(hospital)
    hospital.send("discharge_planned", MANAGER)
    hospital.send("qualifying_test_ordered", MD)
    hospital.send("qualifying_test_completed", RT, **TEST)


def to_be_signed(hospital: Hospital) -> None:
    """Home oxygen is requested, and its order drafted."""
    qualified(hospital)
    hospital.send("home_oxygen_requested", MD)
    hospital.send("home_oxygen_order_drafted", MANAGER, order_id="O1", vendor_id="V1", flow_l_min=2)


def made_twice(hospital: Hospital) -> None:
    """An order was delivered and documentation filed; of each the EMR has two, and whoever made the second never heard of it."""
    to_be_signed(hospital)
    _overtaken(hospital, ORDER, "DeviceRequest", heard=False)
    _delivered(hospital)
    documented(hospital)
    _overtaken(hospital, "oxygen", "DocumentReference", heard=False)
    filed(hospital)


# ── what happens ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def opening_and_moving(hospital: Hospital) -> None:
    """Opened, moved, noted, ignored, refused; and the same again."""
    hospital.send("oxygen_ordered", MD, order_id="O1", age_years=70)
    raw = hospital.send("oxygen_changed", RN, flow_l_min=2)
    hospital.send("spo2_observed", spo2_percent=95)
    hospital.send("assessment_completed", CN)
    hospital.send("note_cosigned", MD, encounter="E-9", note_id="N1")
    hospital.wait(MINUTE)
    hospital.post(raw)
    hospital.wait(0)
    hospital.send("assessment_completed", RT, spo2_percent=95)


def too_early(hospital: Hospital) -> None:
    """Before the case, and before their state: held, deferred, and taken when it is time."""
    hospital.send("oxygen_changed", RN, flow_l_min=2)
    hospital.send("assessment_completed", RT, spo2_percent=96)
    hospital.wait(MINUTE)
    hospital.sweep()
    hospital.send("oxygen_ordered", MD, order_id="O1", age_years=70, ago=6 * MINUTE + 600)
    hospital.send("note_signed", RT, note_id="N1")
    hospital.send("oxygen_discontinued", RN)
    hospital.send("note_written", RT, note_id="N1")


def never_opened(hospital: Hospital) -> None:
    """An event waits for a case that never opens; the sweep gives it up to quarantine."""
    hospital.send("oxygen_changed", RN, flow_l_min=2)
    hospital.wait(61 * MINUTE)
    hospital.sweep()


def an_instant_too_late(hospital: Hospital) -> None:
    """Events of several cases in one batch, the opening after what needs it."""
    hospital.wait(MINUTE)
    raw = hospital.event("spo2_observed", spo2_percent=93, encounter="E-2", ago=1)
    hospital.post(
        hospital.event("oxygen_changed", RN, flow_l_min=3, ago=2),
        hospital.event("oxygen_ordered", MD, order_id="O1", age_years=70, ago=3),
        hospital.event("oxygen_ordered", MD, order_id="O2", age_years=12, encounter="E-2", ago=3),
        hospital.event("assessment_completed", RT, spo2_percent=91, ago=1),
        raw,
        raw,
    )
    hospital.wait(0)


def commanded(hospital: Hospital) -> None:
    """Claimed, declined, handed on, refused; titrated, and the guard overridden."""
    hospital.command("claim", RT)
    hospital.command("decline", RT, reason="with another patient")
    hospital.command("claim", CN)
    hospital.command("reassign", LEAD, to=Person(somebody("RT"), "RT"), reason="back now")
    hospital.command("claim", RT)
    hospital.send("assessment_completed", RT, spo2_percent=96)
    hospital.send("oxygen_changed", RT, spo2_percent=85, flow_l_min=4)
    hospital.command("override", LEAD, transition="T-25", reason="as good as it gets for this patient")


def nobody_comes(hospital: Hospital) -> None:
    """Deadline after deadline, and then somebody comes; a deadline that shortens."""
    hospital.wait(31 * MINUTE)
    hospital.wait(31 * MINUTE)
    hospital.send("oxygen_changed", RN, flow_l_min=2)
    hospital.send("news2_scored", news2=7)
    hospital.wait(31 * MINUTE)
    hospital.wait(31 * MINUTE)
    hospital.send("assessment_completed", RT, spo2_percent=96)


def filed(hospital: Hospital) -> None:
    """Signed, filed, read back."""
    hospital.send("note_signed", RT, note_id="N1")


def filed_at_the_second_try(hospital: Hospital) -> None:
    """The EMR refuses the document; filed again, it answers too late to be heard, and has it all the same."""
    hospital.emr.will("POST", answer(422))
    hospital.send("note_signed", RT, note_id="N1")
    hospital.wait(10 * MINUTE)
    hospital.emr.will("POST", NoAnswer("too late"), after_commit=True)
    hospital.send("filing_retry_requested", LEAD)


def given_up(hospital: Hospital) -> None:
    """The EMR is away for longer than the step is tried."""
    hospital.away.add("DocumentReference")
    hospital.send("note_signed", RT, note_id="N1")
    hospital.wait(10 * MINUTE)
    hospital.away.clear()
    hospital.send("filing_retry_requested", LEAD)


def taken_back(hospital: Hospital) -> None:
    """What Baton did is undone, as for an outcome that comes too late."""
    for row in hospital.cases():
        for work in {s.work.name for s in published.published(row.workflow, row.version).states if s.work is not None}:
            hospital.ask("work.compensate", partial(_compensated, row, work))


def _compensated(row: CaseRow, work: str, services: Services) -> None:
    step(work, services, FhirClient(BASE_URL, emr="emr"), TableLedger(services.table)).compensate(row)


def _overtaken(hospital: Hospital, workflow: str, kind: str, *, heard: bool = True) -> None:
    """What a try creates next reaches the EMR late: its successor has created the same by then, and the case has gone on.

    The EMR creates whatever it gets. ``heard``: it answers the late try in time.
    """
    hospital.emr.knows_if_none_exist = False

    def late(method: str, path: str) -> None:
        if (method, path) != ("POST", kind):
            return
        hospital.emr.before = None
        row = hospital.case(workflow)
        hospital.states.give_up_a_try(f"{row.id}-{row.generation}")
        hospital.wait(5 * MINUTE)
        if not heard:
            hospital.emr.will(method, NoAnswer("too late"), after_commit=True)

    hospital.emr.before = late


def filed_late(hospital: Hospital) -> None:
    """A try that lost its hold files a second document and takes it back; where it did not live to, the daily look does."""
    _overtaken(hospital, "oxygen", "DocumentReference")
    filed(hospital)
    looked_for_a_day_later(hospital)


def sent_late(hospital: Hospital) -> None:
    """The same with an order."""
    _overtaken(hospital, ORDER, "DeviceRequest")
    _delivered(hospital)
    looked_for_a_day_later(hospital)


def _delivered(hospital: Hospital) -> None:
    """The order is signed, sent and delivered; then the patient stays after all, so that nothing more falls due."""
    hospital.send("home_oxygen_order_signed", MD, order_id="O1")
    hospital.send("vendor_acknowledged", VENDOR, order_id="O1")
    hospital.send("equipment_delivered", VENDOR, place="bedside")
    hospital.send("discharge_plan_cancelled", MD, reason="stays")


def looked_for_a_day_later(hospital: Hospital) -> None:
    """A day after the end of all cases the EMR is searched for what it has of them."""
    hospital.wait(DAY + HOUR)
    hospital.sweep()


def order_sent(hospital: Hospital) -> None:
    """Documentation is filed, an order for home oxygen is sent, a critical result looked for."""
    to_be_signed(hospital)
    hospital.send("home_oxygen_order_signed", MD, order_id="O1")
    hospital.send("oxygen_ordered", MD, order_id="O1", age_years=70)
    hospital.send("oxygen_changed", RN, flow_l_min=2)
    hospital.send("oxygen_discontinued", RN)
    hospital.send("note_written", RT, note_id="N1")
    hospital.send("note_signed", RT, note_id="N1")
    hospital.send("critical_result_reported", LAB, **RESULT)


def mirrored_by_an_emr_that_fails(hospital: Hospital) -> None:
    """The EMR is away, answers too late, and somebody changes the Task in between."""
    hospital.emr.will("PUT", NoAnswer("too late"), after_commit=True)
    hospital.send("assessment_completed", RT, spo2_percent=96)
    hospital.emr.will("PUT", answer(503))
    hospital.send("oxygen_changed", RT, spo2_percent=96, flow_l_min=2)
    (task,) = hospital.emr.all("Task")
    hospital.emr.store({**task, "status": "on-hold"})
    hospital.send("weaning_started", RT)


def acted_on(hospital: Hospital) -> None:
    """A critical result: acknowledged, ordered, looked for, carried out; what came early is used."""
    hospital.send("action_completed", RN, after=MINUTE, **ABOUT, order_id="O1")
    hospital.send("result_acknowledged", MD, after=MINUTE, **ABOUT)
    hospital.send("action_ordered", MD, after=MINUTE, **ABOUT, order_id="O1")


def corrected(hospital: Hospital) -> None:
    """Nobody answers; then the result is corrected, and that is told."""
    hospital.wait(16 * MINUTE)
    hospital.wait(11 * MINUTE)
    hospital.send("result_corrected", LAB, after=MINUTE, **{**RESULT, "potassium_mmol_l": 4.2})
    hospital.send("correction_acknowledged", RN, after=MINUTE, **ABOUT)


def overtaken(hospital: Hospital) -> None:
    """A correction and a withdrawal overtake their results; another correction is of a result that never comes."""
    harmless = {**RESULT, "potassium_mmol_l": 4.2}
    hospital.send("result_corrected", LAB, **harmless)
    hospital.send("result_withdrawn", LAB, result_id="R2", reason="haemolysed")
    hospital.send("result_corrected", LAB, **{**harmless, "result_id": "R3"})
    for result in ("R1", "R2"):
        hospital.send("critical_result_reported", LAB, ago=10 * MINUTE, **{**RESULT, "result_id": result})
    hospital.send("result_verified", LAB, after=MINUTE, **ABOUT)
    hospital.wait(241 * MINUTE)
    hospital.sweep()


def reopened(hospital: Hospital) -> None:
    """A result is acted on and its case ends; then it is corrected, in a case of its own, and that is told."""
    acted_on(hospital)
    hospital.send("result_corrected", LAB, after=MINUTE, **{**RESULT, "potassium_mmol_l": 4.2})
    hospital.send("correction_acknowledged", MD, after=MINUTE, **ABOUT)
    hospital.send("result_corrected", LAB, after=MINUTE, **{**RESULT, "potassium_mmol_l": 7.4})


def reported_again(hospital: Hospital) -> None:
    """A result is acted on and its case ends; it is reported again and withdrawn, and whoever was told is told of that."""
    acted_on(hospital)
    hospital.send("critical_result_reported", LAB, after=MINUTE, **{**RESULT, "potassium_mmol_l": 7.4})
    hospital.send("result_withdrawn", LAB, after=MINUTE, **ABOUT, reason="haemolysed")
    hospital.send("correction_acknowledged", MD, after=MINUTE, **ABOUT)


def other_stay(hospital: Hospital) -> None:
    """That the patient left after an earlier stay is heard of when the oxygen for after this one is being arranged."""
    hospital.send("patient_discharged", REGISTRATION, patient="P-1", encounter="E-0", ago=DAY)
    hospital.send("discharge_plan_cancelled", MD, reason="stays")


def two_records(hospital: Hospital) -> None:
    """One patient has three records, and plans under two. One plan ends: what is told of any record is for the other."""
    hospital.send("discharge_planned", MANAGER, patient="P-9", encounter="E-9")
    hospital.send("patient_merged", REGISTRATION, patient="P-5", surviving_patient="P-9")
    hospital.send("patient_merged", REGISTRATION, patient="P-1", surviving_patient="P-9")
    hospital.send("discharge_plan_cancelled", MD, patient="P-1", reason="planned twice")
    hospital.send("qualifying_test_ordered", MD, patient="P-1")
    hospital.send("discharge_plan_cancelled", MD, patient="P-5", reason="stays")


def both_plans_end(hospital: Hospital) -> None:
    """One patient has a plan under each of two records; they are merged, and once more, and the patient dies."""
    hospital.send("discharge_planned", MANAGER, patient="P-9", encounter="E-9")
    hospital.send("patient_merged", REGISTRATION, patient="P-1", surviving_patient="P-9")
    hospital.send("patient_merged", REGISTRATION, patient="P-9", surviving_patient="P-12")
    hospital.post(hospital.send("patient_died", REGISTRATION, patient="P-12", encounter="E-9"))


def two_results(hospital: Hospital) -> None:
    """The patient has two critical results: one is read back, the other is on the phone. They are told apart in one encounter."""
    result_called(hospital)
    other = {"result_id": "R2"}
    hospital.send(
        "critical_result_reported", LAB, **{**RESULT, **other, "potassium_mmol_l": None, "sodium_mmol_l": 110}
    )
    hospital.send("result_verified", LAB, after=MINUTE, **other)
    hospital.send("result_called", LAB, after=MINUTE, **other, recipient_id=somebody("RN"), cares_for_patient=True)


def both_told(hospital: Hospital) -> None:
    """What happens to the patient reaches both results, each in its own way, and again changes nothing; one ends before."""
    raw = hospital.send("patient_transferred", REGISTRATION, after=MINUTE, to_unit="U2")
    hospital.post(raw)
    hospital.send("result_withdrawn", LAB, after=MINUTE, result_id="R1", reason="haemolysed")
    hospital.send("correction_acknowledged", RN, after=MINUTE, **ABOUT)
    hospital.send("patient_merged", REGISTRATION, after=MINUTE, surviving_patient="P-9")


def both_die(hospital: Hospital) -> None:
    """A death ends both cases at once."""
    hospital.send("patient_died", REGISTRATION, after=MINUTE)


def sub_case(hospital: Hospital) -> None:
    """The order is a case of its own; the plan waits for it, and goes on when it has ended."""
    hospital.send("home_oxygen_requested", MD)
    hospital.send("home_oxygen_order_drafted", MANAGER, order_id="O1", vendor_id="V1", flow_l_min=2)
    hospital.send("home_oxygen_order_signed", MD, order_id="O1")
    hospital.send("vendor_acknowledged", VENDOR, order_id="O1")
    hospital.send("equipment_delivered", VENDOR, place="bedside")
    hospital.send("oxygen_education_completed", RT, learner="patient")


def sub_case_withdrawn(hospital: Hospital) -> None:
    """The order is withdrawn, and requested again."""
    hospital.send("home_oxygen_order_cancelled", MD, reason="another vendor")
    hospital.send("home_oxygen_requested", MD)


def sent_too_late(hospital: Hospital) -> None:
    """The order is cancelled while it is being sent: what went out is taken back."""
    _cancelled_while_it_is_sent(hospital)


def _cancelled_while_it_is_sent(hospital: Hospital, *away: str) -> None:
    def cancelled() -> None:
        hospital.away.update(away)
        hospital.post(hospital.event("home_oxygen_order_cancelled", MD, reason="no longer wanted"))
        hospital.wait(MINUTE)

    hospital.meanwhile["work.send_order"] = cancelled
    hospital.send("home_oxygen_order_signed", MD, order_id="O1")


def sent_unheard(hospital: Hospital) -> None:
    """The same, and the EMR's answer is lost: the step is tried again when the case has moved on."""
    hospital.emr.will("POST", NoAnswer("too late"), after_commit=True)
    sent_too_late(hospital)


def not_undone(hospital: Hospital) -> None:
    """The same, and the EMR is away for longer than the recall is tried."""
    _cancelled_while_it_is_sent(hospital, "DeviceRequest")
    hospital.wait(10 * MINUTE)
    hospital.away.clear()
    hospital.wait(10 * MINUTE)
    hospital.sweep()


def not_sent(hospital: Hospital) -> None:
    """The order does not go out: it has an owner, and goes out again."""
    hospital.emr.will("POST", answer(422))
    hospital.send("home_oxygen_order_signed", MD, order_id="O1")
    hospital.send("order_sending_requested", MANAGER)


def moved_about(hospital: Hospital) -> None:
    """Transferred, merged, discharged; and news for the case that has ended."""
    hospital.send("patient_transferred", REGISTRATION, to_unit="U2")
    hospital.send("patient_merged", REGISTRATION, surviving_patient="P-9")
    hospital.send("care_plan_updated", MD, target_spo2_low=88, target_spo2_high=92, hypercapnic_risk=True)
    hospital.send("patient_discharged", REGISTRATION)
    hospital.send("order_cancelled", MD, reason="ordered by mistake")


def cancelled_and_ordered_again(hospital: Hospital) -> None:
    """A case ends; what comes late is refused; another opens in its place."""
    hospital.send("order_cancelled", MD, reason="ordered by mistake")
    hospital.send("oxygen_discontinued", RN)
    hospital.send("oxygen_ordered", MD, order_id="O2", age_years=70)
    hospital.send("patient_died", REGISTRATION)


def shifts(hospital: Hospital) -> None:
    """Somebody goes, older news comes late, nobody of that role is left."""
    hospital.wait(MINUTE)
    started = _shift(hospital, "RT")
    hospital.send("shift_ended", staff_id=somebody("RT"))
    hospital.wait(MINUTE)
    hospital.post(started)
    hospital.wait(0)
    hospital.send("oxygen_changed", RN, flow_l_min=2)
    hospital.send("shift_ended", staff_id=somebody("RT_LEAD"))
    hospital.command("claim", RT)


def routed_again(hospital: Hospital) -> None:
    """Whoever has the task goes off shift: the sweep gives it to somebody who is there."""
    hospital.command("claim", RT)
    hospital.send("shift_ended", staff_id=somebody("RT"))
    hospital.wait(HOUR + 5 * MINUTE)
    hospital.sweep()
    hospital.wait(MINUTE)
    hospital.sweep()


def merged_while_ordered(hospital: Hospital) -> None:
    """The patient's record is merged into another while plan and order are open; what is told of either is found."""
    hospital.send("patient_merged", REGISTRATION, surviving_patient="P-9")
    hospital.send("home_oxygen_order_signed", MD, patient="P-9", order_id="O1")
    hospital.send("vendor_acknowledged", VENDOR, order_id="O1")
    hospital.send("equipment_delivered", VENDOR, patient="P-9", place="bedside")


def out_of_order(hospital: Hospital) -> None:
    """All that happens to a critical result arrives in the wrong order, and is used in the right one."""
    for type, by, data in (
        ("critical_result_reported", LAB, RESULT),
        ("result_acknowledged", MD, {}),
        ("result_read_back", RN, {"identifiers_confirmed": 2, "value_confirmed": True}),
        ("result_called", LAB, {"recipient_id": somebody("RN"), "cares_for_patient": True}),
        ("result_verified", LAB, {}),
    ):
        hospital.send(type, by, after=MINUTE, **{**ABOUT, **data})
    hospital.wait(MINUTE)
    hospital.sweep()


def mended_and_redriven(hospital: Hospital) -> None:
    """What nobody can read or place is kept; its cause is mended, and it goes through."""
    hospital.wait(MINUTE)
    long = "x" * 1000
    hospital.post("not to be read " + long, hospital.event("oxygen_changed", RN, flow_l_min=2, facility="eastgate"))
    hospital.post(hospital.event("oxygen_discontinued", RN), hospital.event("no_such_type", RN))
    hospital.wait(0)
    hospital.send("oxygen_ordered", MD, order_id="O1", age_years=70)
    hospital.ask("redrive", lambda services: list(redrive_all(services)))


def mended_in_a_copy(hospital: Hospital) -> None:
    """A message names a facility that is not there; a corrected copy of it is placed in its stead."""
    hospital.wait(MINUTE)
    raw = hospital.event("oxygen_ordered", MD, order_id="O1", age_years=70, facility="eastgate")
    hospital.post(raw)
    hospital.wait(0)
    id = wiring.keyring().quarantine(raw.encode()).sk
    copy = raw.replace("eastgate", FACILITY)
    hospital.ask("redrive", lambda services: redrive_corrected(services, id, copy))


def for_another_workflow(hospital: Hospital) -> None:
    """Several workflows know the event, and the hospital does not run all of them."""
    definitions = [published.published(*version) for version in published.versions()]
    running = {d.workflow: d.version for d in definitions if d.workflow not in (PLAN, ORDER)}
    register(hospital.table, facilities()[FACILITY], running, definitions)
    hospital.wait(MINUTE)
    hospital.send("patient_transferred", REGISTRATION, to_unit="U2")


def long_lived(hospital: Hospital) -> None:
    """An execution follows a case for two waits at most; then another one goes on."""
    hospital.settings["lifespan"] = Lifespan(waits=2)
    stable(hospital)
    hospital.send("patient_transferred", REGISTRATION, to_unit="U2")
    hospital.wait(2 * HOUR)


def long_lived_and_lagging(hospital: Hospital) -> None:
    """The same, while executions come late: several events in a batch, a deadline, and an end."""
    hospital.settings["lifespan"] = Lifespan(waits=1)
    hospital.wait(MINUTE)
    hospital.post(
        hospital.event("oxygen_changed", RN, flow_l_min=3, ago=3),
        hospital.event("assessment_completed", RT, spo2_percent=91, ago=2),
        hospital.event("order_cancelled", MD, reason="ordered by mistake", ago=1),
    )
    hospital.wait(0)
    hospital.send("note_written", RT, note_id="N1")
    hospital.send("note_signed", RT, note_id="N1")


def registered(hospital: Hospital) -> None:
    """A facility is registered again, with its policy."""
    definitions = [published.published(*version) for version in published.versions()]
    running = {d.workflow: d.version for d in definitions}
    policy = facilities()[FACILITY].model_copy(update={"title": "Northfield, as of today"})
    hospital.ask("register", lambda services: register(services.table, policy, running, definitions))
    ordered(hospital)


def lost_executions(hospital: Hospital) -> None:
    """An execution is aborted, another's timer never fires: the sweep mends it."""
    _abort(hospital)
    hospital.wait(MINUTE)
    hospital.sweep()
    hospital.send("assessment_completed", RT, spo2_percent=96)
    for execution in hospital.states.executions.values():
        if execution.times_out_at is not None:
            execution.times_out_at += DAY
    hospital.wait(62 * MINUTE)
    hospital.sweep()
    hospital.send("assessment_completed", RT, spo2_percent=96)


def lost_messages(hospital: Hospital) -> None:
    """What was to tell the EMR of the end is lost: the sweep has it told again."""
    hospital.wait(MINUTE)
    hospital.writebacks.loses = 1
    hospital.send("order_cancelled", MD, reason="ordered by mistake")
    hospital.wait(MINUTE)
    hospital.sweep()


def _abort(hospital: Hospital) -> None:
    for arn, execution in hospital.states.executions.items():
        if execution.status == "RUNNING":
            hospital.states.stop_execution(executionArn=arn)
    hospital.wait(0)


SCENARIOS = (
    Scenario("opening and moving", staffed, opening_and_moving),
    Scenario("too early", staffed, too_early),
    Scenario("never opened", staffed, never_opened),
    Scenario("in one batch", staffed, an_instant_too_late),
    Scenario("commanded", assessment_due, commanded),
    Scenario("nobody comes", ordered, nobody_comes),
    Scenario("filed", documented, filed),
    Scenario("filed at the second try", documented, filed_at_the_second_try),
    Scenario("given up", documented, given_up),
    Scenario("taken back", order_sent, taken_back),
    Scenario("filed late", documented, filed_late),
    Scenario("sent late", to_be_signed, sent_late),
    Scenario("made twice", made_twice, looked_for_a_day_later),
    Scenario("mirrored by an EMR that fails", assessment_due, mirrored_by_an_emr_that_fails),
    Scenario("acted on", result_called, acted_on),
    Scenario("corrected", result_called, corrected),
    Scenario("overtaken", staffed, overtaken),
    Scenario("re-opened", result_called, reopened),
    Scenario("reported again", result_called, reported_again),
    Scenario("other stay", qualified, other_stay),
    Scenario("two records", qualified, two_records),
    Scenario("two records of one who dies", to_be_signed, both_plans_end),
    Scenario("two results", two_results, both_told),
    Scenario("two results of one who dies", two_results, both_die),
    Scenario("sub-case", qualified, sub_case),
    Scenario("sub-case withdrawn", to_be_signed, sub_case_withdrawn),
    Scenario("sent too late", to_be_signed, sent_too_late),
    Scenario("sent unheard", to_be_signed, sent_unheard),
    Scenario("not undone", to_be_signed, not_undone),
    Scenario("not sent", to_be_signed, not_sent),
    Scenario("routed again", assessment_due, routed_again),
    Scenario("merged while ordered", to_be_signed, merged_while_ordered),
    Scenario("out of order", staffed, out_of_order),
    Scenario("moved about", stable, moved_about),
    Scenario("cancelled and ordered again", ordered, cancelled_and_ordered_again),
    Scenario("shifts", ordered, shifts),
    Scenario("mended and redriven", staffed, mended_and_redriven),
    Scenario("mended in a copy", staffed, mended_in_a_copy),
    Scenario("for another workflow", staffed, for_another_workflow),
    Scenario("long-lived", staffed, long_lived),
    Scenario("long-lived and lagging", ordered, long_lived_and_lagging),
    Scenario("registered", staffed, registered),
    Scenario("lost executions", assessment_due, lost_executions),
    Scenario("lost messages", ordered, lost_messages),
)
