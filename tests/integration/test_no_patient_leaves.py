"""Patients stay inside: what leaves the boundary (signals, logs, metrics, events, names) is searched for them (I7)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from functions.cases import wiring
from functions.cases.keys import meta
from functions.cases.table import Update
from tests.support.aws import Calls, counted
from tests.support.deployment import Deployment, failed, sqs_record
from tests.unit.emr.fake_emr import answer

SECRETS = ("ZEBRA", "QUAGGA", "OKAPI", "GNU-NOTE", "IMPALA", "4711")
"""In every patient id, encounter id, correlation id, free text, and event id of this test; in no other word of Baton's."""

MD, RN, RT = "MD-OAK:PROVIDER", "RN-ASH:RN", "RT-LINDEN:RT"


def event(baton: Deployment, type: str, **more: Any) -> str:
    return baton.message(
        type, **{"patient": "ZEBRA-1", "encounter": "QUAGGA-1", "id": f"OKAPI-{type}-{baton.now}", **more}
    )


def whole_course(baton: Deployment) -> str:
    """A case from order to completion, with everything that can go wrong on the way."""
    baton.staff()
    steps: list[tuple[str, str | None, dict[str, Any]]] = [
        ("spo2_observed", None, {"spo2_percent": 95}),
        ("assessment_completed", RT, {"spo2_percent": 93}),
        ("oxygen_ordered", MD, {"order_id": "IMPALA-1", "age_years": 70, "device": "IMPALA mask"}),
        ("oxygen_changed", RN, {"flow_l_min": 2}),
        ("assessment_completed", "IMPALA-P:RN", {"spo2_percent": 93}),
        ("oxygen_changed", RT, {"spo2_percent": 96, "flow_l_min": 2}),
        ("patient_merged", MD, {"surviving_patient": "ZEBRA-2"}),
        ("oxygen_discontinued", RN, {"reason": "IMPALA asked for it"}),
        ("note_written", RT, {"note_id": "GNU-NOTE"}),
        ("note_signed", RT, {"note_id": "GNU-NOTE"}),
    ]
    for type, by, data in steps:
        baton.now += 60
        raw = event(baton, type, by=by, **data)
        assert baton.intake(raw, raw) == []
    return baton.case().id


def bad_messages(baton: Deployment) -> None:
    """Messages of every unreadable and unplaceable kind, all about somebody."""
    good = json.loads(event(baton, "weaning_started", by=RN))
    broken: list[Any] = [
        "{ZEBRA",
        {**good, "detail-type": "ZEBRA"},
        {**good, "source": "ZEBRA"},
        {**good, "detail": {**good["detail"], "ZEBRA": "ZEBRA"}},
        {**good, "detail": {**good["detail"], "occurred_at": "ZEBRA"}},
        {**good, "detail": {**good["detail"], "occurred_at": "2031-01-01T00:00:00Z"}},
        {**good, "detail": {**good["detail"], "facility": "ZEBRA-HOUSE"}},
        {**good, "detail": {**good["detail"], "data": {"ZEBRA": 4711}}},
        {**good, "detail": {**good["detail"], "subject": {"patient": "ZEBRA QUAGGA", "encounter": "#"}}},
        {**good, "detail": {**good["detail"], "subject": {"patient": "ZEBRA-9", "encounter": "QUAGGA-9"}}},
        {**good, "detail": {**good["detail"], "note": "ZEBRA" * 60_000}},
    ]
    bodies = [body if isinstance(body, str) else json.dumps(body) for body in broken]
    assert baton.intake(*bodies) == []


