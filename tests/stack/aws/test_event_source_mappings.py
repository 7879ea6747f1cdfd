"""What Baton's queues and streams rely on in Lambda's event source mappings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from local.aws.embedded import EmbeddedAws
from tests.stack.aws import support

pytestmark = pytest.mark.stack

PARTIAL = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}

# Handles each message: notes it in a file, and says that those fail which the file `failing` names.
NOTING = """
import json, pathlib, time
def names(path): return path.read_text().split() if path.exists() else []
def handler(event, context):
    failures = []
    for record in event["Records"]:
        body = json.loads(record["body"])
        notes = pathlib.Path(body["notes"])
        with (notes / "handled").open("a") as file: file.write(body["name"] + "\\n")
        if failures or body["name"] in names(notes / "failing"):
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}
"""


def send(aws: EmbeddedAws, url: str, notes: Path, name: str) -> None:
    """Send a message; its group, in a FIFO queue, is the first letter of its name."""
    fifo = {"MessageGroupId": name[0], "MessageDeduplicationId": name} if url.endswith(".fifo") else {}
    aws.client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps({"name": name, "notes": str(notes)}), **fifo)


def noting(aws: EmbeddedAws) -> str:
    """A function that notes messages, with a warm sandbox: none can become visible again while it is being handled."""
    function = support.function(aws, NOTING)
    support.invoke(aws, function, {"Records": []})
    return function


def handled(notes: Path) -> list[str]:
    """The names of the messages that were handled, in order."""
    return (notes / "handled").read_text().split() if (notes / "handled").exists() else []


@pytest.mark.wrapper("fifo_groups_run_side_by_side")
def test_message_groups_are_handled_side_by_side(aws: EmbeddedAws, tmp_path: Path) -> None:
    waiting = support.function(
        aws,
        """
        import json, pathlib, time
        def handler(event, context):
            for record in event["Records"]:
                body = json.loads(record["body"])
                mine, other = (pathlib.Path(body["notes"]) / name for name in (body["name"], "a" if body["name"] == "b" else "b"))
                mine.touch()
                for _ in range(40):
                    if other.exists(): break
                    time.sleep(0.05)
                else: (mine.parent / "alone").touch()
                (mine.parent / f"{body['name']} done").touch()
        """,
    )
    url = support.queue(aws, FifoQueue="true", VisibilityTimeout="60")
    for name in "ab":
        send(aws, url, tmp_path, name)
    support.mapping(aws, support.queue_arn(url), waiting)
    support.eventually(lambda: (tmp_path / "a done").exists() and (tmp_path / "b done").exists())
    assert not (tmp_path / "alone").exists()


def test_a_failing_group_keeps_its_order_and_holds_up_no_other(aws: EmbeddedAws, tmp_path: Path) -> None:
    url = support.queue(aws, FifoQueue="true", VisibilityTimeout="2")
    (tmp_path / "failing").write_text("a1")
    for name in ("a1", "a2", "b1", "a3", "b2"):
        send(aws, url, tmp_path, name)
    support.mapping(aws, support.queue_arn(url), noting(aws), BatchSize=1, **PARTIAL)
    support.eventually(lambda: "b2" in handled(tmp_path) and handled(tmp_path).count("a1") >= 2)
    assert not {"a2", "a3"} & set(handled(tmp_path))
    (tmp_path / "failing").unlink()
    support.eventually(lambda: support.left(aws, url) == 0)
    in_order = [name for name in handled(tmp_path) if name[0] == "a"]
    assert [name for name in in_order if name != "a1"] == ["a2", "a3"]
    assert in_order.index("a2") > in_order.count("a1") - 1
    assert [name for name in handled(tmp_path) if name[0] == "b"] == ["b1", "b2"]


def test_one_batch_of_a_group_reports_its_failures(aws: EmbeddedAws, tmp_path: Path) -> None:
    url = support.queue(aws, FifoQueue="true", VisibilityTimeout="2")
    (tmp_path / "failing").write_text("a2")
    for name in ("a1", "a2", "a3"):
        send(aws, url, tmp_path, name)
    support.mapping(aws, support.queue_arn(url), noting(aws), BatchSize=10, **PARTIAL)
    support.eventually(lambda: handled(tmp_path).count("a2") >= 2)
    assert support.left(aws, url) == 2
    (tmp_path / "failing").unlink()
    support.eventually(lambda: support.left(aws, url) == 0)
    assert handled(tmp_path).count("a1") == 1


@pytest.mark.wrapper("unreadable_batch_response_fails_the_batch")
def test_a_batch_response_that_cannot_be_read_fails_the_batch(aws: EmbeddedAws) -> None:
    responses: list[Any] = [
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"itemIdentifer": "m-1"}]},
        "not JSON",
    ]
    letters = [dead_letters_of_a_function_that_returns(aws, response) for response in responses]
    assert [support.receive(aws, url)["Body"] for url in letters] == [repr(response) for response in responses]


@pytest.mark.wrapper("unreadable_batch_response_fails_the_batch")
def test_an_empty_batch_response_is_success(aws: EmbeddedAws) -> None:
    responses: list[Any] = [{"batchItemFailures": None}, None, {}, {"batchItemFailures": []}]
    urls = [queue_of_a_function_that_returns(aws, response) for response in responses]
    support.eventually(lambda: [support.left(aws, url) for url in urls] == [0, 0, 0, 0])


def dead_letters_of_a_function_that_returns(aws: EmbeddedAws, response: Any) -> str:
    """Where a message goes that such a function does not handle at the first attempt."""
    letters = support.queue(aws)
    redrive = json.dumps({"deadLetterTargetArn": support.queue_arn(letters), "maxReceiveCount": 1})
    queue_of_a_function_that_returns(aws, response, RedrivePolicy=redrive)
    return letters


def queue_of_a_function_that_returns(aws: EmbeddedAws, response: Any, **attributes: str) -> str:
    """A queue with one message, which such a function is handed."""
    url = support.queue(aws, VisibilityTimeout="2", **attributes)
    function = support.function(aws, f"def handler(event, context): return {response!r}")
    # Its sandbox is warm, so that the message cannot become visible again while it is being handled.
    support.invoke(aws, function)
    aws.client("sqs").send_message(QueueUrl=url, MessageBody=repr(response))
    support.mapping(aws, support.queue_arn(url), function, **PARTIAL)
    return url


# Notes the sort keys of each batch of records; what is to become of it, the file `answer` says.
STREAMING = """
import json, pathlib, time
def handler(event, context):
    notes = pathlib.Path(event["Records"][0]["dynamodb"]["NewImage"]["notes"]["S"])
    keys = [record["dynamodb"]["Keys"]["sk"]["S"] for record in event["Records"]]
    with (notes / "batches").open("a") as file: file.write(json.dumps(keys) + "\\n")
    bad = (notes / "bad").read_text().split() if (notes / "bad").exists() else []
    if (notes / "slow").exists(): time.sleep(3)
    failed = [record for record, key in zip(event["Records"], keys) if key in bad]
    if failed and (notes / "partial").exists():
        return {"batchItemFailures": [{"itemIdentifier": failed[0]["dynamodb"]["SequenceNumber"]}]}
    if failed: raise ValueError("bad record")
