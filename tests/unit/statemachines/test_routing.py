"""Who is asked, and why: role, who does its work here, fallbacks, the always staffed role."""

from __future__ import annotations

from collections import Counter

import pytest

from statemachines.policy import Policy
from statemachines.routing import Assignment, OnShift, route
from statemachines.workflows.oxygen import OXYGEN

NOW = 1_000_000.0
PLAIN = Policy(facility="plain", title="Plain", always_staffed="CHARGE_NURSE")


def person(staff: str, *roles: str, hours: float = 8) -> OnShift:
    return OnShift(staff, roles, NOW + hours * 3600)


def routed(role: str, *people: OnShift, policy: Policy = PLAIN, case: str = "c-1", **options: list[str]) -> Assignment:
    return route(role, OXYGEN, policy, people, NOW, case=case, **options)


def test_the_role_itself_comes_first() -> None:
    got = routed("RT", person("RT-LINDEN", "RT"), person("LEAD-ELM", "RT_LEAD"), person("CN-FIR", "CHARGE_NURSE"))
    assert got == Assignment("RT", "RT-LINDEN", ("RT: RT-LINDEN, one of 1 on shift",))


def test_then_whoever_does_its_work_at_this_facility() -> None:
    policy = PLAIN.model_copy(update={"performed_by": {"RT": ("RN",)}})
    got = routed("RT", person("RN-ASH", "RN"), person("LEAD-ELM", "RT_LEAD"), policy=policy)
    assert got == Assignment("RN", "RN-ASH", ("RT: nobody on shift", "RN: RN-ASH, one of 1 on shift"))


def test_then_the_workflows_fallbacks_in_order() -> None:
    people = [person("LEAD-ELM", "RT_LEAD"), person("CN-FIR", "CHARGE_NURSE")]
    assert routed("RT", *people).person == "LEAD-ELM"
    assert routed("RT", people[1]) == Assignment(
        "CHARGE_NURSE",
        "CN-FIR",
        ("RT: nobody on shift", "RT_LEAD: nobody on shift", "CHARGE_NURSE: CN-FIR, one of 1 on shift"),
    )


def test_a_facilitys_chain_replaces_the_workflows() -> None:
    policy = PLAIN.model_copy(update={"fallbacks": {"RT": ("PROVIDER",)}})
    people = [person("LEAD-ELM", "RT_LEAD"), person("MD-OAK", "PROVIDER")]
    assert routed("RT", *people, policy=policy).person == "MD-OAK"


def test_when_nobody_is_there_the_always_staffed_role_is_accountable() -> None:
    got = routed("PROVIDER")
    assert got == Assignment(
        "CHARGE_NURSE",
        None,
        (
            "PROVIDER: nobody on shift",
            "CHARGE_NURSE: nobody on shift",
            "CHARGE_NURSE: always staffed, offered to the role",
        ),
    )


def test_a_shift_that_is_over_does_not_count() -> None:
    assert routed("RT", OnShift("RT-LINDEN", ("RT",), NOW)).person is None
    assert routed("RT", OnShift("RT-LINDEN", ("RT",), NOW + 0.001)).person == "RT-LINDEN"


def test_whoever_is_excluded_is_not_asked() -> None:
    people = [person("RT-LINDEN", "RT"), person("RT-MAPLE", "RT")]
    assert routed("RT", *people, excluded=["RT-LINDEN"]).person == "RT-MAPLE"
    alone = routed("RT", people[0], excluded=["RT-LINDEN"])
    assert (alone.role, alone.person) == ("CHARGE_NURSE", None)
    last = routed("CHARGE_NURSE", person("CN-FIR", "CHARGE_NURSE"), excluded=["CN-FIR"])
    assert (last.role, last.person) == ("CHARGE_NURSE", None), "there is always a role"


@pytest.mark.parametrize("case", [f"c-{n}" for n in range(8)])
def test_whoever_knows_the_patient_comes_first_within_the_role(case: str) -> None:
    people = [person(f"RT-{n}", "RT") for n in range(4)]
    got = routed("RT", *people, case=case, knows_patient=["RT-3", "RN-ASH"])
    assert got == Assignment("RT", "RT-3", ("RT: RT-3, already acted on this case",))
    outsider = routed("RT", people[0], person("LEAD-ELM", "RT_LEAD"), case=case, knows_patient=["LEAD-ELM"])
    assert outsider.person == "RT-0", "knowing the patient does not change whose work it is"


def test_cases_spread_over_people_and_stay_with_them() -> None:
    people = [person(f"RT-{n}", "RT") for n in range(4)]
    first = {case: routed("RT", *people, case=case).person for case in map(str, range(400))}
    assert first == {case: routed("RT", *reversed(people), case=case).person for case in first}
    assert all(60 < count < 140 for count in Counter(first.values()).values())
    without = {case: routed("RT", *people[:3], case=case).person for case in first}
    assert all(without[case] == who for case, who in first.items() if who != "RT-3"), (
        "only the missing one's cases move"
    )


def test_somebody_with_several_roles_is_asked_in_the_one_that_is_needed() -> None:
    got = routed("RN", person("RN-ASH", "RT", "RN"))
    assert (got.role, got.person) == ("RN", "RN-ASH")
