"""I7: PHI stays inside its boundary, under one customer key; names, logs and traces hold none."""

from __future__ import annotations

import re

import pytest

from tests.infrastructure.conftest import STACK
from tests.infrastructure.template import Template, named, of_type, statements, strings, words

UNDER_THE_KEY = {
    "AWS::SQS::Queue": "KmsMasterKeyId",
    "AWS::SNS::Topic": "KmsMasterKeyId",
    "AWS::SecretsManager::Secret": "KmsKeyId",
    "AWS::Logs::LogGroup": "KmsKeyId",
    "AWS::Events::EventBus": "KmsKeyIdentifier",
}
KEPT = (
    "AWS::DynamoDB::Table",
    "AWS::KMS::Key",
    "AWS::SecretsManager::Secret",
    "AWS::StepFunctions::StateMachine",
    "AWS::SQS::Queue",
)


@pytest.mark.parametrize(("kind", "attribute"), UNDER_THE_KEY.items())
def test_everything_that_stores_is_under_the_customer_key(template: Template, kind: str, attribute: str) -> None:
    (key,) = of_type(template, "AWS::KMS::Key")
    found = of_type(template, kind)
    assert found
    assert {name for name, each in found.items() if named(each.get(attribute)) != key} == set()


def test_the_table_is_under_the_customer_key(template: Template) -> None:
    (key,) = of_type(template, "AWS::KMS::Key")
    (table,) = of_type(template, "AWS::DynamoDB::Table").values()
    encryption = table["SSESpecification"]
    assert (encryption["SSEEnabled"], encryption["SSEType"], named(encryption["KMSMasterKeyId"])) == (True, "KMS", key)


def test_the_key_rotates_and_is_lent_to_three_services_of_this_account_only(template: Template) -> None:
    (key,) = of_type(template, "AWS::KMS::Key").values()
    assert key["EnableKeyRotation"] is True
    lent = [each for each in key["KeyPolicy"]["Statement"] if "Service" in each["Principal"]]
    assert sorted(each["Sid"] for each in lent) == ["Alarms", "Events", "Logs"]
    for statement in lent:
        assert statement["Condition"]  # no service may use it for another account's resources
    assert len(key["KeyPolicy"]["Statement"]) == 4  # beside these, the account's administrators


@pytest.mark.parametrize(
    ("kind", "policies", "attribute", "verbs"),
    [
        ("AWS::SQS::Queue", "AWS::SQS::QueuePolicy", "Queues", "sqs:*"),
        ("AWS::SNS::Topic", "AWS::SNS::TopicPolicy", "Topics", "sns:Publish"),
    ],
)
def test_nothing_comes_in_without_tls(template: Template, kind: str, policies: str, attribute: str, verbs: str) -> None:
    for name in of_type(template, kind):
        denials = [each for each in statements(template, policies, name, attribute) if each["Effect"] == "Deny"]
        assert [each["Condition"] for each in denials] == [{"Bool": {"aws:SecureTransport": "false"}}]
        assert [each["Action"] for each in denials] == [verbs]


def test_executions_log_no_payload(template: Template) -> None:
    machines = of_type(template, "AWS::StepFunctions::StateMachine").values()
    assert machines
    for machine in machines:
        logging = machine["LoggingConfiguration"]
        assert (logging["IncludeExecutionData"], logging["Level"]) == (False, "ERROR")
        assert machine.get("StateMachineType", "STANDARD") == "STANDARD"
        assert machine["TracingConfiguration"] == {"Enabled": True}


def test_traces_hold_no_result_and_no_error(template: Template) -> None:
    functions = of_type(template, "AWS::Lambda::Function").values()
    assert len(functions) == 6
    for function in functions:
        settings = function["Environment"]["Variables"]
        assert settings["POWERTOOLS_TRACER_CAPTURE_RESPONSE"] == "false"
        assert settings["POWERTOOLS_TRACER_CAPTURE_ERROR"] == "false"
        assert settings["POWERTOOLS_METRICS_NAMESPACE"] == "Baton"


