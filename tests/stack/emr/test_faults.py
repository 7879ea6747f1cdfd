"""Faults happen to the requests they are meant for, as often as was asked, and no longer."""

from typing import Any
from uuid import uuid4

import pytest
import urllib3
from urllib3.exceptions import ProtocolError, ReadTimeoutError

from local.emr.embedded import EmbeddedEmr
from local.emr.faults import FaultMode, FaultRefused

pytestmark = pytest.mark.stack

SYSTEM = "https://baton.example/test"
HTTP = urllib3.PoolManager(timeout=20, retries=False)


class Client:
    """Creates and finds Tasks of its own."""

    def __init__(self, emr: EmbeddedEmr) -> None:
        self.emr = emr
        self.value = str(uuid4())

    def post(self, *, timeout: float = 20, **headers: str) -> urllib3.BaseHTTPResponse:
        identifier = [{"system": SYSTEM, "value": self.value}]
        task = {"resourceType": "Task", "status": "requested", "intent": "order", "identifier": identifier}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return HTTP.request("POST", f"{self.emr.base_url}/Task", json=task, headers=named, timeout=timeout)

    def count(self) -> int:
        return len(self.emr.search("Task", identifier=f"{SYSTEM}|{self.value}"))


@pytest.fixture
def client(emr: EmbeddedEmr) -> Client:
    return Client(emr)


@pytest.mark.parametrize("status", [409, 412, 429, 500, 503])
def test_a_status_and_nothing_is_done(client: Client, status: int) -> None:
    client.emr.faults.add(FaultMode.STATUS, status=status, retry_after=2, count=1)
    response = client.post()
    assert (response.status, response.headers["retry-after"]) == (status, "2")
    assert client.count() == 0
    assert client.post().status == 201


def test_a_503_without_retry_after(client: Client) -> None:
    client.emr.faults.add(FaultMode.STATUS, status=503, count=1)
    assert "retry-after" not in client.post().headers


def test_a_request_that_is_never_answered_nor_done(client: Client) -> None:
    client.emr.faults.add(FaultMode.TIMEOUT_BEFORE, count=1)
    with pytest.raises(ReadTimeoutError):
        client.post(timeout=0.2)
    assert client.count() == 0


def test_a_request_that_is_done_and_never_answered(client: Client) -> None:
    client.emr.faults.add(FaultMode.TIMEOUT_AFTER_COMMIT, method="POST", count=1)
    with pytest.raises(ReadTimeoutError):
        client.post(timeout=0.2)
    assert client.count() == 1


@pytest.mark.parametrize(("mode", "done"), [(FaultMode.TIMEOUT_BEFORE, 0), (FaultMode.TIMEOUT_AFTER_COMMIT, 1)])
def test_a_connection_that_breaks(client: Client, mode: FaultMode, done: int) -> None:
    client.emr.faults.add(mode, hold_seconds=0, count=1)
    with pytest.raises(ProtocolError):
        client.post()
    assert client.count() == done


def test_a_create_without_a_body(client: Client) -> None:
    client.emr.faults.add(FaultMode.EMPTY_201, count=1)
    response = client.post()
    assert (response.status, response.data) == (201, b"")
    assert "etag" not in response.headers
    assert HTTP.request("GET", response.headers["location"]).json()["identifier"][0]["value"] == client.value


def test_a_server_that_does_not_know_a_header(client: Client) -> None:
    condition = f"identifier={SYSTEM}%7C{client.value}"
    client.emr.faults.add(FaultMode.IGNORE_HEADERS, headers=["If-None-Exist"], count=1)
    client.post()
    assert client.post(if_none_exist=condition).status == 201
    assert client.count() == 2


def test_an_index_that_lags(client: Client) -> None:
    client.post()
    client.emr.faults.add(FaultMode.EMPTY_SEARCH, resource_type="Task", count=1)
    assert client.count() == 0
    assert client.count() == 1


def test_a_fault_concerns_only_its_method_and_type(client: Client) -> None:
    client.emr.faults.add(FaultMode.STATUS, status=503, method="PUT")
    client.emr.faults.add(FaultMode.STATUS, status=503, resource_type="Patient")
    assert client.post().status == 201
    assert HTTP.request("GET", f"{client.emr.base_url}/Patient").status == 503


def test_a_fault_wears_off_after_its_count(client: Client) -> None:
    client.emr.faults.add(FaultMode.STATUS, status=503, count=3)
    assert [client.post().status for _ in range(4)] == [503, 503, 503, 201]
    assert client.emr.faults.list() == ()


def test_a_fault_wears_off_with_time(client: Client) -> None:
    client.emr.faults.add(FaultMode.STATUS, status=503, seconds=0)
    assert client.post().status == 201
    client.emr.faults.add(FaultMode.STATUS, status=503, seconds=60)
    assert client.post().status == 503


def test_faults_are_counted_and_cleared(client: Client) -> None:
    before = client.emr.faults.injected().get(FaultMode.STATUS, 0)
    fault_id = client.emr.faults.add(FaultMode.STATUS, status=500)
    client.post()
    client.post()
    (fault,) = client.emr.faults.list()
    assert (fault.id, fault.mode, fault.injected) == (fault_id, FaultMode.STATUS, 2)
    client.emr.faults.clear()
    assert client.post().status == 201
    assert client.emr.faults.injected()[FaultMode.STATUS] == before + 2


@pytest.mark.parametrize(
    ("mode", "settings"),
    [
        (FaultMode.STATUS, {}),
        (FaultMode.STATUS, {"status": 200}),
        (FaultMode.STATUS, {"status": 503, "hold_seconds": 1}),
        (FaultMode.IGNORE_HEADERS, {}),
        (FaultMode.IGNORE_HEADERS, {"headers": []}),
        (FaultMode.EMPTY_201, {"count": -1}),
        ("bogus", {}),
    ],
)
def test_a_fault_that_makes_no_sense_is_refused(client: Client, mode: Any, settings: dict[str, Any]) -> None:
    with pytest.raises(FaultRefused):
        client.emr.faults.add(mode, **settings)
