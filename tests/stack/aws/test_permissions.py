"""That the embedded AWS enforces the roles of Baton's functions: each permission that is taken away is missed."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.aws.embedded import EmbeddedAws
from tests.stack.aws import support

pytestmark = pytest.mark.stack

ROW = {"pk": {"S": "CASE#1"}, "sk": {"S": "META"}}


def refused(call: Callable[..., Any], **request: Any) -> bool:
    """Whether a call is denied; whatever else is wrong with it does not matter."""
    try:
        call(**request)
    except ClientError as problem:
        return "AccessDenied" in problem.response["Error"]["Code"]
    return False


TABLE_ACTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "GetItem": ("get_item", {"Key": ROW}),
    "PutItem": ("put_item", {"Item": ROW}),
    "UpdateItem": (
        "update_item",
        {"Key": ROW, "UpdateExpression": "SET a = :a", "ExpressionAttributeValues": {":a": ROW["pk"]}},
    ),
    "DeleteItem": ("delete_item", {"Key": ROW}),
    "Query": ("query", {"KeyConditionExpression": "pk = :k", "ExpressionAttributeValues": {":k": ROW["pk"]}}),
    "Scan": ("scan", {}),
}


@pytest.mark.parametrize("action", TABLE_ACTIONS)
def test_each_action_on_a_table_needs_its_permission_on_that_table(aws: EmbeddedAws, action: str) -> None:
    table, (call, request) = support.table(aws), TABLE_ACTIONS[action]
    here = support.arn("dynamodb", f"table/{table}")
    may = support.client_of(aws, support.role(aws, [support.allow(f"dynamodb:{action}", on=here)]), "dynamodb")
    others = [f"dynamodb:{other}" for other in TABLE_ACTIONS if other != action]
    may_not = support.client_of(aws, support.role(aws, [support.allow(*others, on=here)]), "dynamodb")
    elsewhere = support.allow("dynamodb:*", on=support.arn("dynamodb", "table/another"))
    not_here = support.client_of(aws, support.role(aws, [elsewhere]), "dynamodb")
    assert not refused(getattr(may, call), TableName=table, **request)
    assert refused(getattr(may_not, call), TableName=table, **request)
    assert refused(getattr(not_here, call), TableName=table, **request)


@pytest.mark.parametrize("lacking", ["PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem"])
def test_a_transaction_needs_the_permission_of_each_item(aws: EmbeddedAws, lacking: str) -> None:
    table = support.table(aws)
    keys = [{"pk": {"S": "CASE#1"}, "sk": {"S": str(number)}} for number in range(4)]
    absent = "attribute_not_exists(pk)"
    items = [
        {"Put": {"TableName": table, "Item": keys[0]}},
        {"Update": {"TableName": table, "Key": keys[1], "UpdateExpression": "REMOVE a"}},
        {"Delete": {"TableName": table, "Key": keys[2]}},
        {"ConditionCheck": {"TableName": table, "Key": keys[3], "ConditionExpression": absent}},
    ]
    needed = ["PutItem", "UpdateItem", "DeleteItem", "ConditionCheckItem"]
    role = support.role(aws, [support.allow(*(f"dynamodb:{action}" for action in needed))])
    client = support.client_of(aws, role, "dynamodb")
    assert not refused(client.transact_write_items, TransactItems=items)
    support.permit(aws, role, [support.allow(*(f"dynamodb:{action}" for action in needed if action != lacking))])
    assert refused(client.transact_write_items, TransactItems=items)


def test_an_index_has_a_permission_of_its_own(aws: EmbeddedAws) -> None:
    index = {
        "IndexName": "open",
        "KeySchema": [{"AttributeName": "sk", "KeyType": "HASH"}],
        "Projection": {"ProjectionType": "ALL"},
    }
    table = support.table(aws, GlobalSecondaryIndexes=[index])
    query = {"TableName": table, "IndexName": "open", "KeyConditionExpression": "sk = :k"}
    query["ExpressionAttributeValues"] = {":k": {"S": "META"}}  # type: ignore[assignment]
    on_table = support.allow("dynamodb:Query", on=support.arn("dynamodb", f"table/{table}"))
    on_index = support.allow("dynamodb:Query", on=support.arn("dynamodb", f"table/{table}/index/open"))
    assert refused(support.client_of(aws, support.role(aws, [on_table]), "dynamodb").query, **query)
    assert not refused(support.client_of(aws, support.role(aws, [on_index]), "dynamodb").query, **query)


@pytest.mark.wrapper("leading_keys")
def test_a_role_can_be_kept_to_partition_keys(aws: EmbeddedAws) -> None:
    table = support.table(aws)
    cases = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["CASE#*"]}}
    marks = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["EVENT#*"]}}
    statements = [
        {**support.allow("dynamodb:UpdateItem", "dynamodb:Query", "dynamodb:GetItem"), "Condition": cases},
        {**support.allow("dynamodb:PutItem"), "Condition": marks},
    ]
    client = support.client_of(aws, support.role(aws, statements), "dynamodb")
    update = {"TableName": table, "UpdateExpression": "REMOVE a"}
    case, mark = ({"pk": {"S": key}, "sk": {"S": "x"}} for key in ("CASE#1", "EVENT#1"))
    assert not refused(client.update_item, Key=case, **update)
    assert refused(client.update_item, Key=mark, **update)
    assert not refused(client.put_item, TableName=table, Item=mark)
    assert refused(client.put_item, TableName=table, Item=case)
    put, change = {"Put": {"TableName": table, "Item": mark}}, {"Update": {"Key": case, **update}}
    assert not refused(client.transact_write_items, TransactItems=[put, change])
    wrong = {"Put": {"TableName": table, "Item": {**case, "sk": {"S": "y"}}}}
    assert refused(client.transact_write_items, TransactItems=[change, wrong])
    query = {"TableName": table, "KeyConditionExpression": "#k = :k", "ExpressionAttributeNames": {"#k": "pk"}}
    assert not refused(client.query, ExpressionAttributeValues={":k": {"S": "CASE#1"}}, **query)
    assert refused(client.query, ExpressionAttributeValues={":k": {"S": "STAFF#1"}}, **query)


def test_a_state_machine_has_a_permission_of_its_own(aws: EmbeddedAws) -> None:
    machine = support.machine(aws, {"Wait": {"Type": "Wait", "Seconds": 60, "End": True}})
    execution = support.start(aws, machine)
    here = support.client_of(
        aws,
        support.role(
            aws,
            [
                support.allow("states:StartExecution", on=machine),
                support.allow("states:DescribeExecution", on=machine.replace(":stateMachine:", ":execution:") + ":*"),
            ],
        ),
        "stepfunctions",
    )
    assert not refused(here.start_execution, stateMachineArn=machine)
    assert not refused(here.describe_execution, executionArn=execution)
    assert refused(here.stop_execution, executionArn=execution)
    there = support.role(aws, [support.allow("states:*", on=machine + "-2")])
    assert refused(support.client_of(aws, there, "stepfunctions").start_execution, stateMachineArn=machine)
    aws.client("stepfunctions").stop_execution(executionArn=execution)


@pytest.mark.parametrize("action", ["SendTaskSuccess", "SendTaskFailure"])
def test_answering_a_task_needs_permission(aws: EmbeddedAws, action: str) -> None:
    request = {"SendTaskSuccess": {"taskToken": "t", "output": "{}"}, "SendTaskFailure": {"taskToken": "t"}}[action]
    call = {"SendTaskSuccess": "send_task_success", "SendTaskFailure": "send_task_failure"}[action]
    may = support.client_of(aws, support.role(aws, [support.allow(f"states:{action}")]), "stepfunctions")
    may_not = support.client_of(aws, support.role(aws, [support.allow("states:StartExecution")]), "stepfunctions")
    assert not refused(getattr(may, call), **request)
    assert refused(getattr(may_not, call), **request)


@pytest.mark.wrapper("task_token_names_its_machine")
def test_answering_a_task_can_be_allowed_per_state_machine(aws: EmbeddedAws) -> None:
    url = support.queue(aws)
    ask = {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage.waitForTaskToken",
        "Parameters": {"QueueUrl": url, "MessageBody": {"token.$": "$$.Task.Token"}},
        "End": True,
    }
    machine = support.machine(aws, {"Ask": ask})
    execution = support.start(aws, machine)
    answer = {"taskToken": json.loads(support.receive(aws, url)["Body"])["token"], "output": "{}"}
    other = support.role(aws, [support.allow("states:SendTaskSuccess", on=machine + "-2")])
    assert refused(support.client_of(aws, other, "stepfunctions").send_task_success, **answer)
    own = support.role(aws, [support.allow("states:SendTaskSuccess", on=machine)])
    assert not refused(support.client_of(aws, own, "stepfunctions").send_task_success, **answer)
    assert support.ended(aws, execution)["status"] == "SUCCEEDED"


@pytest.mark.wrapper("loopback_counts_as_tls")
def test_a_policy_that_demands_tls_refuses_nothing_on_this_machine(aws: EmbeddedAws) -> None:
    url, events, rule = support.queue(aws), aws.client("events"), support.name("rule")
    made = events.put_rule(Name=rule, EventPattern=json.dumps({"source": [rule]}))["RuleArn"]
    insecure = {"Effect": "Deny", "Principal": "*", "Action": "sqs:*", "Resource": "*"}
    statements = [
        {**insecure, "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
        {
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": support.queue_arn(url),
            "Condition": {"ArnEquals": {"aws:SourceArn": made}},
        },
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    aws.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    events.put_targets(Rule=rule, Targets=[{"Id": "queue", "Arn": support.queue_arn(url)}])
    events.put_events(Entries=[{"Source": rule, "DetailType": "x", "Detail": "{}"}])
    role = support.role(aws, [support.allow("sqs:SendMessage")])
    assert not refused(support.client_of(aws, role, "sqs").send_message, QueueUrl=url, MessageBody="m")
    support.eventually(lambda: support.left(aws, url) == 2)
    polling = ("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes")
    function = support.function(aws, "def handler(event, context): pass", [support.allow(*polling)])
    support.mapping(aws, support.queue_arn(url), function)
    support.eventually(lambda: support.left(aws, url) == 0)


def test_queues_buses_secrets_and_metrics_have_permissions_of_their_own(aws: EmbeddedAws) -> None:
    url, secret = (
        support.queue(aws),
        aws.client("secretsmanager").create_secret(Name=support.name("s"), SecretString="s"),
    )
    entry = {"Source": "baton", "DetailType": "x", "Detail": "{}"}
    metric = {"Namespace": "Baton", "MetricData": [{"MetricName": "m", "Value": 1}]}
    calls: list[tuple[str, str, str, str, dict[str, Any]]] = [
        ("sqs", "SendMessage", support.queue_arn(url), "send_message", {"QueueUrl": url, "MessageBody": "m"}),
        ("sqs", "ReceiveMessage", support.queue_arn(url), "receive_message", {"QueueUrl": url}),
        ("events", "PutEvents", support.arn("events", "event-bus/default"), "put_events", {"Entries": [entry]}),
        ("secretsmanager", "GetSecretValue", secret["ARN"], "get_secret_value", {"SecretId": secret["ARN"]}),
        ("cloudwatch", "PutMetricData", "*", "put_metric_data", metric),
    ]
    for service, action, resource, call, request in calls:
        may = support.client_of(aws, support.role(aws, [support.allow(f"{service}:{action}", on=resource)]), service)
        assert not refused(getattr(may, call), **request), action
        elsewhere = support.allow(f"{service}:*", on=support.arn(service, "another"))
        may_not = support.client_of(aws, support.role(aws, [elsewhere]), service)
        assert refused(getattr(may_not, call), **request), action


def key(aws: EmbeddedAws, *statements: dict[str, Any]) -> str:
    """The ARN of a new customer-managed key that the account's roles may be allowed to use."""
    account = {
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::000000000000:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [account, *statements]})
    return str(aws.client("kms").create_key(Policy=policy)["KeyMetadata"]["Arn"])