def test_logs_go_to_groups_of_their_own_that_end(template: Template) -> None:
    groups = of_type(template, "AWS::Logs::LogGroup")
    used = {named(each["LoggingConfig"]["LogGroup"]) for each in of_type(template, "AWS::Lambda::Function").values()}
    assert len(used) == 6
    assert used <= set(groups)
    assert {group.get("RetentionInDays") for group in groups.values()} == {90}


def test_logs_go_with_the_stack(template: Template) -> None:
    groups = [each for each in template["Resources"].values() if each["Type"] == "AWS::Logs::LogGroup"]
    assert groups
    assert {each["DeletionPolicy"] for each in groups} == {"Delete"}


def test_names_are_made_of_the_stack_and_what_a_thing_does(template: Template) -> None:
    """Whatever a resource is called by is in audit trails, so it is listed here."""
    attributes = re.compile(r"(?!Metric)\w*Name")
    given = {
        value
        for resource in template["Resources"].values()
        for attribute, value in resource["Properties"].items()
        if (attributes.fullmatch(attribute) or attribute == "Name") and isinstance(value, str)
    }
    functions = {f"{STACK}-{name}" for name in ("intake", "follow", "work", "relay", "writeback", "reconcile")}
    machines = {
        str(each["StateMachineName"]) for each in of_type(template, "AWS::StepFunctions::StateMachine").values()
    }
    assert all(re.fullmatch(rf"{STACK}-[a-z_]+-v\d+", name) for name in machines)
    assert given == {STACK, f"/aws/vendedlogs/states/{STACK}"} | functions | machines


def test_keys_of_the_table_and_settings_name_no_person(template: Template) -> None:
    (table,) = of_type(template, "AWS::DynamoDB::Table").values()
    names = {str(each["AttributeName"]) for each in table["AttributeDefinitions"]}
    names |= {
        str(each)
        for function in of_type(template, "AWS::Lambda::Function").values()
        for each in function["Environment"]["Variables"]
    }
    names |= set(template["Outputs"]) | set(template["Parameters"]) | set(template["Resources"])
    telling = {"patient", "mrn", "birth", "dob", "ssn", "person", "encounter"}
    assert {name for name in names if words(name) & telling} == set()


def test_the_stack_names_no_address_of_the_machine_that_made_it(template: Template) -> None:
    assert not [each for each in strings(template) if re.search(r"(^|[\s\"'])/(home|root|work|tmp|Users)/", each)]


def test_what_holds_or_opens_patients_data_outlives_the_stack(template: Template) -> None:
    for resource in template["Resources"].values():
        if resource["Type"] in KEPT:
            assert resource["UpdateReplacePolicy"] == "Retain"
            # A stack that never came to be leaves nothing behind that its next try would stumble over.
            assert resource["DeletionPolicy"] == "RetainExceptOnCreate"


def test_the_table_can_be_restored_and_is_not_deleted_by_mistake(template: Template) -> None:
    (table,) = of_type(template, "AWS::DynamoDB::Table").values()
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["DeletionProtectionEnabled"] is True
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}


def test_the_indexes_are_those_that_the_functions_ask(template: Template) -> None:
    (table,) = of_type(template, "AWS::DynamoDB::Table").values()
    types = {each["AttributeName"]: each["AttributeType"] for each in table["AttributeDefinitions"]}
    indexes = {
        each["IndexName"]: [
            (key["AttributeName"], key["KeyType"], types[key["AttributeName"]]) for key in each["KeySchema"]
        ]
        for each in table["GlobalSecondaryIndexes"]
    }
    assert indexes == {
        "worklist": [("worklist", "HASH", "S"), ("due", "RANGE", "N")],
        "sweep": [("sweep", "HASH", "S"), ("look_at", "RANGE", "N")],
        "cases": [("facility_cases", "HASH", "S"), ("opened_at", "RANGE", "N")],
    }
