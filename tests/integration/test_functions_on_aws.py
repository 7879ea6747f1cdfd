"""Each function as Lambda calls it, wired by its environment, on a simulated AWS and against an EMR in this process."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from functions.cases import wiring
from functions.cases.keys import meta
from functions.cases.quarantine import quarantined
from functions.cases.rows import SUPERSEDED
from functions.cases.table import Update
from functions.cases.telemetry import Telemetry
from functions.emr.attempt import EmrUnavailable
from functions.emr.transport import NoAnswer
from tests.support.aws import counted
from tests.support.deployment import Deployment, failed, sqs_record, stream_record

MD, RN, RT = "MD-OAK:PROVIDER", "RN-ASH:RN", "RT-LINDEN:RT"


def order(baton: Deployment, **event: Any) -> str:
    return baton.message("oxygen_ordered", by=MD, order_id="O1", age_years=70, **event)


def started(baton: Deployment) -> None:
    baton.staff()
    assert baton.intake(order(baton)) == []
    baton.now += 60
    assert baton.intake(baton.message("oxygen_changed", by=RN, flow_l_min=2)) == []


def metrics(out: str) -> list[dict[str, Any]]:
    return [document for line in out.splitlines() if "_aws" in (document := json.loads(line))]


def total(documents: list[dict[str, Any]], name: str, **dimensions: str) -> float:
    return sum(
        sum(document[name])
        for document in documents
        if name in document and all(document.get(k) == v for k, v in dimensions.items())
    )


# ── intake ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_batch_with_bad_messages_places_the_good_ones(baton: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    baton.staff()
    capsys.readouterr()
    again = baton.intake("{", order(baton), baton.message("weaning_started", by=RN, facility="atlantis"), "x" * 300_000)
    assert again == [], "what cannot be read is kept, not delivered again"
    assert baton.case().state == "ordered"
    assert {kept.reason for kept in quarantined(wiring.services())} == {"invalid_json", "unknown_facility", "too_large"}
    documents = metrics(capsys.readouterr().out)
    assert total(documents, "Outcome_moved", workflow="oxygen", facility="northfield") == 1
    assert [total(documents, "Quarantined", reason=r) for r in ("invalid_json", "unknown_facility", "too_large")] == [
        1
    ] * 3


def test_a_message_that_fails_is_delivered_again_and_the_others_are_not(baton: Deployment) -> None:
    baton.staff()
    states = wiring.client("stepfunctions")
    (machine,) = [m["stateMachineArn"] for m in states.list_state_machines()["stateMachines"] if "oxygen" in m["name"]]
    states.delete_state_machine(stateMachineArn=machine)
    raw = order(baton)
    batch = (baton.message("spo2_observed", encounter="E-7", spo2_percent=95), raw, "{")
    assert baton.intake(*batch) == ["m-1"]
    assert baton.case().state == "ordered", "committed; only the signal is missing"
    baton.create_machine("oxygen", 1)
    assert baton.intake(raw) == []
    assert len(states.list_executions(stateMachineArn=machine)["executions"]) == 1
    assert len(baton.journal()) == 1


def test_a_batch_that_fails_as_a_whole_is_delivered_again_one_by_one(baton: Deployment) -> None:
    wiring.client("dynamodb").delete_table(TableName="baton-table")
    assert baton.intake(order(baton), order(baton, encounter="E-2")) == ["m-0", "m-1"]


def test_a_repetition_is_counted_as_one(baton: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    baton.staff()
    raw = order(baton)
    capsys.readouterr()
    baton.intake(raw, raw, raw)
    documents = metrics(capsys.readouterr().out)
    assert (total(documents, "Outcome_moved"), total(documents, "Duplicates")) == (1, 2)


def test_what_a_worker_that_died_did_not_count_is_counted_by_the_next(
    baton: Deployment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    baton.staff()
    raw = order(baton)
    with monkeypatch.context() as dying:
        dying.setattr(Telemetry, "emit", lambda *_: sys.exit("the worker is gone"))
        with pytest.raises(SystemExit):
            baton.intake(raw)
    assert baton.case().state == "ordered", "committed; only the count is missing"
    capsys.readouterr()
    baton.intake(raw, receives=2)
    baton.intake(raw)
    documents = metrics(capsys.readouterr().out)
    assert [total(documents, name) for name in ("Outcome_moved", "Redelivered", "Duplicates")] == [1, 1, 1]


def test_how_long_an_event_took_to_its_hand_off(baton: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    baton.staff()
    raw = order(baton)
    baton.now += 2.5
    capsys.readouterr()
    baton.intake(raw)
    assert total(metrics(capsys.readouterr().out), "EventToHandOff") == 2500


# ── relay ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_entry_goes_to_the_queue_of_its_case_and_to_the_bus(
    baton: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    started(baton)
    case = baton.case().id
    capsys.readouterr()
    with counted(wiring.client("events")) as calls:
        assert baton.relay(baton.journal()) == []
    messages = baton.queued()
    assert [json.loads(m["Body"]) for m in messages] == [{"case": case}, {"case": case}]
    assert {m["Attributes"]["MessageGroupId"] for m in messages} == {case}
    assert [m["Attributes"]["MessageDeduplicationId"] for m in messages] == [f"{case}-1", f"{case}-2"]
    sent = [entry for _, body in calls.bodies for entry in json.loads(body)["Entries"]]
    assert [(e["Source"], e["DetailType"], e["EventBusName"]) for e in sent] == [
        ("baton.orchestrator", "case_moved", "baton-bus")
    ] * 2
    detail = json.loads(sent[1]["Detail"])
    assert detail == {
        "case": case, "seq": 2, "workflow": "oxygen", "version": 1, "facility": "northfield", "kind": "moved",
        "transition": "T-02", "source": "ordered", "target": "assessment_due", "role": "RT", "reason": "transition",
        "escalation": False, "missed_deadline": False,
    }  # fmt: skip
    documents = metrics(capsys.readouterr().out)
    assert total(documents, "HandOffs", transition="T-02") == 1
    assert total(documents, "HandOffs", facility="northfield") == 2


def test_the_same_records_again_are_one_message_per_entry(baton: Deployment) -> None:
    """FIFO queues drop a repetition by its deduplication id within five minutes."""
    started(baton)
    for _ in range(3):
        baton.relay(baton.journal())
    assert len(baton.queued()) == 2


def test_a_record_that_fails_is_delivered_again_and_has_counted_nothing(
    baton: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    started(baton)
    broken = {k: v for k, v in baton.journal()[0].items() if k != "seq"}
    capsys.readouterr()
    assert baton.relay([broken, baton.journal()[1]]) == ["1"]
    assert total(metrics(capsys.readouterr().out), "HandOffs", transition="T-01") == 0


def test_a_stream_without_new_images_is_a_fault_not_a_silence(baton: Deployment) -> None:
    started(baton)
    record = stream_record("1", baton.journal()[0])
    del record["dynamodb"]["NewImage"]
    assert failed(baton.call("relay", {"Records": [record]})) == ["1"]


# ── follow ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def ask(baton: Deployment, action: str, **more: Any) -> Any:
    row = baton.case()
    asked = {"action": action, "case": row.id, "generation": row.generation, "visit": row.visit, "entry": 0, **more}
    return baton.call("follow", asked)


def test_an_execution_parks_and_a_deadline_is_decided(baton: Deployment) -> None:
    started(baton)
    assert ask(baton, "park", attempt=0, token="token-1") is None
    park = baton.case().park
    assert park is not None
    assert (park.token, park.visit) == ("token-1", 2)
    due = baton.case().case.due
    assert due is not None
    baton.now = due
    answer = ask(baton, "deadline")
    assert (answer["transition"], answer["state"]) == ("T-11", "escalated")
    assert json.loads(json.dumps(answer)) == answer
    assert baton.journal()[-1]["missed_deadline"] is True


def test_an_old_execution_is_told_to_end(baton: Deployment) -> None:
    started(baton)
    baton.table.update(Update(meta(baton.case().id), set={"generation": 2, "resumed_at": 2}, add={"rev": 1}))
    assert ask(baton, "deadline", generation=1)["transition"] == SUPERSEDED


def test_a_request_that_makes_no_sense_fails_loudly(baton: Deployment) -> None:
    started(baton)
    with pytest.raises(ValueError, match="unknown action"):
        ask(baton, "dance")
    with pytest.raises(LookupError, match="does not exist"):
        ask(baton, "deadline", case="0" * 32)


# ── work ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def ended(baton: Deployment) -> None:
    """A case whose documentation is to be filed."""
    started(baton)
    steps: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("oxygen_discontinued", RN, {}),
        ("note_written", RT, {"note_id": "N1"}),
        ("note_signed", RT, {"note_id": "N1"}),
    )
    for type, by, data in steps:
        baton.now += 60
        assert baton.intake(baton.message(type, by=by, **data)) == []
    assert baton.case().state == "filing"


def work(baton: Deployment, work: str, visit: int) -> Any:
    asked = {"action": "work", "work": work, "case": baton.case().id, "generation": 1, "visit": visit, "entry": 0}
    return baton.call("work", asked)


def test_documentation_is_filed_once_and_read_back(baton: Deployment) -> None:
    ended(baton)
    filing = baton.case().visit
    answer = work(baton, "file_documentation", filing)
    assert (answer["state"], baton.case().state) == ("confirming", "confirming")
    assert work(baton, "file_documentation", filing) == answer, "asked again, it is not filed again"
    (document,) = baton.emr.all("DocumentReference")
    assert document["subject"]["reference"] == "Patient/P-1"
    done = work(baton, "confirm_documentation", filing + 1)
    assert (done["state"], baton.case().state) == ("complete", "complete")
    assert baton.case().ended_at == baton.now


def test_an_emr_that_does_not_answer_is_tried_again_and_holds_one_document(baton: Deployment) -> None:
    ended(baton)
    filing = baton.case().visit
    baton.emr.will("POST", NoAnswer("timed out"), after_commit=True)
    with pytest.raises(EmrUnavailable):
        work(baton, "file_documentation", filing)
    assert baton.case().state == "filing"
    assert work(baton, "file_documentation", filing)["state"] == "confirming"
    assert len(baton.emr.all("DocumentReference")) == 1


def test_a_document_that_somebody_changed_is_noticed(baton: Deployment) -> None:
    ended(baton)
    filing = baton.case().visit
    work(baton, "file_documentation", filing)
    (document,) = baton.emr.all("DocumentReference")
    baton.emr.store({**document, "status": "entered-in-error"})
    assert work(baton, "confirm_documentation", filing + 1)["state"] == "filing_failed"


def test_a_step_that_does_not_exist_fails_loudly(baton: Deployment) -> None:
    ended(baton)
    with pytest.raises(LookupError, match="no system step is called 'dance'"):
        work(baton, "dance", baton.case().visit)


# ── write-back ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_emr_shows_the_case(baton: Deployment) -> None:
    started(baton)
    baton.relay(baton.journal())
    records = [sqs_record(f"w-{n}", m["Body"], group="c") for n, m in enumerate(baton.queued())]
    assert failed(baton.call("writeback", {"Records": records})) == []
    (task,) = baton.emr.all("Task")
    assert task["status"] == "in-progress"
    assert task["for"]["reference"] == "Patient/P-1"
    assert baton.emr.count("POST") + baton.emr.count("PUT") == 1, "the second message found nothing to write"


def test_a_failing_message_holds_back_its_own_case_only(baton: Deployment) -> None:
    started(baton)
    other = order(baton, facility="southgate", encounter="E-2")
    assert baton.intake(other) == []
    one, two = baton.case().id, baton.case("southgate").id
    baton.emr.will("POST", NoAnswer("away"))
    records = [
        sqs_record("w-1", json.dumps({"case": one, "seq": 1}), group=one),
        sqs_record("w-2", json.dumps({"case": two, "seq": 1}), group=two),
        sqs_record("w-3", json.dumps({"case": one, "seq": 2}), group=one),
    ]
    assert failed(baton.call("writeback", {"Records": records})) == ["w-1", "w-3"]
    assert [t["for"]["reference"] for t in baton.emr.all("Task")] == ["Patient/P-2"]


def test_an_emr_that_is_away_gives_every_message_back_and_is_no_fault_of_the_function(baton: Deployment) -> None:
    started(baton)
    baton.emr.will("POST", NoAnswer("away"))
    record = sqs_record("w-1", json.dumps({"case": baton.case().id, "seq": 1}), group="c")
    assert failed(baton.call("writeback", {"Records": [record]})) == ["w-1"]


# ── reconcile ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def reconcile(baton: Deployment, body: dict[str, Any]) -> list[str]:
    return failed(baton.call("reconcile", {"Records": [sqs_record("r-1", json.dumps(body))]}))


def test_by_the_clock_it_sweeps(baton: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    started(baton)
    due = baton.case().case.due
    assert due is not None
    baton.now = due + 61
    capsys.readouterr()
    assert reconcile(baton, {"detail-type": "Scheduled Event", "detail": {}}) == []
    assert baton.case().state == "escalated"
    assert total(metrics(capsys.readouterr().out), "Mended", what="overdue") == 1


def test_an_execution_that_ended_is_followed_by_another(baton: Deployment, capsys: pytest.CaptureFixture[str]) -> None:
    started(baton)
    states, row = wiring.client("stepfunctions"), baton.case()
    (machine,) = [m["stateMachineArn"] for m in states.list_state_machines()["stateMachines"] if "oxygen" in m["name"]]
    execution = states.list_executions(stateMachineArn=machine)["executions"][0]
    assert execution["name"] == f"{row.id}-1"
    states.stop_execution(executionArn=execution["executionArn"])
    capsys.readouterr()
    body = {
        "detail-type": "Step Functions Execution Status Change",
        "detail": {"name": execution["name"], "status": "ABORTED"},
    }
    assert reconcile(baton, body) == []
    names = {e["name"] for e in states.list_executions(stateMachineArn=machine)["executions"]}
    assert names == {f"{row.id}-1", f"{row.id}-2"}
    assert baton.case().generation == 2
    assert total(metrics(capsys.readouterr().out), "Mended", what="restarted") == 1
    assert reconcile(baton, body) == [], "told twice, it looks and finds it running"
    assert baton.case().generation == 2


def test_a_case_that_cannot_be_mended_fails_its_message_after_the_others_were_looked_at(
    baton: Deployment, capsys: pytest.CaptureFixture[str]
) -> None:
    started(baton)
    assert baton.intake(order(baton, facility="southgate", encounter="E-2")) == []
    broken = baton.case("southgate").id
    baton.table.update(Update(meta(broken), set={"version": 99, "look_at": 1}))
    due = baton.case().case.due
    assert due is not None
    baton.now = due + 61
    capsys.readouterr()
    assert reconcile(baton, {"detail": {}}) == ["r-1"]
    assert baton.case().state == "escalated"


# ── wiring ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_missing_setting_is_named(baton: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WRITEBACK_QUEUE_URL")
    baton.modules["relay"].outlets.cache_clear()
    with pytest.raises(wiring.NotConfigured, match="WRITEBACK_QUEUE_URL"):
        baton.modules["relay"].outlets()


def test_clients_and_services_are_made_once_per_container(baton: Deployment) -> None:
    started(baton)
    assert wiring.services() is wiring.services()
    assert wiring.client("dynamodb") is wiring.client("dynamodb")
    with counted(wiring.client("secretsmanager")) as calls:
        baton.intake(baton.message("spo2_observed", spo2_percent=95))
    assert calls.made == {}


def test_waiting_for_another_try_is_short_and_random(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("functions.cases.wiring.time.sleep", slept.append)
    for attempt in range(1, 61):
        wiring.pause(attempt)
    assert all(0 <= seconds <= min(0.5, 0.02 * n) for n, seconds in enumerate(slept, start=1))
    assert len(set(slept)) > 50
    assert sum(slept) < 60 * 0.5
