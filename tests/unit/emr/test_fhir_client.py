import json
from collections.abc import Callable
from typing import Any

import pytest

from functions.emr.client import FhirClient
from functions.emr.identifiers import Identifier
from functions.emr.results import Busy, Conflict, Found, Matches, Missing, Rejected, Unknown, Written
from functions.emr.transport import NoAnswer, NotSent, Response
from tests.unit.emr.fake_emr import BASE_URL, FakeEmr, answer

TASK = {"resourceType": "Task", "status": "requested", "intent": "order"}
STORED = TASK | {"id": "7", "meta": {"versionId": "1"}}
IDENTIFIER = Identifier("https://baton.example/fhir/task", "c0ffee")
LOCATION = f"{BASE_URL}/Task/7/_history/1"


@pytest.fixture
def emr() -> FakeEmr:
    return FakeEmr()


@pytest.fixture
def client(emr: FakeEmr) -> FhirClient:
    return FhirClient(f"{BASE_URL}/", emr="north-emr", transport=emr)


def outcome(**issue: object) -> dict[str, object]:
    return {"resourceType": "OperationOutcome", "issue": [{"severity": "error", **issue}]}


WRITE_REFUSALS = [
    (answer(409), Conflict(409)),
    (answer(412), Conflict(412)),
    (answer(429), Busy(None)),
    (answer(429, retry_after="7"), Busy(7.0)),
    (answer(503, retry_after="7"), Busy(7.0)),
    (answer(503), Unknown("status 503")),
    (answer(503, retry_after="soon"), Unknown("status 503")),
    (answer(500), Unknown("status 500")),
    (answer(502, retry_after="7"), Unknown("status 502")),
    (answer(504), Unknown("status 504")),
    (answer(408), Unknown("status 408")),
    (answer(301, location="https://elsewhere.example/Task"), Rejected(301, "")),
    (answer(400, outcome(code="required", expression=["Task.for"])), Rejected(400, "required Task.for")),
    (answer(401), Rejected(401, "")),
    (answer(403), Rejected(403, "")),
    (answer(422, outcome(code="invariant")), Rejected(422, "invariant")),
    (NotSent("NewConnectionError"), Busy(None)),
    (NoAnswer("ReadTimeoutError"), Unknown("ReadTimeoutError")),
]


@pytest.mark.parametrize(
    ("said", "means"),
    [
        (answer(201, STORED, etag='W/"2"'), Written("7", "2", STORED)),
        (answer(201, STORED), Written("7", "1", STORED)),
        (answer(201, None, location=LOCATION), Written("7", "1", None)),
        (answer(201, None, location="/fhir/R4/Task/7", etag='"3"'), Written("7", "3", None)),
        (answer(201, outcome(code="informational"), location=LOCATION), Written("7", "1", None)),
        (Response(201, {"location": LOCATION}, b'{"resourceType": "Task", "id'), Written("7", "1", None)),
        (answer(201), Unknown("created, but the answer does not say under which id")),
        (
            answer(201, None, location="/fhir/R4/Task/.."),
            Unknown("created, but the answer does not say under which id"),
        ),
        (answer(202), Unknown("status 202")),
        (answer(200, STORED), Found("7", "1", STORED)),
        (answer(200), Conflict(200)),
        (answer(404), Rejected(404, "")),
        *WRITE_REFUSALS,
    ],
)
def test_what_the_answer_to_a_create_means(client: FhirClient, emr: FakeEmr, said: Any, means: object) -> None:
    emr.will("POST", said)
    assert client.create(TASK) == means
    assert len(emr.sent) == 1, "the client itself never tries again"


@pytest.mark.parametrize(
    ("said", "means"),
    [
        (answer(200, STORED, etag='W/"2"'), Written("7", "2", STORED)),
        (answer(200, None, etag='W/"2"'), Written("7", "2", None)),
        (answer(204), Written("7", None, None)),
        (answer(200, STORED | {"id": "8"}), Unknown("the answer is about another resource")),
        (answer(202), Unknown("status 202")),
        (answer(404), Missing()),
        (answer(410), Missing()),
        (answer(405), Rejected(405, "")),
        *WRITE_REFUSALS,
    ],
)
def test_what_the_answer_to_an_update_means(client: FhirClient, emr: FakeEmr, said: Any, means: object) -> None:
    emr.will("PUT", said)
    assert client.update(STORED, if_match="1") == means
    assert len(emr.sent) == 1


