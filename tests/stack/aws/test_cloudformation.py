"""What Baton's template relies on in CloudFormation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from local.aws.embedded import EmbeddedAws
from tests.stack.aws import support

pytestmark = pytest.mark.stack

KEYS = {
    "BillingMode": "PAY_PER_REQUEST",
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
}
LIVES = {"AttributeName": "expires", "Enabled": True}
RECOVERS = {"PointInTimeRecoveryEnabled": True}


def stack(aws: EmbeddedAws, resources: dict[str, Any], name: str | None = None) -> dict[str, str]:
    """The physical names of the resources of a new stack, or of the changed stack `name`."""
    client, template = aws.client("cloudformation"), json.dumps({"Resources": resources})
    arguments = {"StackName": name or support.name("stack"), "TemplateBody": template}
    arguments["Capabilities"] = ["CAPABILITY_IAM"]  # type: ignore[assignment]
    (client.update_stack if name else client.create_stack)(**arguments)

    def done() -> bool:
        status = client.describe_stacks(StackName=arguments["StackName"])["Stacks"][0]["StackStatus"]
        assert "ROLLBACK" not in status
        return str(status) in ("CREATE_COMPLETE", "UPDATE_COMPLETE")

    support.eventually(done)
    found = client.describe_stack_resources(StackName=arguments["StackName"])["StackResources"]
    return {part["LogicalResourceId"]: part["PhysicalResourceId"] for part in found} | {"Stack": arguments["StackName"]}


@pytest.mark.wrapper("table_properties_of_a_template")
@pytest.mark.parametrize("resource", ["Table", "GlobalTable"])
def test_a_table_gets_its_time_to_live_its_key_and_its_backups(aws: EmbeddedAws, resource: str) -> None:
    key = aws.client("kms").create_key()["KeyMetadata"]["Arn"]
    properties: dict[str, Any] = {**KEYS, "TimeToLiveSpecification": LIVES}
    if resource == "Table":
        properties["SSESpecification"] = {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}
        properties["PointInTimeRecoverySpecification"] = RECOVERS
    else:
        properties["SSESpecification"] = {"SSEEnabled": True, "SSEType": "KMS"}
        here = {"Region": "us-east-1", "SSESpecification": {"KMSMasterKeyId": key}}
        properties["Replicas"] = [{**here, "PointInTimeRecoverySpecification": RECOVERS}]
    name = stack(aws, {"Cases": {"Type": f"AWS::DynamoDB::{resource}", "Properties": properties}})["Cases"]
    client = aws.client("dynamodb")
    assert client.describe_time_to_live(TableName=name)["TimeToLiveDescription"] == {
        "TimeToLiveStatus": "ENABLED",
        "AttributeName": "expires",
    }
    assert client.describe_table(TableName=name)["Table"].get("SSEDescription", {}).get("KMSMasterKeyArn") == key
    backups = client.describe_continuous_backups(TableName=name)["ContinuousBackupsDescription"]
    assert backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"] == "ENABLED"


@pytest.mark.wrapper("reserved_concurrency_of_a_template")
def test_a_function_gets_its_reserved_concurrency(aws: EmbeddedAws) -> None:
    function = {
        "Runtime": "python3.13",
        "Handler": "index.handler",
        "Role": support.role(aws),
        "Code": {"ZipFile": "def handler(event, context): pass"},
        "ReservedConcurrentExecutions": 5,
    }
    made = stack(aws, {"Function": {"Type": "AWS::Lambda::Function", "Properties": function}})
    client = aws.client("lambda")
    assert client.get_function_concurrency(FunctionName=made["Function"]).get("ReservedConcurrentExecutions") == 5
    changed = {**function, "ReservedConcurrentExecutions": 3}
    stack(aws, {"Function": {"Type": "AWS::Lambda::Function", "Properties": changed}}, made["Stack"])
    assert client.get_function_concurrency(FunctionName=made["Function"])["ReservedConcurrentExecutions"] == 3


@pytest.mark.wrapper("event_source_conditions")
def test_a_bus_gets_its_policy(aws: EmbeddedAws) -> None:
    name = support.name("bus")
    deny = {"Effect": "Deny", "Principal": "*", "Action": "events:PutEvents", "Resource": "*"}
    policy = {"EventBusName": {"Ref": "Bus"}, "StatementId": "closed", "Statement": deny}
    resources = {
        "Bus": {"Type": "AWS::Events::EventBus", "Properties": {"Name": name}},
        "Policy": {"Type": "AWS::Events::EventBusPolicy", "Properties": policy},
    }
    made = stack(aws, resources)
    said = json.loads(aws.client("events").describe_event_bus(Name=name)["Policy"])
    assert [statement["Sid"] for statement in said["Statement"]] == ["closed"]
    aws.client("cloudformation").delete_stack(StackName=made["Stack"])
    support.eventually(
        lambda: name not in [bus["Name"] for bus in aws.client("events").list_event_buses()["EventBuses"]]
    )
