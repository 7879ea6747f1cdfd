"""A discharge with home oxygen, and its order, as those live it who test, order, deliver, teach, call and visit."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from functions.cases.commands import Command, Person, override
from functions.cases.outcome import Placed
from functions.cases.rows import CaseRow
from tests.support.invariants import follows, steps_join, unbroken
from tests.unit.workflows.hospital import Hospital
from tests.unit.workflows.ways import DAY, TEST, somebody

PLAN, ORDER = "home_oxygen", "home_oxygen_order"
PREPARED: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("oxygen_education_completed", "RT", {"learner": "patient"}),
    ("contact_number_confirmed", "RN", {"answers": "caregiver"}),
    ("follow_up_visit_booked", "CASE_MANAGER", {"appointment_id": "A1"}),
)
DELIVERY: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("home_oxygen_order_drafted", "CASE_MANAGER", {"order_id": "O1", "vendor_id": "V1", "flow_l_min": 2}),
    ("home_oxygen_order_signed", "PROVIDER", {"order_id": "O1"}),
    ("vendor_acknowledged", "VENDOR", {"order_id": "O1"}),
    ("equipment_delivered", "VENDOR", {"place": "bedside"}),
)


def tell(hospital: Hospital, type: str, by: str | None = None, **event: Any) -> Placed:
    return hospital.tell(PLAN, type, by, **event)


def awaiting_test(facility: str = "northfield", *, now: float | None = None, **plan: Any) -> Hospital:
    hospital = Hospital(facility) if now is None else Hospital(facility, now=now)
    tell(hospital, "discharge_planned", "CASE_MANAGER", **plan)
    tell(hospital, "qualifying_test_ordered", "PROVIDER")
    return hospital


def after_test(facility: str = "northfield", *, now: float | None = None, plan: Any = None, **values: Any) -> Hospital:
    hospital = awaiting_test(facility, now=now, **(plan or {}))
    tell(hospital, "qualifying_test_completed", "RT", **{**TEST, **values})
    return hospital


def ordering(facility: str = "northfield", **options: Any) -> Hospital:
    hospital = after_test(facility, **options)
    tell(hospital, "home_oxygen_requested", "PROVIDER")
    return hospital


def deliver(hospital: Hospital) -> None:
    for type, by, data in DELIVERY:
        hospital.tell(ORDER, type, by, **data)
        if hospital.at(ORDER) == "awaiting_cosign":
            hospital.tell(ORDER, "home_oxygen_order_cosigned", "ATTENDING", order_id="O1")


def preparing(facility: str = "northfield", **options: Any) -> Hospital:
    hospital = ordering(facility, **options)
    deliver(hospital)
    return hospital


def ready(facility: str = "northfield", **options: Any) -> Hospital:
    hospital = preparing(facility, **options)
    for type, by, data in PREPARED:
        tell(hospital, type, by, **data)
    return hospital


def discharged(facility: str = "northfield", **options: Any) -> Hospital:
    hospital = ready(facility, **options)
    tell(hospital, "patient_discharged")
    return hospital


def wrong(hospital: Hospital) -> list[str]:
    """What does not hold of the cases, once everybody has followed."""
    rows: list[CaseRow] = hospital.cases(hospital.facility)
    return [fault for row in rows for check in (unbroken, steps_join, follows) for fault in check(hospital, row)]


def test_tested_ordered_delivered_taught_called_and_seen() -> None:
    hospital = discharged()
    tell(hospital, "follow_up_contact_made", "CLINIC_RN", oxygen_works=True)
    assert hospital.owned_by(PLAN) == "PCP"
    tell(hospital, "follow_up_visit_completed", "PCP")
    assert hospital.visited(PLAN) == [
        "discharge_planned", "test_due", "qualified", "ordering", "preparing", "ready", "discharged", "contacted", "closed",
    ]  # fmt: skip
    assert hospital.visited(ORDER) == ["order_draft", "drafted", "signed", "sent", "vendor_acked", "delivered"]
    assert wrong(hospital) == []


# ── who qualifies ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ({"pao2_mm_hg": 55}, "qualified"),
        ({"pao2_mm_hg": 56}, "not_qualified"),
        ({"pao2_mm_hg": 56, "dependent_oedema": True}, "qualified"),
        ({"pao2_mm_hg": 59, "cor_pulmonale": True}, "qualified"),
        ({"pao2_mm_hg": 59, "haematocrit_percent": 57}, "qualified"),
        ({"pao2_mm_hg": 59, "haematocrit_percent": 56}, "not_qualified"),
        (
            {"pao2_mm_hg": 60, "dependent_oedema": True, "cor_pulmonale": True, "haematocrit_percent": 60},
            "not_qualified",
        ),
        ({"pao2_mm_hg": None, "sao2_percent": 88}, "qualified"),
        ({"pao2_mm_hg": None, "sao2_percent": 89}, "not_qualified"),
        ({"pao2_mm_hg": None, "sao2_percent": 89, "cor_pulmonale": True}, "qualified"),
        ({"pao2_mm_hg": None, "sao2_percent": 90, "cor_pulmonale": True}, "not_qualified"),
        ({"pao2_mm_hg": 62, "sao2_percent": 85}, "not_qualified"),
        ({"pao2_mm_hg": 52, "sao2_percent": 93}, "qualified"),
        ({"pao2_mm_hg": None}, "test_due"),
        ({"performed_by_vendor": True}, "test_due"),
    ],
)
def test_who_qualifies(values: dict[str, Any], state: str) -> None:
    """CMS NCD 240.2; of two results that conflict the blood gas counts, and the vendor may not do the test."""
    assert after_test(**values).at(PLAN) == state


def test_the_vendor_cannot_test() -> None:
    hospital = awaiting_test()
    answer = tell(hospital, "qualifying_test_completed", "VENDOR", **TEST)
    assert (answer.outcome, answer.reason) == ("refused", "wrong_role")


def test_an_earlier_blood_gas_does_not_speak_for_a_later_oximetry() -> None:
    hospital = after_test(pao2_mm_hg=54)
    later = {**TEST, "test_id": "T2", "pao2_mm_hg": None, "sao2_percent": 94}
    assert tell(hospital, "qualifying_test_completed", "RT", **later).outcome == "moved"
    assert hospital.at(PLAN) == "not_qualified"


def test_who_does_not_qualify_is_the_providers_to_decide() -> None:
    hospital = after_test(pao2_mm_hg=70)
    assert hospital.owned_by(PLAN) == "PROVIDER"
    case = hospital.of(PLAN).id
    by = Person(somebody("PROVIDER"), "PROVIDER")
    row = override(
        hospital.services, Command("c1", case, by), transition="T-38", reason="insured otherwise; falls at night"
    )
    assert row.state == "qualified"
    other = after_test(pao2_mm_hg=70)
    tell(other, "home_oxygen_not_needed", "PROVIDER", reason="recovered")
    assert other.at(PLAN) == "not_needed"


# ── the order is a case of its own ───────────────────────────────────────────────────────────────────────────────────────


def test_sent_is_not_received() -> None:
    hospital = ordering()
    for type, by, data in DELIVERY[:2]:
        hospital.tell(ORDER, type, by, **data)
    assert (hospital.at(ORDER), hospital.owned_by(ORDER)) == ("sent", "CASE_MANAGER")
    assert hospital.miss(ORDER) == "vendor_silent"
    assert (hospital.miss(ORDER), hospital.owned_by(ORDER)) == ("vendor_escalated", "SUPERVISOR")
    hospital.tell(ORDER, "vendor_acknowledged", "CASE_MANAGER", order_id="O1")
    assert hospital.at(ORDER) == "vendor_acked"
    assert hospital.at(PLAN) == "ordering"
    hospital.tell(ORDER, "equipment_delivered", "VENDOR", place="home")
    assert (hospital.at(ORDER), hospital.at(PLAN)) == ("delivered", "preparing")
    assert wrong(hospital) == []


def test_an_order_that_does_not_go_out_has_an_owner_and_goes_out_again() -> None:
    hospital = ordering()
    hospital.sending.outcomes.insert(0, "failed")
    for type, by, data in DELIVERY[:2]:
        hospital.tell(ORDER, type, by, **data)
    assert (hospital.at(ORDER), hospital.owned_by(ORDER)) == ("sending_failed", "CASE_MANAGER")
    hospital.tell(ORDER, "order_sending_requested", "CASE_MANAGER")
    assert hospital.at(ORDER) == "sent"


def test_a_vendor_that_declines_is_replaced() -> None:
    hospital = ordering()
    for type, by, data in DELIVERY[:2]:
        hospital.tell(ORDER, type, by, **data)
    hospital.tell(ORDER, "vendor_declined", "VENDOR", reason="another county")
    assert hospital.at(ORDER) == "vendor_escalated"
    hospital.tell(ORDER, "home_oxygen_order_drafted", "CASE_MANAGER", order_id="O2", vendor_id="V2", flow_l_min=2)
    assert hospital.at(ORDER) == "drafted"
    late = hospital.tell(ORDER, "vendor_acknowledged", "VENDOR", order_id="O1")
    assert late.outcome == "ignored", "that was the order given up"


def test_an_order_that_is_drafted_anew_and_cancelled_leaves_none_with_its_first_vendor() -> None:
    hospital = ordering()
    for type, by, data in DELIVERY[:2]:
        hospital.tell(ORDER, type, by, **data)
    hospital.tell(ORDER, "vendor_declined", "VENDOR", reason="another county")
    hospital.tell(ORDER, "home_oxygen_order_drafted", "CASE_MANAGER", order_id="O2", vendor_id="V2", flow_l_min=2)
    hospital.tell(ORDER, "home_oxygen_order_cancelled", "PROVIDER", reason="no longer wanted")
    assert hospital.visited(ORDER)[-2:] == ["recalling", "withdrawn"]
    assert hospital.recalling.performed == ["recalling"]
    assert wrong(hospital) == []


def test_an_order_that_was_never_drafted_needs_no_recall() -> None:
    hospital = ordering()
    hospital.tell(ORDER, "home_oxygen_order_cancelled", "PROVIDER", reason="another vendor")
    assert hospital.recalling.performed == []


def test_only_one_hospital_wants_a_co_signature_and_nobody_signs_twice() -> None:
    hospital = ordering("southgate")
    drafted, signed = DELIVERY[:2]
    hospital.tell(ORDER, drafted[0], drafted[1], **drafted[2])
    own = hospital.tell(ORDER, signed[0], "CASE-MANAGER-ALDER:PROVIDER", **signed[2])
    assert (own.outcome, own.reason) == ("refused", "same_performer")
    hospital.tell(ORDER, signed[0], signed[1], **signed[2])
    assert (hospital.at(ORDER), hospital.owned_by(ORDER)) == ("awaiting_cosign", "ATTENDING")
    own = hospital.tell(ORDER, "home_oxygen_order_cosigned", "PROVIDER-ALDER:ATTENDING", order_id="O1")
    assert (own.outcome, own.reason) == ("refused", "same_performer")
    hospital.tell(ORDER, "home_oxygen_order_cosigned", "ATTENDING", order_id="O1")
    assert hospital.at(ORDER) == "sent"


def test_a_withdrawn_order_comes_back_to_the_provider() -> None:
    hospital = ordering()
    hospital.tell(ORDER, "home_oxygen_order_cancelled", "PROVIDER", reason="another vendor")
    assert (hospital.at(ORDER), hospital.at(PLAN)) == ("withdrawn", "qualified")
    tell(hospital, "home_oxygen_requested", "PROVIDER")
    assert (hospital.at(ORDER), hospital.at(PLAN)) == ("order_draft", "ordering")
    assert wrong(hospital) == []


def test_oxygen_that_comes_after_the_deadline_is_noticed_all_the_same() -> None:
    hospital = ordering()
    hospital.pass_time((hospital.due_in(PLAN)) * 60)
    assert (hospital.at(PLAN), hospital.owned_by(PLAN)) == ("ordering_overdue", "SUPERVISOR")
    deliver(hospital)
    assert (hospital.at(ORDER), hospital.at(PLAN)) == ("delivered", "preparing")


def test_nobody_delivers_oxygen_to_a_patient_who_has_died() -> None:
    hospital = ordering()
    for type, by, data in DELIVERY[:3]:
        hospital.tell(ORDER, type, by, **data)
    tell(hospital, "patient_died")
    assert hospital.at(PLAN) == "deceased"
    assert hospital.visited(ORDER)[-2:] == ["recalling", "withdrawn"]
    assert hospital.recalling.performed == ["recalling"]
    assert wrong(hospital) == []


def test_a_recall_that_does_not_go_out_is_made_by_telephone() -> None:
    hospital = ordering()
    for type, by, data in DELIVERY[:3]:
        hospital.tell(ORDER, type, by, **data)
    hospital.recalling.outcomes.insert(0, "failed")
    hospital.tell(ORDER, "home_oxygen_not_needed", "PROVIDER", reason="recovered")
    assert (hospital.at(ORDER), hospital.at(PLAN)) == ("recall_failed", "not_needed")
    assert (hospital.miss(ORDER), hospital.owned_by(ORDER)) == ("recall_overdue", "SUPERVISOR")
    hospital.tell(ORDER, "vendor_told", "CASE_MANAGER")
    assert hospital.at(ORDER) == "withdrawn"


def test_an_order_that_was_sent_after_it_was_cancelled_is_taken_back() -> None:
    """No cancelled order is placed by a late step."""
    hospital = ordering()

    class Slow:
        compensated: list[str] = []

        def perform(self, row: CaseRow) -> str:
            assert row.state == "signed"
            hospital.tell(ORDER, "home_oxygen_order_cancelled", "PROVIDER", reason="no longer wanted")
            return "sent"

        def compensate(self, row: CaseRow) -> None:
            self.compensated.append(row.state)

    hospital.steps["send_order"] = slow = Slow()
    for type, by, data in DELIVERY[:2]:
        hospital.tell(ORDER, type, by, **data)
    assert hospital.at(ORDER) == "withdrawn"
    assert len(slow.compensated) == 1
    assert hospital.visited(ORDER) == ["order_draft", "drafted", "signed", "recalling", "withdrawn"]


# ── ready to leave ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_done_before_is_not_asked_for_again() -> None:
    hospital = ordering()
    for type, by, data in PREPARED[:2]:
        assert tell(hospital, type, by, **data).outcome == "recorded"
    deliver(hospital)
    row = hospital.of(PLAN)
    assert row.state == "preparing"
    assert [task.item for task in row.items] == ["visit"]
    tell(hospital, PREPARED[2][0], PREPARED[2][1], **PREPARED[2][2])
    assert hospital.at(PLAN) == "ready"


def test_a_patient_for_whom_all_is_done_is_ready_at_once() -> None:
    hospital = ordering()
    for type, by, data in PREPARED:
        tell(hospital, type, by, **data)
    deliver(hospital)
    assert hospital.visited(PLAN)[-2:] == ["preparing", "ready"]


def test_each_item_has_an_owner_and_is_done_by_those_who_may() -> None:
    hospital = preparing()
    owners = {task.item: task.role for task in hospital.of(PLAN).items}
    assert owners == {"teaching": "RT", "number": "RN", "visit": "CASE_MANAGER"}
    refused = tell(hospital, "oxygen_education_completed", "CLINIC_RN", learner="patient")
    assert (refused.outcome, refused.reason) == ("refused", "wrong_role")
    tell(hospital, "oxygen_education_completed", "RN", learner="patient")
    assert {task.item for task in hospital.of(PLAN).items} == {"number", "visit"}


def test_what_is_left_of_the_list_stays_when_it_escalates() -> None:
    hospital = preparing()
    tell(hospital, PREPARED[0][0], PREPARED[0][1], **PREPARED[0][2])
    assert (hospital.miss(PLAN), hospital.owned_by(PLAN)) == ("preparing_overdue", "SUPERVISOR")
    assert {task.item for task in hospital.of(PLAN).items} == {"number", "visit"}
    for type, by, data in PREPARED[1:]:
        tell(hospital, type, by, **data)
    assert hospital.at(PLAN) == "ready"


def test_a_test_counts_for_two_days_before_discharge() -> None:
    """CMS NCD 240.2."""
    in_time = ready()
    tell(in_time, "patient_discharged", after=DAY)
    assert in_time.at(PLAN) == "discharged"
    late = ready()
    tell(late, "patient_discharged", after=2.1 * DAY)
    assert (late.at(PLAN), late.owned_by(PLAN)) == ("left_unready", "CASE_MANAGER")


def test_a_test_that_grew_old_while_oxygen_was_awaited_is_repeated_and_nothing_else_is() -> None:
    hospital = preparing()
    for type, by, data in PREPARED[:2]:
        tell(hospital, type, by, **data)
    hospital.pass_time(2 * DAY)
    tell(hospital, PREPARED[2][0], PREPARED[2][1], **PREPARED[2][2])
    assert (hospital.at(PLAN), hospital.owned_by(PLAN)) == ("test_expired", "RT")
    tell(hospital, "qualifying_test_completed", "RT", **{**TEST, "test_id": "T2"})
    assert hospital.at(PLAN) == "ready"
    tell(hospital, "patient_discharged", after=DAY)
    assert hospital.at(PLAN) == "discharged"


# ── after discharge ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("begin", [awaiting_test, after_test, ordering, preparing])
def test_who_leaves_without_oxygen_is_reached_at_once(begin: Any) -> None:
    hospital = begin()
    tell(hospital, "patient_discharged")
    assert (hospital.at(PLAN), hospital.owned_by(PLAN), hospital.due_in(PLAN)) == ("left_unready", "CASE_MANAGER", 120)
    assert (hospital.miss(PLAN), hospital.owned_by(PLAN)) == ("still_unready", "SUPERVISOR")
    tell(hospital, "home_oxygen_arranged", "CASE_MANAGER", how="set up at home")
    assert hospital.at(PLAN) == "discharged"


def test_who_does_not_qualify_leaves_without_oxygen() -> None:
    hospital = after_test(pao2_mm_hg=70)
    tell(hospital, "patient_discharged")
    assert hospital.at(PLAN) == "not_needed"


def local(year: int, month: int, day: int, hour: int, zone: str) -> float:
    return datetime(year, month, day, hour, tzinfo=ZoneInfo(zone)).timestamp()


@pytest.mark.parametrize(
    ("facility", "zone", "left", "until"),
    [
        # contact ends with the second business day after discharge, at local midnight
        ("northfield", "America/Chicago", (2026, 3, 3), (2026, 3, 6)),
        ("northfield", "America/Chicago", (2026, 3, 6), (2026, 3, 11)),
        ("northfield", "America/Chicago", (2026, 3, 7), (2026, 3, 11)),
        ("northfield", "America/Chicago", (2026, 12, 23), (2026, 12, 29)),
        ("northfield", "America/Chicago", (2026, 12, 31), (2027, 1, 6)),
        ("southgate", "America/New_York", (2026, 12, 24), (2026, 12, 29)),
        ("lakeside", "America/Denver", (2026, 12, 24), (2026, 12, 30)),
    ],
)
def test_contact_is_due_within_business_days_of_the_facilitys_calendar(
    facility: str, zone: str, left: tuple[int, int, int], until: tuple[int, int, int]
) -> None:
    """Two business days (CMS, Transitional Care Management); one hospital sets one. Weekends and holidays do not count."""
    hospital = discharged(facility, now=local(*left, 10, zone))
    assert hospital.of(PLAN).case.due == local(*until, 0, zone)


@pytest.mark.parametrize(
    ("complex", "left", "called", "state"),
    [
        (False, (2026, 3, 10), (2026, 3, 10), "discharged"),
        (False, (2026, 3, 10), (2026, 3, 12), "discharged"),
        (True, (2026, 3, 10), (2026, 3, 12), "discharged"),
        (True, (2026, 3, 13), (2026, 3, 18), "unreachable"),
        (False, (2026, 3, 13), (2026, 3, 20), "lost"),
        (False, (2026, 12, 23), (2027, 1, 4), "lost"),
    ],
)
def test_the_visit_is_due_14_days_after_discharge_or_7_however_late_the_contact(
    complex: bool, left: tuple[int, int, int], called: tuple[int, int, int], state: str
) -> None:
    """CMS, Transitional Care Management: CPT 99495 and 99496 count calendar days from the discharge."""
    zone = "America/Chicago"
    hospital = discharged(now=local(*left, 9, zone), plan={"high_complexity": complex})
    at_home = hospital.now
    hospital.pass_time(local(*called, 16, zone) - hospital.now)
    assert hospital.at(PLAN) == state
    tell(hospital, "follow_up_contact_made", "CASE_MANAGER", oxygen_works=True)
    assert (hospital.at(PLAN), hospital.owned_by(PLAN)) == ("contacted", "PCP")
    assert hospital.of(PLAN).case.due == at_home + (7 if complex else 14) * DAY


@pytest.mark.parametrize(("complex", "days"), [(False, 14), (True, 7)])
def test_who_is_found_when_the_time_for_the_visit_is_over_gets_one_booked_now(complex: bool, days: int) -> None:
    hospital = discharged(plan={"high_complexity": complex})
    hospital.pass_time(days * DAY)
    assert hospital.at(PLAN) == "lost"
    tell(hospital, "follow_up_contact_made", "CASE_MANAGER", oxygen_works=True)
    assert (hospital.at(PLAN), hospital.owned_by(PLAN)) == ("visit_overdue", "CASE_MANAGER")
    assert wrong(hospital) == []


def test_oxygen_made_good_at_home_leaves_what_is_left_of_the_time_for_the_contact() -> None:
    """However often the patient is called: two business days after discharge, not after the last attempt."""
    zone = "America/Chicago"
    hospital = preparing(now=local(2026, 3, 10, 9, zone))
    tell(hospital, "patient_discharged")
    for repair, said in (
        ("home_oxygen_arranged", {"how": "vendor came"}),
        ("home_oxygen_not_needed", {"reason": "well"}),
    ):
        assert hospital.at(PLAN) == "left_unready"
        hospital.pass_time(3600)
        tell(hospital, repair, "PROVIDER", **said)
        assert (hospital.at(PLAN), hospital.of(PLAN).case.due) == ("discharged", local(2026, 3, 13, 0, zone))
        tell(hospital, "follow_up_contact_failed", "CLINIC_RN")
        assert hospital.of(PLAN).case.due == local(2026, 3, 13, 0, zone)
        tell(hospital, "follow_up_contact_made", "CLINIC_RN", oxygen_works=False)
    hospital.pass_time(local(2026, 3, 13, 8, zone) - hospital.now)
    assert hospital.at(PLAN) == "still_unready"
    tell(hospital, "home_oxygen_arranged", "SUPERVISOR", how="vendor came")
    hospital.pass_time(1)
    assert (hospital.at(PLAN), hospital.owned_by(PLAN)) == ("unreachable", "CASE_MANAGER"), "it is late already"
    assert hospital.due_in(PLAN) > 60, "and whoever is told has time"
    assert wrong(hospital) == []


def test_another_discharge_from_elsewhere_does_not_start_the_time_anew() -> None:
    hospital = discharged()
    at_home = hospital.now
    hospital.pass_time(DAY)
    assert tell(hospital, "patient_discharged", disposition="home, from the emergency department").outcome == "ignored"
    tell(hospital, "follow_up_contact_made", "CLINIC_RN", oxygen_works=True)
    assert hospital.of(PLAN).case.due == at_home + 14 * DAY


def test_who_cannot_be_reached_is_looked_for_and_never_dropped() -> None:
    hospital = discharged()
    steps = [(hospital.miss(PLAN), hospital.owned_by(PLAN)) for _ in range(3)]
    assert steps == [("unreachable", "CASE_MANAGER"), ("lost", "SUPERVISOR"), ("lost", "SUPERVISOR")]
    assert tell(hospital, "follow_up_contact_failed", "CLINIC_RN").outcome == "recorded"
    tell(hospital, "follow_up_contact_made", "CASE_MANAGER", oxygen_works=True)
    assert hospital.at(PLAN) == "contacted"
    assert wrong(hospital) == []


def test_oxygen_that_does_not_work_at_home_is_nobodys_routine() -> None:
    hospital = discharged()
    tell(hospital, "follow_up_contact_made", "CLINIC_RN", oxygen_works=False)
    assert (hospital.at(PLAN), hospital.due_in(PLAN)) == ("left_unready", 120)


def test_a_missed_visit_is_booked_again_and_somebody_who_declines_is_let_go() -> None:
    hospital = discharged()
    tell(hospital, "follow_up_contact_made", "CLINIC_RN", oxygen_works=True)
    assert (hospital.miss(PLAN), hospital.owned_by(PLAN)) == ("visit_overdue", "CASE_MANAGER")
    tell(hospital, "follow_up_declined", "CASE_MANAGER", reason="sees a doctor elsewhere")
    assert hospital.at(PLAN) == "declined"


def test_who_is_admitted_again_is_planned_for_anew_in_another_encounter() -> None:
    hospital = discharged()
    tell(hospital, "patient_readmitted", encounter="E-2", patient="P-1")
    assert hospital.at(PLAN) == "readmitted"
    tell(hospital, "discharge_planned", "CASE_MANAGER", encounter="E-2", patient="P-1")
    assert hospital.at(PLAN) == "discharge_planned"
    assert wrong(hospital) == []


def test_a_patient_who_stays_needs_no_order() -> None:
    hospital = ordering()
    tell(hospital, "discharge_plan_cancelled", "PROVIDER", reason="fever")
    assert (hospital.at(PLAN), hospital.at(ORDER)) == ("cancelled", "withdrawn")


def test_a_merged_record_is_known() -> None:
    hospital = discharged()
    assert tell(hospital, "patient_merged", patient="P-1", surviving_patient="P-9").outcome == "recorded"
    assert hospital.of(PLAN).patient == "P-9"


def test_what_is_said_of_the_surviving_record_reaches_the_case() -> None:
    hospital = discharged()
    tell(hospital, "patient_merged", patient="P-1", surviving_patient="P-9")
    tell(hospital, "follow_up_visit_completed", "PCP", patient="P-9", encounter="E-7")
    assert hospital.at(PLAN) == "closed"
