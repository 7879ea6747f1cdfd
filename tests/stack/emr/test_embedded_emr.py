"""The embedded EMR answers as a FHIR R4 server does, and keeps what it answered."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil
import pytest
import urllib3

from local.emr import embedded
from local.emr.embedded import EmbeddedEmr, EmrNotStarted, EmrRefused

pytestmark = pytest.mark.stack

SYSTEM = "https://baton.example/test"
HTTP = urllib3.PoolManager(timeout=20, retries=False)


def a_task(value: str, **changes: Any) -> dict[str, Any]:
    identifier = [{"system": SYSTEM, "value": value}]
    return {"resourceType": "Task", "status": "requested", "intent": "order", "identifier": identifier} | changes


def call(emr: EmbeddedEmr, method: str, path: str, body: Any = None, **headers: str) -> urllib3.BaseHTTPResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return HTTP.request(method, f"{emr.base_url}/{path}", json=body, headers=named)


@pytest.mark.parametrize(
    ("body", "element"),
    [
        (a_task("x", status="bogus"), "Task.status"),
        (a_task("x", intent="bogus"), "Task.intent"),
        (a_task("x", identifier=[{"use": "bogus"}]), "Task.identifier.use"),
        (a_task("x", intent=None), "Task.intent"),
        (a_task("x", bogus=1), "Task.bogus"),
    ],
)
def test_what_fhir_does_not_allow_is_refused(emr: EmbeddedEmr, body: Any, element: str) -> None:
    response = call(emr, "POST", "Task", body)
    assert response.status == 400
    assert any(element in path for issue in response.json()["issue"] for path in issue["expression"])


@pytest.mark.parametrize("if_none_exist", [None, f"identifier={SYSTEM}|nobody"])
def test_a_conditional_create_is_checked_like_any_other(emr: EmbeddedEmr, if_none_exist: str | None) -> None:
    headers = {"if_none_exist": if_none_exist} if if_none_exist else {}
    assert call(emr, "POST", "Task", a_task("x", status="bogus"), **headers).status == 400


def test_a_type_that_fhir_does_not_have(emr: EmbeddedEmr) -> None:
    assert call(emr, "GET", "Bogus").status == 404
    assert call(emr, "GET", "metadata").json()["fhirVersion"] == "4.0.1"


def test_a_body_that_is_not_json(emr: EmbeddedEmr) -> None:
    assert HTTP.request("POST", f"{emr.base_url}/Task", body=b"{").status == 400


def test_versions_guard_updates(emr: EmbeddedEmr) -> None:
    created = call(emr, "POST", "Task", a_task("versions"))
    task = created.json()
    assert created.status == 201
    assert created.headers["etag"] == f'W/"{task["meta"]["versionId"]}"'
    assert created.headers["location"] == f"{emr.base_url}/Task/{task['id']}/_history/{task['meta']['versionId']}"
    updated = call(emr, "PUT", f"Task/{task['id']}", task | {"status": "accepted"}, if_match=created.headers["etag"])
    assert updated.status == 200
    assert updated.headers["etag"] != created.headers["etag"]
    assert call(emr, "PUT", f"Task/{task['id']}", task, if_match=created.headers["etag"]).status == 412
    assert call(emr, "GET", f"Task/{task['id']}").json()["status"] == "accepted"


def test_history_is_newest_first_however_often_it_is_read(emr: EmbeddedEmr) -> None:
    emr.put(a_task("history", id="history"))
    emr.put(a_task("history", id="history", status="accepted"))
    for _ in range(3):
        assert [task["status"] for task in emr.history("Task", "history")] == ["accepted", "requested"]


def test_a_conditional_create_makes_one(emr: EmbeddedEmr) -> None:
    condition = f"identifier={SYSTEM}%7Cconditional"
    first = call(emr, "POST", "Task", a_task("conditional"), if_none_exist=condition)
    second = call(emr, "POST", "Task", a_task("conditional"), if_none_exist=condition)
    assert (first.status, second.status) == (201, 200)
    assert second.json() == first.json()
    call(emr, "POST", "Task", a_task("conditional"))
    assert call(emr, "POST", "Task", a_task("conditional"), if_none_exist=condition).status == 412


def test_a_search_shows_pages(emr: EmbeddedEmr) -> None:
    for number in range(5):
        emr.put(a_task("pages", id=f"page-{number}"))
    first = call(emr, "GET", f"Task?identifier={SYSTEM}%7Cpages&_count=2").json()
    assert (first["total"], len(first["entry"])) == (5, 2)
    found = emr.search("Task", identifier=f"{SYSTEM}|pages", _count="2")
    assert [task["id"] for task in found] == [f"page-{number}" for number in range(5)]
    assert emr.search("Task", identifier=f"{SYSTEM}|nobody") == []


def test_a_search_by_post_finds_the_same(emr: EmbeddedEmr) -> None:
    emr.put(a_task("by-post", id="by-post"))
    form = {"identifier": f"{SYSTEM}|by-post"}
    response = HTTP.request("POST", f"{emr.base_url}/Task/_search", fields=form, encode_multipart=False)
    assert [entry["resource"]["id"] for entry in response.json()["entry"]] == ["by-post"]


def a_transaction(*tasks: dict[str, Any]) -> dict[str, Any]:
    entry = [{"request": {"method": "POST", "url": "Task"}, "resource": task} for task in tasks]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entry}


def test_a_transaction_is_whole_or_not_at_all(emr: EmbeddedEmr) -> None:
    whole = call(emr, "POST", "", a_transaction(a_task("whole"), a_task("whole")))
    assert [entry["response"]["status"] for entry in whole.json()["entry"]] == ["201", "201"]
    assert len(emr.search("Task", identifier=f"{SYSTEM}|whole")) == 2
    broken = call(emr, "POST", "", a_transaction(a_task("broken"), a_task("broken", status="bogus")))
    assert broken.status == 400
    assert emr.search("Task", identifier=f"{SYSTEM}|broken") == []


def test_nobody_sees_or_undoes_a_request_that_is_under_way() -> None:
    """Over HTTP, Medplum's router happens not to yield to another request; the repository does not rely on that."""
    repository = (Path(embedded.__file__).parent / "repository.mjs").as_uri()
    program = f"""
        import {{ setTimeout as sleep }} from 'node:timers/promises';
        import {{ EmrRepository }} from '{repository}';
        const repository = new EmrRepository(() => undefined);
        const failing = repository.runAlone(async () => {{
          await repository.createResource({{ resourceType: 'Task', id: 'half' }});
          await sleep(20);
          throw new Error('in the middle');
        }});
        const whole = {{ resourceType: 'Task', id: 'whole' }};
        const other = repository.runAlone(async () => repository.createResource(whole));
        await Promise.allSettled([failing, other]);
        console.log(JSON.stringify([...repository.resources.get('Task').keys()]));
    """
    command = [str(embedded.node_executable()), "--input-type=module", "--eval", program]
    said = subprocess.run(command, capture_output=True, check=True, timeout=30).stdout
    assert json.loads(said) == ["whole"]


