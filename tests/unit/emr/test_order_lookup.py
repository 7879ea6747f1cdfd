"""An order is there, or it is not, or nobody can say: three answers that must never be mixed up."""

from typing import Any

import pytest

from functions.emr.attempt import EmrUnavailable
from functions.emr.client import FhirClient
from functions.emr.order_lookup import InForce, LookupResult, NotInForce, look_up_order
from functions.emr.results import Missing, Rejected
from functions.emr.transport import NoAnswer, NotSent, Response
from tests.unit.emr.fake_emr import BASE_URL, FakeEmr, answer


class Looking:
    """An EMR in which somebody else places orders."""

    def __init__(self) -> None:
        self.emr = FakeEmr()
        self._client = FhirClient(BASE_URL, emr="north-emr", transport=self.emr)

    def place(self, resource_type: str = "ServiceRequest", **changes: Any) -> str:
        order = {
            "resourceType": resource_type,
            "identifier": [{"system": "urn:the-emr", "value": "order-1"}],
            "status": "active",
            "intent": "order",
            "subject": {"reference": "Patient/P-0001"},
        }
        return str(self.emr.store(order | changes)["id"])

    def look(self, number: str = "order-1") -> LookupResult:
        return look_up_order(self._client, number, "P-0001")


@pytest.fixture
def looking() -> Looking:
    return Looking()


@pytest.mark.parametrize("resource_type", ["ServiceRequest", "MedicationRequest"])
@pytest.mark.parametrize("identifier", [{"system": "urn:the-emr"}, {}])
def test_an_order_is_found_by_its_number_in_whatever_system(
    looking: Looking, resource_type: str, identifier: dict[str, str]
) -> None:
    placed = looking.place(resource_type, identifier=[{"value": "4711"}, {**identifier, "value": "order-1"}])
    assert looking.look() == InForce(resource_type, placed)


@pytest.mark.parametrize("resource_type", ["ServiceRequest", "MedicationRequest"])
def test_an_order_is_found_by_the_id_that_the_emr_gave_it(looking: Looking, resource_type: str) -> None:
    placed = looking.place(resource_type, identifier=[])
    assert looking.look(placed) == InForce(resource_type, placed)


@pytest.mark.parametrize("status", ["active", "on-hold", "completed"])
@pytest.mark.parametrize("intent", ["order", "original-order", "reflex-order", "filler-order", "instance-order"])
def test_an_order_that_stands_is_there(looking: Looking, status: str, intent: str) -> None:
    assert isinstance((looking.place(status=status, intent=intent), looking.look())[1], InForce)


@pytest.mark.parametrize(
    "changes",
    [
        *(
            {"status": status}
            for status in ("draft", "revoked", "entered-in-error", "unknown", "cancelled", "stopped", None)
        ),
        *({"intent": intent} for intent in ("proposal", "plan", "directive", "option", None)),
    ],
    ids=str,
)
def test_what_nobody_will_act_on_is_no_order(looking: Looking, changes: dict[str, Any]) -> None:
    placed = looking.place(**changes)
    assert looking.look() == NotInForce("ServiceRequest", placed)


def test_one_that_stands_is_enough(looking: Looking) -> None:
    looking.place(status="revoked")
    placed = looking.place("MedicationRequest")
    assert looking.look() == InForce("MedicationRequest", placed)


def test_an_order_that_is_not_there_is_missing(looking: Looking) -> None:
    assert looking.look() == Missing()
    assert looking.look("no:resource:id") == Missing()


@pytest.mark.parametrize("gone", [404, 410])
def test_an_order_that_was_deleted_is_missing(looking: Looking, gone: int) -> None:
    placed = looking.place(identifier=[])
    looking.emr.before = lambda _, path: looking.emr.will("GET", answer(gone)) if path.endswith(placed) else None
    assert looking.look(placed) == Missing()


def test_an_order_for_somebody_else_is_not_this_one(looking: Looking) -> None:
    placed = looking.place(subject={"reference": "Patient/P-0002"})
    assert looking.look() == Missing()
    assert looking.look(placed) == Missing()


def test_what_an_emr_that_ignores_the_search_answers_is_checked(looking: Looking) -> None:
    other = {"resourceType": "ServiceRequest", "id": "9", "identifier": [{"value": "order-9"}], "status": "active",
             "intent": "order", "subject": {"reference": "Patient/P-0001"}}  # fmt: skip
    looking.emr.will("GET", answer(200, {"resourceType": "Bundle", "entry": [{"resource": other}]}))
    assert looking.look() == Missing()


@pytest.mark.parametrize("request_number", [0, 1, 2, 3])
@pytest.mark.parametrize(
    "happens",
    [NotSent("refused"), NoAnswer("ReadTimeoutError"), answer(500), answer(502), answer(503), answer(429), answer(200)],
    ids=lambda one: repr(one)[:40],
)
def test_an_emr_that_cannot_be_asked_makes_no_order_missing(
    looking: Looking, request_number: int, happens: Response | Exception
) -> None:
    def fails(_: str, __: str) -> None:
        if len(looking.emr.sent) == request_number + 1:
            looking.emr.will("GET", happens)

    looking.emr.before = fails
    with pytest.raises(EmrUnavailable):
        looking.look()


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_an_emr_that_will_not_say_makes_no_order_missing(looking: Looking, status: int) -> None:
    looking.emr.will("GET", answer(status))
    assert looking.look() == Rejected(status, "")


def test_an_emr_that_knows_only_one_of_the_types_can_still_confirm(looking: Looking) -> None:
    placed = looking.place("MedicationRequest")
    looking.emr.will("GET", answer(403))
    assert looking.look() == InForce("MedicationRequest", placed)
