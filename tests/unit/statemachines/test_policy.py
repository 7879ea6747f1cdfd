"""A facility's overlay: what it may say, and how it is told what it may not."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from statemachines.definition import ValueType
from statemachines.expressions import Value
from statemachines.facilities import facilities
from statemachines.policy import Policy, UnknownInPolicy, digest, dump, fits, load
from statemachines.workflows import WORKFLOWS
from statemachines.workflows.oxygen import OXYGEN


def policy(**changes: Any) -> Policy:
    return Policy.model_validate({"facility": "hill", "title": "Hill", "always_staffed": "CHARGE_NURSE", **changes})


def oxygen(**parameters: Value) -> Policy:
    return policy(parameters={"oxygen": parameters})


@pytest.mark.parametrize("facility", facilities())
def test_the_facilities_fit_every_workflow(facility: str) -> None:
    for definition in WORKFLOWS.values():
        resolved = facilities()[facility].resolve(definition)
        assert set(resolved) == {p.name for p in definition.parameters}


def test_the_facilitys_value_over_the_default() -> None:
    resolved = oxygen(assess_adult=90).resolve(OXYGEN)
    assert (resolved["assess_adult"], resolved["assess_child"]) == (90, 60)


@pytest.mark.parametrize(
    ("overlay", "says"),
    [
        (oxygen(asess_adult=90), ("hill", "oxygen", "no parameter 'asess_adult'", "assess_adult")),
        (oxygen(assess_adult="90"), ("hill", "oxygen", "'assess_adult' takes a number, not '90'")),
        (oxygen(assess_adult=True), ("'assess_adult' takes a number, not True",)),
        (oxygen(documentation=3), ("'documentation' takes a code, not 3",)),
        (oxygen(documentation="none"), ("'documentation' is one of signed_note, cosigned_note, flowsheet_comment", "'none'")),
        (oxygen(target_low=69), ("'target_low' lies between 70.0 and 100.0, not 69",)),
        (oxygen(target_low=101), ("'target_low' lies between 70.0 and 100.0, not 101",)),
        (policy(always_staffed="JANITOR"), ("hill", "oxygen", "always staffed", "'JANITOR'")),
        (policy(performed_by={"RT": ["RNN"]}), ("hill", "oxygen", "performed_by of 'RT'", "'RNN' is no role", "CHARGE_NURSE")),
        (policy(performed_by={"RTT": ["RN"]}), ("performed_by of 'RTT'", "'RTT' is no role")),
        (policy(fallbacks={"RT": ["RN", "LEAD"]}), ("fallbacks of 'RT'", "'LEAD' is no role")),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_named_with_its_place(overlay: Policy, says: tuple[str, ...]) -> None:
    with pytest.raises(UnknownInPolicy) as refused:
        overlay.resolve(OXYGEN)
    for part in says:
        assert part in str(refused.value)


def test_a_role_of_another_workflow_is_known_by_who_holds_it_on_a_shift() -> None:
    shifts = [{"name": "day", "staffed": ["RN", "PORTER"]}]
    assert policy(performed_by={"PORTER": ["RN"]}, shifts=shifts).resolve(OXYGEN)
    with pytest.raises(UnknownInPolicy, match="'PORTRE' is no role"):
        policy(performed_by={"PORTRE": ["RN"]}, shifts=shifts).resolve(OXYGEN)
    with pytest.raises(UnknownInPolicy, match="always staffed role 'PORTER'"):
        policy(always_staffed="PORTER", shifts=shifts).resolve(OXYGEN)


def test_limits_are_within_reach() -> None:
    assert oxygen(target_low=70, target_high=100).resolve(OXYGEN)["target_low"] == 70


@pytest.mark.parametrize(
    ("document", "place", "says"),
    [
        ({"calendar": {"time_zone": "America/Springfield"}}, ("calendar", "time_zone"), "IANA name"),
        ({"calendar": {"time_zone": "../../etc/passwd"}}, ("calendar", "time_zone"), "IANA name"),
        ({"calendar": {"holidays": ["Christmas"]}}, ("calendar", "holidays", 0), "date"),
        ({"paramters": {}}, ("paramters",), "Extra inputs"),
        ({"always_staffed": None}, ("always_staffed",), "string"),
        ({"parameters": {"oxygen": {"target_low": [94]}}}, ("parameters", "oxygen", "target_low", "bool"), "bool"),
    ],
)
def test_a_document_that_is_no_overlay_is_located(
    document: dict[str, Any], place: tuple[str | int, ...], says: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        policy(**document)
    found = {error["loc"]: error["msg"] for error in refused.value.errors()}
    assert says in found[place]


def test_every_policy_has_an_always_staffed_role() -> None:
    with pytest.raises(ValidationError):
        Policy.model_validate({"facility": "hill", "title": "Hill"})


@pytest.mark.parametrize("facility", facilities())
def test_a_stored_policy_comes_back_and_keeps_its_version(facility: str) -> None:
    one = facilities()[facility]
    assert load(dump(one)) == one
    assert digest(load(dump(one))) == digest(one)
    assert digest(one.model_copy(update={"title": "Another"})) != digest(one)
    assert len({digest(p) for p in facilities().values()}) == len(facilities())


@pytest.mark.parametrize(
    ("value", "number", "boolean", "code"),
    [(1, True, False, False), (1.5, True, False, False), (True, False, True, False), ("x", False, False, True)],
)
def test_types_of_values(value: Value, number: bool, boolean: bool, code: bool) -> None:
    kinds = (ValueType.NUMBER, ValueType.BOOLEAN, ValueType.CODE)
    assert [fits(value, kind) for kind in kinds] == [number, boolean, code]
