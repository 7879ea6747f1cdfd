"""The roles: exactly the permissions of the one list, and none of them wider than it must be."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from cdk.grants import FUNCTIONS, GRANTS, NO_RESOURCE_LEVEL, Actor, Grant, On
from tests.infrastructure.conftest import STACK
from tests.infrastructure.template import Resource, Template, allowed, named, of_type, role_of, text

FUNCTION = "AWS::Lambda::Function"
MACHINE = "AWS::StepFunctions::StateMachine"

MATCHES = {
    On.TABLE: r"<DataTable\w+\.Arn>",
    On.INDEXES: r"<DataTable\w+\.Arn>/index/sweep",
    On.STREAM: r"<DataTable\w+\.StreamArn>",
    On.HMAC_SECRET: r"<DataHmacSecret\w*\.Id>",
    On.MACHINES: r"arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:stateMachine:Baton-[a-z_]+-v\d+",
    On.EXECUTIONS: r"arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:Baton-[a-z_]+-v\d+:\*",
    On.BUS: r"arn:<AWS::Partition>:events:<AWS::Region>:<AWS::AccountId>:event-bus/Baton",
    On.EVENTS: r"<IntakeEventsQueue\w+\.Arn>",
    On.WRITEBACK: r"<WritebackWritebacksQueue\w+\.Arn>",
    On.RECONCILE: r"<ReconcileWakingsQueue\w+\.Arn>",
    On.RELAY_FAILURES: r"<RelayFailuresQueue\w+\.Arn>",
    On.FOLLOW: r"<StepsFollowFunction\w+\.Arn>",
    On.WORK: r"<StepsWorkFunction\w+\.Arn>",
    On.KEY: r"<Key\w+\.Arn>",
    On.OWN_LOGS: r"<\w+Logs\w+\.Arn>",
    On.ANY: r"\*",
}


def _roles(template: Template) -> dict[Actor, Resource]:
    functions = {str(each["FunctionName"]): role_of(template, each) for each in of_type(template, FUNCTION).values()}
    roles: dict[Actor, Resource] = {actor: functions[f"{STACK}-{actor}"] for actor in FUNCTIONS}
    (machines,) = {named(machine["RoleArn"]) for machine in of_type(template, MACHINE).values()}
    roles[Actor.MACHINES] = template["Resources"][machines]["Properties"]
    return roles


def test_no_role_has_a_permission_from_anywhere_else(template: Template) -> None:
    assert of_type(template, "AWS::IAM::Policy") == {}
    assert of_type(template, "AWS::IAM::ManagedPolicy") == {}
    roles = of_type(template, "AWS::IAM::Role").values()
    assert len(roles) == len(Actor)
    assert not [role for role in roles if "ManagedPolicyArns" in role]
    assert not [role for role in roles if len(role["Policies"]) != 1]


@pytest.mark.parametrize("actor", list(Actor))
def test_a_role_allows_what_the_list_says(template: Template, actor: Actor) -> None:
    given = list(allowed(_roles(template)[actor]))
    wanted = [grant for grant in GRANTS if grant.actor is actor]
    unexplained = [each for each in given if not any(_explains(grant, each.verb, each.resource) for grant in wanted)]
    missing = [grant for grant in wanted if not any(_explains(grant, each.verb, each.resource) for each in given)]
    assert (unexplained, missing) == ([], [])


def _explains(grant: Grant, verb: str, resource: str) -> bool:
    return grant.verb == verb and re.fullmatch(MATCHES[grant.on], resource) is not None


def test_no_verb_is_a_pattern(template: Template) -> None:
    assert not [
        each for role in of_type(template, "AWS::IAM::Role").values() for each in allowed(role) if "*" in each.verb
    ]


def test_a_resource_is_left_open_only_where_aws_knows_none_or_names_are_chosen_later(template: Template) -> None:
    for role in of_type(template, "AWS::IAM::Role").values():
        for verb, resource in allowed(role):
            if resource == "*":
                assert verb in NO_RESOURCE_LEVEL
            else:
                # An execution's name is chosen when it starts.
                assert "*" not in resource or re.fullmatch(MATCHES[On.EXECUTIONS], resource)


def test_what_aws_knows_no_resource_for_is_granted_on_none(template: Template) -> None:
    used = {each.verb for role in of_type(template, "AWS::IAM::Role").values() for each in allowed(role)}
    assert used >= NO_RESOURCE_LEVEL  # the list has no row that nobody needs


def test_the_key_is_used_only_through_the_services_that_keep_data(template: Template) -> None:
    for role in of_type(template, "AWS::IAM::Role").values():
        for statement in role["Policies"][0]["PolicyDocument"]["Statement"]:
            verbs = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            if any(verb.startswith("kms:") for verb in verbs):
                via = statement["Condition"]["StringEquals"]["kms:ViaService"]
                assert {text(service).split(".")[0] for service in via} == {"dynamodb", "secretsmanager", "sqs"}


def test_each_role_is_taken_on_by_one_service(template: Template) -> None:
    services = Counter(
        str(statement["Principal"]["Service"])
        for role in of_type(template, "AWS::IAM::Role").values()
        for statement in role["AssumeRolePolicyDocument"]["Statement"]
    )
    assert services == {"lambda.amazonaws.com": len(FUNCTIONS), "states.amazonaws.com": 1}


def test_the_list_has_no_row_twice() -> None:
    rows = Counter((grant.actor, grant.verb, grant.on) for grant in GRANTS)
    assert [row for row, times in rows.items() if times > 1] == []


def test_state_machines_reach_nothing_but_their_two_functions() -> None:
    calls = {(grant.verb, grant.on) for grant in GRANTS if grant.actor is Actor.MACHINES and grant.on is not On.ANY}
    assert calls == {("lambda:InvokeFunction", On.FOLLOW), ("lambda:InvokeFunction", On.WORK)}


def test_nobody_scans() -> None:
    assert not [grant for grant in GRANTS if grant.verb in ("dynamodb:Scan", "dynamodb:BatchWriteItem")]