READ_REFUSALS = [
    (answer(503), Busy(None)),  # reading has changed nothing, whoever answered
    (answer(503, retry_after="7"), Busy(7.0)),
    (answer(429, retry_after="7"), Busy(7.0)),
    (answer(500), Unknown("status 500")),
    (answer(403), Rejected(403, "")),
    (answer(409), Rejected(409, "")),
    (NotSent("NewConnectionError"), Busy(None)),
    (NoAnswer("ReadTimeoutError"), Unknown("ReadTimeoutError")),
]


@pytest.mark.parametrize(
    ("said", "means"),
    [
        (answer(200, STORED, etag='W/"2"'), Found("7", "2", STORED)),
        (answer(200, TASK | {"id": "7"}), Found("7", None, TASK | {"id": "7"})),
        (answer(200, STORED | {"id": "8"}), Unknown("the answer is not the resource asked for")),
        (answer(200, {"resourceType": "Patient", "id": "7"}), Unknown("the answer is not the resource asked for")),
        (Response(200, {}, b"<html>"), Unknown("the answer is not the resource asked for")),
        (answer(404), Missing()),
        (answer(410), Missing()),
        *READ_REFUSALS,
    ],
)
def test_what_the_answer_to_a_read_means(client: FhirClient, emr: FakeEmr, said: Any, means: object) -> None:
    emr.will("GET", said)
    assert client.read("Task", "7") == means


