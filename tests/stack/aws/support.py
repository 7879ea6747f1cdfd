"""Small resources for tests on the embedded AWS: roles, functions, state machines, queues, tables, mappings."""

from __future__ import annotations

import io
import json
import subprocess
import textwrap
import time
import uuid
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import boto3

from local.aws.running import ACCOUNT, REGION, RunningAws

Statement = dict[str, Any]
Seen = TypeVar("Seen")

ROOT = Path(__file__).resolve().parents[3]
EVERYTHING: list[Statement] = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]

# Longer than anything here takes on a busy machine; no behaviour is told from another by how long it took.
LONG = 20.0
# For a server that lacks a wrapper, where much never happens.
SHORT = 1.5


class Patience:
    """How long `eventually` waits."""

    seconds = LONG


def name(stem: str) -> str:
    """A name that no other test uses."""
    return f"{stem}-{uuid.uuid4().hex[:8]}"


def arn(service: str, resource: str) -> str:
    """The ARN of something in the account."""
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"


def allow(*actions: str, on: str = "*") -> Statement:
    """A statement that allows `actions`."""
    return {"Effect": "Allow", "Action": list(actions), "Resource": on}


def in_the_environment_of_the_server(program: str, *arguments: str) -> str:
    """What a program prints that is run where the server's own modules can be imported."""
    interpreter = ROOT / ".ministack" / "bin" / "python"
    done = subprocess.run(
        [interpreter, "-c", program, *arguments], cwd=ROOT, capture_output=True, check=True, text=True
    )
    return done.stdout.strip()


def eventually(look: Callable[[], Seen]) -> Seen:
    """What `look` returns once that is true; an AssertionError if it does not become so."""
    end = time.monotonic() + Patience.seconds
    while not (seen := look()):
        assert time.monotonic() < end, f"did not happen within {Patience.seconds} s"
        time.sleep(0.05)
    return seen