@pytest.mark.wrapper("encryption_needs_the_key")
def test_what_a_key_encrypts_is_used_only_with_the_key(aws: EmbeddedAws) -> None:
    of = key(aws)
    encryption = {"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": of}
    table, url = support.table(aws, SSESpecification=encryption), support.queue(aws, KmsMasterKeyId=of)
    secret = aws.client("secretsmanager").create_secret(Name=support.name("s"), SecretString="s", KmsKeyId=of)["ARN"]
    send = {"QueueUrl": url, "MessageBody": "m"}
    calls: list[tuple[str, str, dict[str, Any], list[str]]] = [
        ("dynamodb", "get_item", {"TableName": table, "Key": ROW}, ["kms:Decrypt"]),
        (
            "dynamodb",
            "transact_write_items",
            {"TransactItems": [{"Put": {"TableName": table, "Item": ROW}}]},
            ["kms:Decrypt"],
        ),
        ("sqs", "send_message", send, ["kms:Decrypt", "kms:GenerateDataKey"]),
        ("sqs", "receive_message", {"QueueUrl": url}, ["kms:Decrypt"]),
        ("secretsmanager", "get_secret_value", {"SecretId": secret}, ["kms:Decrypt"]),
    ]
    for service, call, request, needed in calls:
        own = support.allow(f"{service}:*")
        role = support.role(aws, [own, support.allow(*needed, on=of)])
        assert not refused(getattr(support.client_of(aws, role, service), call), **request), call
        for lacking in needed:
            others = [support.allow(action, on=of) for action in needed if action != lacking]
            support.permit(aws, role, [own, *others])
            assert refused(getattr(support.client_of(aws, role, service), call), **request), (call, lacking)