def faults(baton: Deployment, case: str) -> None:
    """Whatever fails, fails without saying whom it was about; even if the EMR itself quotes the patient."""
    row = baton.table.get(meta(case))
    assert row is not None
    issue = {"severity": "error", "code": "invalid", "diagnostics": "ZEBRA-1 is unknown", "expression": ["Task.for"]}
    outcome = {"resourceType": "OperationOutcome", "issue": [issue], "text": {"status": "generated", "div": "ZEBRA"}}
    message = {"Records": [sqs_record("w-1", json.dumps({"case": case, "seq": 1}), group=case)]}
    baton.emr.will("POST", answer(422, outcome))
    assert failed(baton.call("writeback", message)) == ["w-1"]
    baton.emr.will("GET", answer(500, outcome))
    assert failed(baton.call("writeback", message)) == ["w-1"]
    baton.table.update(Update(meta(case), set={"facts": "broken"}))
    assert baton.intake(event(baton, "oxygen_changed", by=RT, flow_l_min=1, id="OKAPI-fault")) == ["m-0"]
    with pytest.raises(AttributeError) as fault:
        work(baton, case, "file_documentation")
    assert found(str(fault.value)) == []
    baton.table.update(Update(meta(case), set={"facts": row["facts"]}))


def work(baton: Deployment, case: str, step: str) -> Any:
    row = baton.table.get(meta(case))
    assert row is not None
    return baton.call("work", {"work": step, "case": case, "generation": 1, "visit": row["visit"], "entry": 0})


def everything(baton: Deployment) -> Calls:
    """Every function at work on a patient; returns the calls that left."""
    clients = [wiring.client(name) for name in ("stepfunctions", "events", "sqs", "secretsmanager")]
    with counted(*clients) as calls:
        case = whole_course(baton)
        bad_messages(baton)
        parked = {"action": "park", "case": case, "generation": 1, "visit": 1, "entry": 0, "attempt": 0, "token": "t"}
        baton.call("follow", parked)
        faults(baton, case)
        baton.now += 3600
        work(baton, case, "file_documentation")
        baton.now += 60
        work(baton, case, "confirm_documentation")
        assert baton.case().state == "complete"
        baton.relay(baton.journal())
        baton.call("writeback", {"Records": [sqs_record("w-2", json.dumps({"case": case, "seq": 9}), group=case)]})
        baton.call("reconcile", {"Records": [sqs_record("r-1", json.dumps({"detail": {}}))]})
        baton.call("reconcile", {"Records": [sqs_record("r-2", json.dumps({"detail": {"name": f"{case}-1"}}))]})
    return calls


def found(text: str) -> list[str]:
    return [secret for secret in SECRETS if secret in text]


def test_nothing_that_leaves_says_whom_it_is_about(
    baton: Deployment, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    calls = everything(baton)
    emitted = capsys.readouterr()
    assert caplog.records, "what libraries log is logged by Lambda too"
    assert found(caplog.text) == []
    assert found(emitted.out) == [], "metrics"
    assert found(emitted.err) == []
    assert found(baton.logs.getvalue()) == [], "logs"
    assert {line["level"] for line in baton.log_lines()} >= {"INFO"}
    bodies = {name: [body for called, body in calls.bodies if called == name] for name in calls.made}
    assert {"StartExecution", "SendTaskSuccess", "PutEvents", "SendMessage", "DescribeExecution"} <= set(bodies)
    for name, sent in bodies.items():
        for body in sent:
            assert found(body.decode() if isinstance(body, bytes) else str(body)) == [], name


def test_the_search_would_find_it(baton: Deployment) -> None:
    """The same words are where they belong: in the table and in the EMR."""
    everything(baton)
    tasks = json.dumps(baton.emr.all("Task"))
    assert found(tasks)
    row = baton.table.get(meta(baton.case().id))
    assert found(json.dumps(row))
    assert found(json.dumps(baton.journal()))


def test_no_key_of_any_row_says_whom_it_is_about(baton: Deployment) -> None:
    """Keys appear in audit trails."""
    everything(baton)
    client = wiring.client("dynamodb")
    rows = client.scan(TableName="baton-table", ProjectionExpression="pk, sk, worklist, sweep, facility_cases")["Items"]
    assert len(rows) > 30
    assert found(json.dumps(rows)) == []