def role(aws: RunningAws, statements: Sequence[Statement] = EVERYTHING) -> str:
    """The ARN of a new role that may do just this."""
    iam, made = aws.client("iam"), name("role")
    services = ["lambda.amazonaws.com", "states.amazonaws.com"]
    principal = {"Service": services, "AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    trust = {"Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}]}
    iam.create_role(RoleName=made, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", **trust}))
    permit(aws, made, statements)
    return f"arn:aws:iam::{ACCOUNT}:role/{made}"


def permit(aws: RunningAws, role_name: str, statements: Sequence[Statement]) -> None:
    """Replace what a role may do."""
    document = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
    aws.client("iam").put_role_policy(RoleName=role_name.rsplit("/", 1)[-1], PolicyName="all", PolicyDocument=document)


def client_of(aws: RunningAws, role_arn: str, service: str) -> Any:
    """A client of `service` in a session of the role."""
    found = aws.client("sts").assume_role(RoleArn=role_arn, RoleSessionName="test")["Credentials"]
    return boto3.client(
        service,  # type: ignore[call-overload] # the name is not a literal here
        endpoint_url=aws.endpoint,
        region_name=REGION,
        aws_access_key_id=found["AccessKeyId"],
        aws_secret_access_key=found["SecretAccessKey"],
        aws_session_token=found["SessionToken"],
    )


def function(
    aws: RunningAws, source: str, statements: Sequence[Statement] = EVERYTHING, timeout: int = 20, **more: Any
) -> str:
    """The name of a new function whose module has a `handler(event, context)`."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("index.py", textwrap.dedent(source))
    made = name("function")
    aws.client("lambda").create_function(
        FunctionName=made,
        Runtime="python3.13",
        Handler="index.handler",
        Role=role(aws, statements),
        Code={"ZipFile": code.getvalue()},
        Timeout=timeout,
        **more,
    )
    return made


def invoke(aws: RunningAws, function_name: str, event: Any = None) -> Any:
    """What a function returned, or its error."""
    answer = aws.client("lambda").invoke(FunctionName=function_name, Payload=json.dumps(event))
    return json.loads(answer["Payload"].read())


def machine(aws: RunningAws, states: dict[str, Any], statements: Sequence[Statement] = EVERYTHING) -> str:
    """The ARN of a new state machine that begins with the first of `states`."""
    definition = json.dumps({"StartAt": next(iter(states)), "States": states})
    made = aws.client("stepfunctions").create_state_machine(
        name=name("machine"), definition=definition, roleArn=role(aws, statements)
    )
    return str(made["stateMachineArn"])


def start(aws: RunningAws, machine_arn: str, given: Any = None) -> str:
    """The ARN of a new execution."""
    begun = aws.client("stepfunctions").start_execution(stateMachineArn=machine_arn, input=json.dumps(given or {}))
    return str(begun["executionArn"])


def ended(aws: RunningAws, execution: str) -> dict[str, Any]:
    """The description of an execution, once it runs no more."""
    client = aws.client("stepfunctions")

    def look() -> dict[str, Any] | None:
        found: dict[str, Any] = client.describe_execution(executionArn=execution)
        return found if found["status"] != "RUNNING" else None

    return eventually(look) or {}


def run(aws: RunningAws, states: dict[str, Any], given: Any = None) -> dict[str, Any]:
    """The description of an execution of `states`, once it has ended."""
    return ended(aws, start(aws, machine(aws, states), given))


def entered(aws: RunningAws, execution: str) -> list[str]:
    """The names of the states that an execution entered."""
    events = aws.client("stepfunctions").get_execution_history(executionArn=execution, maxResults=1000)["events"]
    return [event["stateEnteredEventDetails"]["name"] for event in events if "stateEnteredEventDetails" in event]


def queue(aws: RunningAws, **attributes: str) -> str:
    """The URL of a new queue."""
    made = name("queue") + (".fifo" if attributes.get("FifoQueue") == "true" else "")
    return str(aws.client("sqs").create_queue(QueueName=made, Attributes=attributes)["QueueUrl"])


def queue_arn(url: str) -> str:
    """The ARN of the queue at `url`."""
    return arn("sqs", url.rsplit("/", 1)[-1])


def receive(aws: RunningAws, url: str) -> dict[str, Any]:
    """The next message of a queue, which is deleted there."""
    sqs = aws.client("sqs")

    def look() -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get(
            "Messages", []
        )
        return found

    message = eventually(look)[0]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return message


def left(aws: RunningAws, url: str) -> int:
    """How many messages a queue holds, in flight or not."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(found[counted]) for counted in names)


def table(aws: RunningAws, **more: Any) -> str:
    """The name of a new table with string keys `pk` and `sk` and a stream."""
    made = name("table")
    aws.client("dynamodb").create_table(
        TableName=made,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_IMAGE"},
        **more,
    )
    return made


def put(aws: RunningAws, table_name: str, pk: str, sk: str, **more: Any) -> None:
    """Put a row."""
    aws.client("dynamodb").put_item(TableName=table_name, Item={"pk": {"S": pk}, "sk": {"S": sk}, **more})


def stream(aws: RunningAws, table_name: str) -> str:
    """The ARN of a table's stream."""
    return str(aws.client("dynamodb").describe_table(TableName=table_name)["Table"]["LatestStreamArn"])


def mapping(aws: RunningAws, source: str, function_name: str, **more: Any) -> str:
    """The identity of a new mapping of a queue or a stream to a function."""
    if ":dynamodb:" in source:
        more = {"StartingPosition": "TRIM_HORIZON", **more}
    made = aws.client("lambda").create_event_source_mapping(EventSourceArn=source, FunctionName=function_name, **more)
    # MiniStack looks at its mappings each second, and when anything is sent to a queue.
    aws.client("sqs").send_message(QueueUrl=queue(aws), MessageBody="wake")
    return str(made["UUID"])
