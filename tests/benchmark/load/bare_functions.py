"""Functions that make the AWS calls of a hand-off and think nothing: what Baton's speed is measured against.

They run in Lambda from this very file, so it imports nothing but what the runtime has.
"""

import http.client
import json
import os
import time
import urllib.parse
from typing import Any

import boto3

_TABLE = os.environ["TABLE"]
_db: Any = boto3.client("dynamodb")
_queue: Any = boto3.client("sqs")
_bus: Any = boto3.client("events")
_steps: Any = boto3.client("stepfunctions")
_emr = urllib.parse.urlsplit(os.environ["EMR"])
_line = http.client.HTTPConnection(_emr.hostname or "", _emr.port)
_FILLING = "what a row holds: facts, limits, performers, its open task, hashes. "
_SIZES = {"META": 2300, "J": 900, "V": 240, "TASK": 300, "EVENT": 150}
"""Bytes of filling, so that each row is written about as large as Baton's of that kind."""
_NEW = "attribute_not_exists(pk)"


def _key(pk: str, sk: str) -> dict[str, Any]:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _held(kind: str) -> dict[str, str]:
    size = _SIZES[kind]
    return {"S": (_FILLING * (size // len(_FILLING) + 1))[:size]}


def _get(pk: str, sk: str) -> Any:
    return _db.get_item(TableName=_TABLE, Key=_key(pk, sk), ConsistentRead=True).get("Item")


def intake(event: Any, context: object) -> dict[str, Any]:
    """Read what a placement reads, commit what a hand-off commits, wake the execution."""
    for record in event["Records"]:
        detail = json.loads(record["body"])["detail"]
        case, number = detail["case"], int(detail["number"])
        pk = f"CASE#{case}"
        place, row = _get(f"KEY#{case}", "OPEN"), _get(pk, "META")
        staff = {":staff": {"S": "STAFF#bare"}}
        _db.query(TableName=_TABLE, KeyConditionExpression="pk = :staff", ExpressionAttributeValues=staff)
        now = {"N": str(time.time())}
        writes = [
            {"Put": {"TableName": _TABLE, "Item": {**_key(pk, f"{kind}#{number:06d}"), "at": now, "held": _held(kind)},
                     "ConditionExpression": _NEW}}
            for kind in ("V", "J", "TASK")
        ]  # fmt: skip
        mark = {**_key(f"EVENT#{case}#{number}", "bare"), "at": now, "held": _held("EVENT")}
        writes.append({"Put": {"TableName": _TABLE, "Item": mark, "ConditionExpression": _NEW}})
        writes.append(
            {"ConditionCheck": {"TableName": _TABLE, "Key": _key("STAFF#bare", "person"),
                                "ConditionExpression": "attribute_not_exists(gone)"}}
        )  # fmt: skip
        if place is None:
            writes.append(
                {"Put": {"TableName": _TABLE, "Item": _key(f"KEY#{case}", "OPEN"), "ConditionExpression": _NEW}}
            )
        else:
            writes.append(
                {"Update": {"TableName": _TABLE, "Key": _key(pk, f"TASK#{number - 1:06d}"),
                            "UpdateExpression": "SET closed = :now", "ExpressionAttributeValues": {":now": now},
                            "ConditionExpression": "attribute_not_exists(closed)"}}
            )  # fmt: skip
        before = {":before": row["visit"]} if row else {}
        writes.append(
            {"Update": {
                "TableName": _TABLE, "Key": _key(pk, "META"),
                "UpdateExpression": "SET visit = :visit, held = :held, sweep = :sweep, look_at = :now",
                "ConditionExpression": "visit = :before" if row else _NEW,
                "ExpressionAttributeValues": {
                    ":visit": {"N": str(number)}, ":held": _held("META"), ":sweep": {"S": "SWEEP#0"}, ":now": now, **before,
                },
            }}
        )  # fmt: skip
        _db.transact_write_items(TransactItems=writes)
        given = json.dumps({"case": case, "visit": number, "on": True})
        if place is None:
            _steps.start_execution(stateMachineArn=os.environ["MACHINE"], name=case, input=given)
        else:
            _steps.send_task_success(taskToken=row["token"]["S"], output=given)
        print(json.dumps({"placed": case, "visit": number}))
    return {"batchItemFailures": []}


def follow(event: Any, context: object) -> None:
    """Keep the token with the case's row."""
    _db.update_item(
        TableName=_TABLE,
        Key=_key("CASE#" + event["case"], "META"),
        UpdateExpression="SET parked = :visit, #t = :token",
        ConditionExpression="visit = :visit",
        ExpressionAttributeNames={"#t": "token"},
        ExpressionAttributeValues={":visit": {"N": str(event["visit"])}, ":token": {"S": event["token"]}},
        ReturnValues="ALL_NEW",
    )
    print(json.dumps({"parked": event["case"], "visit": event["visit"]}))


def relay(event: Any, context: object) -> dict[str, Any]:
    """Pass each entry on to the queue, the bus and the metrics."""
    for record in event["Records"]:
        keys = record["dynamodb"]["Keys"]
        case, number = keys["pk"]["S"].removeprefix("CASE#"), keys["sk"]["S"]
        detail = json.dumps({"case": case, "number": number, "held": _held("EVENT")["S"]})
        _queue.send_message(
            QueueUrl=os.environ["QUEUE"],
            MessageGroupId=case,
            MessageDeduplicationId=f"{case}-{number}",
            MessageBody=json.dumps({"case": case}),
        )
        _bus.put_events(
            Entries=[{"EventBusName": os.environ["BUS"], "Source": "bare.out", "DetailType": "moved", "Detail": detail}]
        )
        metric = {"Namespace": "Bare", "Dimensions": [["facility"]], "Metrics": [{"Name": "Moved", "Unit": "Count"}]}
        stamp = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [metric]}
        print(json.dumps({"_aws": stamp, "facility": "bare", "Moved": 1}))
    return {"batchItemFailures": []}


def writeback(event: Any, context: object) -> dict[str, Any]:
    """Read the case and the ledger, write the Task, note it."""
    for record in event["Records"]:
        case = json.loads(record["body"])["case"]
        pk = f"CASE#{case}"
        row, known = _get(pk, "META"), _get(pk, "EMR")
        _note(pk, "EMR", {":begun": {"N": "1"}}, "SET begun = :begun")
        task = {"resourceType": "Task", "status": "in-progress", "intent": "order",
                "businessStatus": {"text": row["visit"]["N"]}}  # fmt: skip
        if known is None or "id" not in known:
            id = _asked("POST", "/Task", task)["id"]
        else:
            id = known["id"]["S"]
            _asked("GET", f"/Task/{id}")
            _asked("PUT", f"/Task/{id}", {**task, "id": id})
        _note(pk, "EMR", {":id": {"S": id}}, "SET id = :id")
        _note(pk, "MIRROR", {":shown": row["visit"]}, "SET shown = :shown")
        print(json.dumps({"mirrored": case}))
    return {"batchItemFailures": []}


def _note(pk: str, sk: str, values: dict[str, Any], expression: str) -> None:
    _db.update_item(TableName=_TABLE, Key=_key(pk, sk), UpdateExpression=expression, ExpressionAttributeValues=values)


def _asked(method: str, path: str, body: object = None) -> Any:
    headers = {"Content-Type": "application/fhir+json"}
    _line.request(method, _emr.path + path, json.dumps(body) if body else None, headers)
    answer = _line.getresponse()
    said = json.loads(answer.read())
    if answer.status >= 300:
        raise RuntimeError(f"the EMR answered {answer.status}")
    return said