@pytest.mark.wrapper("encryption_needs_the_key")
def test_a_mapping_reads_an_encrypted_queue_only_with_the_key(aws: EmbeddedAws) -> None:
    of = key(aws)
    url = support.queue(aws, KmsMasterKeyId=of)
    aws.client("sqs").send_message(QueueUrl=url, MessageBody="m")
    function = support.function(aws, "def handler(event, context): pass", [support.allow("sqs:*")])
    mapping = support.mapping(aws, support.queue_arn(url), function)
    client = aws.client("lambda")

    def result() -> str:
        return str(client.get_event_source_mapping(UUID=mapping)["LastProcessingResult"])

    support.eventually(lambda: "No records processed" not in result())
    assert "not authorized to perform: kms:Decrypt" in result()
    role = client.get_function_configuration(FunctionName=function)["Role"]
    support.permit(aws, role, [support.allow("sqs:*"), support.allow("kms:Decrypt", on=of)])
    support.eventually(lambda: support.left(aws, url) == 0)


@pytest.mark.wrapper("encryption_needs_the_key")
def test_a_rule_sends_to_an_encrypted_queue_only_with_the_key(aws: EmbeddedAws) -> None:
    by_events = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Resource": "*"}
    lacking, letters, whole = (
        support.queue(aws, KmsMasterKeyId=key(aws, {**by_events, "Action": ["kms:Decrypt"]})),
        support.queue(aws),
        support.queue(aws, KmsMasterKeyId=key(aws, {**by_events, "Action": ["kms:Decrypt", "kms:GenerateDataKey*"]})),
    )
    events, rule = aws.client("events"), support.name("rule")
    events.put_rule(Name=rule, EventPattern=json.dumps({"source": [rule]}))
    for url in (lacking, letters, whole):
        statement = {**by_events, "Action": "sqs:SendMessage"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        aws.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})
    targets = [
        {"Id": url[-8:], "Arn": support.queue_arn(url), "DeadLetterConfig": {"Arn": support.queue_arn(letters)}}
        for url in (lacking, whole)
    ]
    events.put_targets(Rule=rule, Targets=targets)
    events.put_events(Entries=[{"Source": rule, "DetailType": "x", "Detail": "{}"}])
    assert support.receive(aws, whole)
    letter = support.receive(aws, letters)
    assert letter["MessageAttributes"]["TARGET_ARN"]["StringValue"] == support.queue_arn(lacking)
    assert support.left(aws, lacking) == 0