@pytest.mark.parametrize(
    ("said", "means"),
    [
        (answer(200, {"resourceType": "Bundle"}), Matches(())),
        (answer(200, []), Unknown("the answer is not a Bundle")),
        (answer(404), Rejected(404, "")),
        *READ_REFUSALS,
    ],
)
def test_what_the_answer_to_a_search_means(client: FhirClient, emr: FakeEmr, said: Any, means: object) -> None:
    emr.will("GET", said)
    assert client.find("Task", IDENTIFIER) == means


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "86400"}, 3600.0),
        ({"retry-after": "Mon, 02 Mar 2026 08:00:30 GMT", "date": "Mon, 02 Mar 2026 08:00:00 GMT"}, 30.0),
        ({"retry-after": "Mon, 02 Mar 2026 07:00:00 GMT", "date": "Mon, 02 Mar 2026 08:00:00 GMT"}, 0.0),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "Mon, 02 Mar 2026 08:00:30", "date": "Mon, 02 Mar 2026 08:00:00 GMT"}, None),
        ({"retry-after": "²"}, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(
    client: FhirClient, emr: FakeEmr, header: dict[str, str], seconds: float | None
) -> None:
    emr.will("GET", Response(429, header, b""))
    assert client.read("Task", "7") == Busy(seconds)


def test_a_create_says_under_which_condition(client: FhirClient, emr: FakeEmr) -> None:
    client.create(TASK, if_none_exist=IDENTIFIER)
    headers = emr.sent[0].headers
    assert headers["if-none-exist"] == "identifier=https%3A%2F%2Fbaton.example%2Ffhir%2Ftask%7Cc0ffee"
    assert headers["prefer"] == "return=representation"
    assert headers["content-type"] == "application/fhir+json"


def test_an_update_names_the_version_that_it_replaces(client: FhirClient, emr: FakeEmr) -> None:
    stored = emr.store(STORED)
    assert isinstance(client.update(stored, if_match="1"), Written)
    assert emr.sent[0].headers["if-match"] == 'W/"1"'
    assert client.update(stored, if_match="1") == Conflict(412)


@pytest.mark.parametrize("resource_id", ["../Patient/P-0001", "..", "", "a b", "a/b", "x" * 65, "7?_format=xml"])
def test_an_id_cannot_lead_elsewhere(client: FhirClient, emr: FakeEmr, resource_id: str) -> None:
    with pytest.raises(ValueError, match="not a FHIR id"):
        client.read("Task", resource_id)
    assert emr.sent == []


def test_an_identifier_that_cannot_be_searched_for_is_refused(client: FhirClient) -> None:
    with pytest.raises(ValueError, match="searched"):
        client.find("Task", Identifier("https://baton.example/fhir/task", "a,b"))


def page(*resources: dict[str, Any], following: str | None = None, mode: str = "match") -> Response:
    bundle: dict[str, Any] = {
        "resourceType": "Bundle",
        "entry": [{"resource": resource, "search": {"mode": mode}} for resource in resources],
    }
    if following is not None:
        bundle["link"] = [{"relation": "self", "url": "x"}, {"relation": "next", "url": following}]
    return answer(200, bundle)


@pytest.mark.parametrize("base", [BASE_URL, "/fhir/R4"], ids=["absolute", "relative"])
def test_a_search_follows_every_page(client: FhirClient, emr: FakeEmr, base: str) -> None:
    emr.will("GET", page(STORED, following=f"{base}/Task?page=2"))
    emr.will("GET", page(STORED | {"id": "8"}))
    result = client.search("Task", [("owner", "x")])
    assert isinstance(result, Matches)
    assert [found.resource_id for found in result.found] == ["7", "8"]
    assert emr.sent[1].query == {"page": ["2"]}


@pytest.mark.parametrize(
    "following",
    [
        "https://elsewhere.example/fhir/R4/Task?page=2",
        "http://emr.example/fhir/R4/Task?page=2",
        "https://emr.example:8443/fhir/R4/Task?page=2",
        "https://emr.example/other/Task?page=2",
        "https://emr.example/fhir/R4/../admin",
    ],
)
def test_a_page_elsewhere_is_not_followed(client: FhirClient, emr: FakeEmr, following: str) -> None:
    emr.will("GET", page(STORED, following=following))
    assert client.search("Task", []) == Unknown("the next page is not at this EMR")
    assert len(emr.sent) == 1


def test_a_search_without_an_end_is_given_up(client: FhirClient, emr: FakeEmr) -> None:
    emr.will("GET", page(STORED, following=f"{BASE_URL}/Task?page=1"), times=50)
    assert isinstance(client.search("Task", []), Unknown)
    assert len(emr.sent) == 20


def test_a_search_takes_only_matches_of_its_type(client: FhirClient, emr: FakeEmr) -> None:
    emr.will("GET", page({"resourceType": "OperationOutcome"}, {"resourceType": "Patient", "id": "7"}))
    emr.will("GET", page(STORED, mode="include"))
    assert client.search("Task", []) == Matches(())
    assert client.search("Task", []) == Matches(())


def test_a_server_that_ignores_the_identifier_finds_nothing_of_ours(client: FhirClient, emr: FakeEmr) -> None:
    ours = STORED | {"id": "8", "identifier": [{"system": IDENTIFIER.system, "value": IDENTIFIER.value}]}
    theirs = STORED | {"identifier": [{"system": IDENTIFIER.system, "value": "another"}]}
    emr.will("GET", page(STORED, theirs, ours))
    result = client.find("Task", IDENTIFIER)
    assert isinstance(result, Matches)
    assert [found.resource_id for found in result.found] == ["8"]


def test_diagnostics_quote_nothing_that_was_sent(client: FhirClient, emr: FakeEmr) -> None:
    secret = "Ada Example, born 1815"
    emr.will(
        "POST",
        answer(
            400,
            {
                "resourceType": "OperationOutcome",
                "issue": [
                    {"code": "value", "diagnostics": secret, "details": {"text": secret}, "expression": ["Task.for"]},
                    {"code": secret, "expression": [secret, "Task.note.where(text='Ada')", "Task.note[0].text"]},
                    {"code": 7, "expression": "Task.for"},
                    secret,
                ],
            },
        ),
    )
    assert client.create(TASK) == Rejected(400, "value Task.for; Task.note[0].text")


@pytest.mark.parametrize(
    "make",
    [
        lambda body: Written("7", "1", body),
        lambda body: Found("7", "1", body),
        lambda body: Matches((Found("7", "1", body),)),
        lambda body: answer(200, body, x_name="Ada"),
    ],
)
def test_no_repr_shows_a_patient(make: Callable[[dict[str, Any]], object]) -> None:
    assert "Ada" not in repr(make({"name": "Ada"}))


def test_what_is_sent_is_json(client: FhirClient, emr: FakeEmr) -> None:
    client.create(TASK | {"note": [{"text": "Sauerstoff ≥ 2 L/min"}]})
    assert json.dumps(emr.all("Task")[0]["note"]) == json.dumps([{"text": "Sauerstoff ≥ 2 L/min"}])