"""


def written(aws: EmbeddedAws, notes: Path, *keys: str) -> str:
    """A new table with these rows; a row's name is its sort key."""
    table = support.table(aws)
    for key in keys:
        support.put(aws, table, "case", key, notes={"S": str(notes)})
    return table


def batches(notes: Path) -> list[list[str]]:
    """The batches of sort keys that were handled, in order."""
    path = notes / "batches"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.wrapper("stream_mapping_retries_and_bisects")
def test_a_partly_failed_batch_is_tried_again_from_its_first_failure(aws: EmbeddedAws, tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("J3")
    (tmp_path / "partial").touch()
    table = written(aws, tmp_path, "J1", "J2", "J3", "J4")
    support.mapping(aws, support.stream(aws, table), support.function(aws, STREAMING), **PARTIAL)
    support.eventually(lambda: len(batches(tmp_path)) >= 2)
    (tmp_path / "bad").unlink()
    support.put(aws, table, "case", "J5", notes={"S": str(tmp_path)})
    support.eventually(lambda: batches(tmp_path)[-1][-1] == "J5")
    assert batches(tmp_path)[0] == ["J1", "J2", "J3", "J4"]
    assert batches(tmp_path)[1][:2] == ["J3", "J4"]
    assert sum(batch.count("J1") for batch in batches(tmp_path)) == 1


@pytest.mark.wrapper("stream_mapping_retries_and_bisects")
def test_a_bad_record_is_found_by_halves_given_up_and_reported(aws: EmbeddedAws, tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("J2")
    table, letters = written(aws, tmp_path, "J1", "J2", "J3", "J4"), support.queue(aws)
    support.mapping(
        aws,
        support.stream(aws, table),
        support.function(aws, STREAMING),
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": support.queue_arn(letters)}},
    )
    reported = json.loads(support.receive(aws, letters)["Body"])
    assert reported["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert reported["DDBStreamBatchInfo"]["batchSize"] == 1
    support.eventually(lambda: batches(tmp_path)[-1][-1] == "J4")
    assert batches(tmp_path) == [
        ["J1", "J2", "J3", "J4"],
        ["J1", "J2"],
        ["J1"],
        *[["J2", "J3", "J4"], ["J2"], ["J2"]],
        ["J3", "J4"],
    ]


@pytest.mark.wrapper("stream_mapping_retries_and_bisects")
def test_a_slow_stream_function_holds_up_no_queue(aws: EmbeddedAws, tmp_path: Path) -> None:
    (tmp_path / "slow").touch()
    url = support.queue(aws)
    support.mapping(aws, support.queue_arn(url), support.function(aws, NOTING))
    table = written(aws, tmp_path, "J1")
    support.mapping(aws, support.stream(aws, table), support.function(aws, STREAMING))
    support.eventually(lambda: batches(tmp_path))
    send(aws, url, tmp_path, "e1")
    support.eventually(lambda: handled(tmp_path) == ["e1"])
    support.put(aws, table, "case", "J2", notes={"S": str(tmp_path)})
    # The stream's function is still at its first batch.
    assert batches(tmp_path) == [["J1"]]


def test_a_filter_lets_only_its_records_through(aws: EmbeddedAws, tmp_path: Path) -> None:
    table = written(aws, tmp_path, "META", "J1", "V1", "J2")
    pattern = {"eventName": ["INSERT"], "dynamodb": {"Keys": {"sk": {"S": [{"prefix": "J"}]}}}}
    support.mapping(
        aws,
        support.stream(aws, table),
        support.function(aws, STREAMING),
        FilterCriteria={"Filters": [{"Pattern": json.dumps(pattern)}]},
    )
    support.eventually(lambda: batches(tmp_path) and batches(tmp_path)[-1][-1] == "J2")
    support.put(aws, table, "case", "J1", notes={"S": str(tmp_path)}, changed={"S": "yes"})
    support.put(aws, table, "case", "J3", notes={"S": str(tmp_path)})
    support.eventually(lambda: batches(tmp_path)[-1][-1] == "J3")
    assert [key for batch in batches(tmp_path) for key in batch] == ["J1", "J2", "J3"]


QUEUE_NEEDS = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
STREAM_NEEDS = ("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams")


def result(aws: EmbeddedAws, mapping: str) -> str:
    """What a mapping last came to."""
    return str(aws.client("lambda").get_event_source_mapping(UUID=mapping)["LastProcessingResult"])


def settled(aws: EmbeddedAws, mapping: str) -> None:
    """Wait until a mapping has come to something."""
    support.eventually(lambda: "No records processed" not in result(aws, mapping))


def delivered(notes: Path) -> None:
    """Wait until a function has noted something."""
    support.eventually(lambda: handled(notes) or batches(notes))


@pytest.mark.wrapper("mapping_polls_as_its_role")
def test_a_mapping_delivers_nothing_that_its_role_may_not_poll(aws: EmbeddedAws, tmp_path: Path) -> None:
    lacking: dict[str, tuple[str, str, Path]] = {}
    for needed in (QUEUE_NEEDS, STREAM_NEEDS):
        for action in needed:
            notes = tmp_path / action
            notes.mkdir()
            statements = [support.allow(other) for other in needed if other != action]
            if needed == QUEUE_NEEDS:
                url = support.queue(aws)
                send(aws, url, notes, "e1")
                source, function = support.queue_arn(url), support.function(aws, NOTING, statements)
            else:
                source = support.stream(aws, written(aws, notes, "J1"))
                function = support.function(aws, STREAMING, statements)
            lacking[action] = (function, support.mapping(aws, source, function), notes)
    for action, (_, mapping, notes) in lacking.items():
        settled(aws, mapping)
        assert result(aws, mapping).startswith("PROBLEM: ")
        assert f"not authorized to perform: {action} on resource" in result(aws, mapping)
        assert (handled(notes), batches(notes)) == ([], [])
    for function, _, _ in lacking.values():
        role = aws.client("lambda").get_function_configuration(FunctionName=function)["Role"]
        support.permit(aws, role, [support.allow(*QUEUE_NEEDS, *STREAM_NEEDS)])
    # With the permission, what waited is delivered.
    for _, _, notes in lacking.values():
        delivered(notes)


def test_the_message_of_a_killed_worker_comes_again(aws: EmbeddedAws, tmp_path: Path) -> None:
    url = support.queue(aws, VisibilityTimeout="1")
    slow = support.function(
        aws,
        """
        import json, pathlib, time
        def handler(event, context):
            begun = pathlib.Path(json.loads(event["Records"][0]["body"])["notes"]) / "begun"
            if begun.exists(): return
            begun.touch()
            time.sleep(20)
        """,
    )
    send(aws, url, tmp_path, "e1")
    support.mapping(aws, support.queue_arn(url), slow)
    support.eventually((tmp_path / "begun").exists)
    assert len(aws.kill_worker(slow)) == 1
    support.eventually(lambda: support.left(aws, url) == 0)


def test_the_stream_records_of_a_killed_worker_come_again(aws: EmbeddedAws, tmp_path: Path) -> None:
    (tmp_path / "slow").touch()
    function = support.function(aws, STREAMING)
    table = written(aws, tmp_path, "J1", "J2")
    support.mapping(aws, support.stream(aws, table), function)
    support.eventually(lambda: batches(tmp_path))
    (tmp_path / "slow").unlink()
    assert len(aws.kill_worker(function)) == 1
    support.eventually(lambda: len(batches(tmp_path)) == 2)
    assert batches(tmp_path) == [["J1", "J2"], ["J1", "J2"]]
