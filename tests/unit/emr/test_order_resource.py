"""The DeviceRequest that orders oxygen at home: what it says, what counts as another order, how it is revoked."""

import copy
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from functions.emr.device_request import (
    is_fulfilled,
    is_of_case,
    is_open,
    is_taken_back,
    order_differences,
    order_resource,
    revoked,
)
from functions.emr.home_oxygen import OrderId
from tests.unit.emr.cases import CASE_ID, NOW, an_order


def test_it_says_who_gets_what_from_whom() -> None:
    assert order_resource(an_order()) == {
        "resourceType": "DeviceRequest",
        "identifier": [{"system": "https://baton.example/fhir/order/north", "value": "order-1"}],
        "groupIdentifier": {"system": "https://baton.example/fhir/case", "value": CASE_ID},
        "status": "active",
        "intent": "order",
        "codeCodeableConcept": {
            "coding": [{"system": "http://snomed.info/sct", "code": "336621006", "display": "Oxygen concentrator"}],
            "text": "Home oxygen",
        },
        "parameter": [
            {
                "code": {
                    "coding": [
                        {"system": "http://loinc.org", "code": "3151-8", "display": "Inhaled oxygen flow rate"},
                    ]
                },
                "valueQuantity": {
                    "value": 2.5,
                    "unit": "L/min",
                    "system": "http://unitsofmeasure.org",
                    "code": "L/min",
                },
            }
        ],
        "subject": {"reference": "Patient/P-0001"},
        "encounter": {"reference": "Encounter/E-0001"},
        "authoredOn": "2026-03-02T08:30:00Z",
        "requester": {
            "type": "Practitioner",
            "identifier": {"system": "https://baton.example/fhir/person", "value": "MD-OAK"},
        },
        "performer": {
            "type": "Organization",
            "identifier": {"system": "https://baton.example/fhir/vendor", "value": "vendor-1"},
        },
    }


def test_what_is_not_known_is_left_out() -> None:
    resource = order_resource(an_order(encounter=None, signed_by=None))
    assert "encounter" not in resource
    assert resource["requester"]["type"] == "Device"


@pytest.mark.parametrize(
    ("element", "value"),
    [
        ("vendor", ""),
        ("flow_l_min", 0.0),
        ("flow_l_min", float("nan")),
        ("patient", "no id"),
        ("encounter", "a/b"),
        ("authored_on", datetime(2026, 3, 2)),  # noqa: DTZ001
        ("signed_by", ""),
    ],
)
def test_an_order_that_nobody_could_carry_out_is_not_made(element: str, value: Any) -> None:
    with pytest.raises(ValueError, match=element):
        an_order(**{element: value})


def test_a_number_counts_within_its_facility() -> None:
    north, south = (OrderId(CASE_ID, facility, "order-1").identifier for facility in ("north", "south"))
    assert north != south
    with pytest.raises(ValueError, match="number"):
        OrderId(CASE_ID, "north", "")


def test_what_emrs_add_and_reword_is_no_difference() -> None:
    existing = order_resource(an_order())
    existing |= {
        "id": "7", "note": [{"text": "call before delivery"}], "priority": "routine", "authoredOn": "2026-03-02T09:30:00+01:00",
        "subject": {"reference": "https://emr.example/fhir/Patient/P-0001/_history/2", "display": "a patient"},
    }  # fmt: skip
    existing["identifier"].insert(0, {"system": "urn:emr", "value": "4711"})
    existing["parameter"].append({"code": {"text": "humidifier"}, "valueBoolean": True})
    existing["parameter"][0]["valueQuantity"]["value"] = 2.50
    assert order_differences(existing, an_order()) == ()
    assert order_differences(existing | {"status": "completed"}, an_order()) == ()


@pytest.mark.parametrize(
    ("changes", "element"),
    [
        ({"vendor": "vendor-2"}, "performer"),
        ({"flow_l_min": 3.0}, "parameter"),
        ({"patient": "P-0002"}, "subject"),
        ({"id": OrderId(CASE_ID, "north", "order-2")}, "identifier"),
    ],
)
def test_another_vendor_flow_or_patient_is_another_order(changes: dict[str, Any], element: str) -> None:
    assert order_differences(order_resource(an_order()), an_order(**changes)) == (f"DeviceRequest.{element}",)


@pytest.mark.parametrize(
    ("element", "value"),
    [
        ("status", "on-hold"),
        ("intent", "proposal"),
        ("codeCodeableConcept", {"text": "Home oxygen"}),
        ("parameter", []),
    ],
)
def test_an_order_that_somebody_changed_is_not_the_one_sent(element: str, value: Any) -> None:
    name = element.removesuffix("CodeableConcept")
    assert order_differences(order_resource(an_order()) | {element: value}, an_order()) == (f"DeviceRequest.{name}",)


def test_a_flow_in_another_unit_is_another_flow() -> None:
    existing = copy.deepcopy(order_resource(an_order()))
    existing["parameter"][0]["valueQuantity"]["code"] = "mL/min"
    assert order_differences(existing, an_order()) == ("DeviceRequest.parameter",)


@pytest.mark.parametrize(
    ("status", "still_open", "taken_back", "fulfilled"),
    [
        ("draft", True, False, False),
        ("active", True, False, False),
        ("on-hold", True, False, False),
        ("unknown", True, False, False),
        ("of an EMR's own", True, False, False),
        (None, True, False, False),
        ("revoked", False, True, False),
        ("entered-in-error", False, True, False),
        ("completed", False, False, True),
    ],
)
def test_every_status_says_whether_somebody_may_still_act(
    status: str | None, still_open: bool, taken_back: bool, fulfilled: bool
) -> None:
    existing = {"resourceType": "DeviceRequest", "status": status}
    assert (is_open(existing), is_taken_back(existing), is_fulfilled(existing)) == (still_open, taken_back, fulfilled)


def test_an_order_belongs_to_the_case_it_was_sent_for() -> None:
    assert is_of_case(order_resource(an_order()), CASE_ID)
    assert not is_of_case(order_resource(an_order()), "decaf")
    assert not is_of_case({"resourceType": "DeviceRequest"}, CASE_ID)


def test_revoking_says_why_and_keeps_what_others_wrote() -> None:
    existing = order_resource(an_order()) | {"id": "7", "note": [{"text": "call before delivery"}]}
    before = copy.deepcopy(existing)
    at = NOW.astimezone(timezone(timedelta(hours=1)))
    after = revoked(existing, "the patient does not go home for now", at)
    assert existing == before
    assert after == before | {
        "status": "revoked",
        "note": [
            {"text": "call before delivery"},
            {
                "authorString": "baton",
                "time": "2026-03-02T08:30:00Z",
                "text": "Recalled: the patient does not go home for now",
            },
        ],
    }