def test_a_deleted_resource_is_gone(emr: EmbeddedEmr) -> None:
    emr.put(a_task("deleted", id="deleted"))
    assert call(emr, "DELETE", "Task/deleted").status == 200
    with pytest.raises(EmrRefused, match="404"):
        emr.history("Task", "deleted")


def test_a_body_that_is_too_large_is_refused(emr: EmbeddedEmr) -> None:
    assert call(emr, "POST", "Task", a_task("large", description="x" * 17_000_000)).status == 413


def test_only_this_machine_reaches_it(emr: EmbeddedEmr) -> None:
    listening = [
        connection.laddr.ip
        for connection in psutil.Process(emr.pid).net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert listening == ["127.0.0.1"]
    for url in (f"{emr.base_url}/Task", f"http://127.0.0.1:{emr.port}/_faults"):
        assert HTTP.request("GET", url, headers={"host": "rebound.example"}).status == 421


@pytest.mark.parametrize("end", [EmbeddedEmr.stop, EmbeddedEmr.kill])
def test_a_restart_keeps_data_and_port(tmp_path: Path, end: Any) -> None:
    with EmbeddedEmr(tmp_path) as emr:
        port = emr.port
        emr.put(a_task("kept", id="kept"))
        emr.put(a_task("kept", id="kept", status="accepted"))
        emr.put(a_task("deleted", id="deleted"))
        call(emr, "DELETE", "Task/deleted")
        call(emr, "POST", "", a_transaction(a_task("rolled-back"), a_task("x", status="bogus")))
        call(emr, "POST", "Task", a_task("once"), if_none_exist=f"identifier={SYSTEM}%7Conce")
        before = emr.history("Task", "kept")
        everything = emr.search("Task")
        end(emr)
        assert emr.pid is None
        emr.start()
        assert emr.port == port
        assert emr.search("Task") == everything
        assert len(everything) == 2
        assert emr.history("Task", "kept") == before
        assert len(before) == 2


def test_a_line_cut_short_by_a_crash_is_dropped(tmp_path: Path) -> None:
    log = tmp_path / "resources.ndjson"
    with EmbeddedEmr(tmp_path) as emr:
        emr.put(a_task("kept", id="kept"))
        emr.kill()
        with log.open("ab") as file:
            file.write(b'[{"put":{"resourceType":"Task","id":"half')
        emr.start()
        assert [task["id"] for task in emr.search("Task")] == ["kept"]
        emr.put(a_task("after", id="after"))
        emr.restart()
        assert [task["id"] for task in emr.search("Task")] == ["kept", "after"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{"format":"baton-embedded-emr","version":1}\n[{"put":\n[]\n', "line 2: damaged"),
        (b'{"format":"baton-embedded-emr","version":2}\n', "not written by this version"),
        (b"something else\n", "line 1: damaged"),
    ],
)
def test_a_damaged_state_is_refused_and_not_touched(tmp_path: Path, content: bytes, says: str) -> None:
    log = tmp_path / "resources.ndjson"
    log.write_bytes(content)
    with pytest.raises(EmrNotStarted, match=says):
        EmbeddedEmr(tmp_path).start()
    assert log.read_bytes() == content


def test_a_state_folder_has_one_user(tmp_path: Path) -> None:
    with EmbeddedEmr(tmp_path), pytest.raises(EmrNotStarted, match="another embedded EMR uses"):
        EmbeddedEmr(tmp_path).start()
    with EmbeddedEmr(tmp_path):
        pass  # it is free again


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EmrNotStarted, match=rf"cannot listen on 127\.0\.0\.1:{port}"):
            EmbeddedEmr(port=port).start()


def test_it_is_started_once(emr: EmbeddedEmr) -> None:
    with pytest.raises(EmrNotStarted, match="runs already"):
        emr.start()


def test_without_node_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("local.emr.embedded.importlib.util.find_spec", lambda _: None)
    with pytest.raises(EmrNotStarted, match="make setup"):
        EmbeddedEmr().start()


def test_without_its_packages_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = tmp_path / "server.mjs"
    server.write_text("import '@medplum/fhir-router';\n", encoding="utf-8")
    monkeypatch.setattr("local.emr.embedded._SERVER", server)
    with pytest.raises(EmrNotStarted, match="make setup"):
        EmbeddedEmr().start()


def test_it_ends_with_the_process_that_started_it() -> None:
    program = (
        "import time; from local.emr.embedded import EmbeddedEmr; emr = EmbeddedEmr(); emr.start(); "
        "print(emr.pid, flush=True); time.sleep(60)"
    )
    starter = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=Path(__file__).parents[3])
    try:
        assert starter.stdout is not None
        emr_pid = int(starter.stdout.readline())
        assert psutil.pid_exists(emr_pid)
    finally:
        os.kill(starter.pid, signal.SIGKILL)
        starter.communicate(timeout=10)
    assert gone(emr_pid)


def gone(pid: int) -> bool:
    for _ in range(200):
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False


def test_ids_of_its_own_are_unique(emr: EmbeddedEmr) -> None:
    value = str(uuid4())
    assert len({call(emr, "POST", "Task", a_task(value)).json()["id"] for _ in range(10)}) == 10
