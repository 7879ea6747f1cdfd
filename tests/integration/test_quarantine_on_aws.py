"""The quarantine in a DynamoDB table, and a stack in an AWS account worked from outside by its name."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from functions.cases.adapters.dynamodb import DynamoTable
from functions.cases.quarantine import (
    CHUNK_BYTES,
    Kept,
    find_kept,
    kept_messages,
    mark_redriven,
    message,
    quarantine,
    quarantined,
)
from functions.cases.redrive import redrive
from functions.cases.table import Key
from local import command, deployed
from local.problem import Problem
from tests.support.aws import REGION, TABLE, create_table
from tests.support.world import World


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A simulated AWS with the table."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        create_table(boto3.client("dynamodb", region_name=REGION))
        yield


@pytest.fixture
def world(aws: None) -> World:  # noqa: ARG001 - it must be there first
    """A network of facilities on that table."""
    made = World(table=DynamoTable(boto3.client("dynamodb", region_name=REGION), TABLE))
    made.now += 0.123456  # times are not whole
    return made


def homeless(world: World) -> Kept:
    """An event that has no case."""
    kept = world.send("weaning_started", by="RN-ASH:RN", id="w-1")
    assert isinstance(kept, Kept)
    return kept


def test_it_waits_is_redriven_and_waits_again_with_its_history(world: World) -> None:
    kept = homeless(world)
    assert list(quarantined(world.services)) == [kept]
    assert mark_redriven(world.services, kept, "by hand")
    assert not mark_redriven(world.services, kept, "twice"), "the note is made once"
    assert list(quarantined(world.services)) == []
    (known,) = kept_messages(world.services)
    assert known.redriven_at == world.now
    world.now += 100.5
    again = world.deliver(message(world.services, kept.id))
    assert isinstance(again, Kept)
    assert (again.id, again.times, again.at) == (kept.id, 2, world.now)
    assert [each.said for each in again.history] == ["by hand"]
    assert find_kept(world.services, kept.id) == again


def test_a_message_in_parts_waits_again_as_a_whole(world: World) -> None:
    raw = random.Random(1).randbytes(CHUNK_BYTES).hex()
    kept = quarantine(world.services, raw, "too_large", "event", "send less")
    assert mark_redriven(world.services, kept, "by hand")
    part = Key("QUARANTINE#" + kept.id[0], f"{kept.id}/001")
    assert "expires_at" in world.row(part)
    again = quarantine(world.services, raw, "too_large", "event", "send less")
    assert "expires_at" not in world.row(part)
    assert find_kept(world.services, kept.id) == again
    assert message(world.services, kept.id) == raw


def test_redriven_twice_it_is_placed_once(world: World) -> None:
    world.on_shift("RT-LINDEN:RT")
    kept = homeless(world)
    world.now += 60
    world.place("oxygen_ordered", by="MD-OAK:PROVIDER", order_id="O1", age_years=70)
    world.place("oxygen_changed", by="RN-ASH:RN", flow_l_min=2)
    assert redrive(world.services, kept.id).placed
    journal = world.journal(world.case().id)
    assert redrive(world.services, kept.id).said.startswith("sent through already")
    assert world.journal(world.case().id) == journal


class CloudFormation:
    """The stacks of an account, by name, with their outputs."""

    def __init__(self, stacks: dict[str, dict[str, str]]) -> None:
        self.stacks = stacks

    def describe_stacks(self, *, StackName: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        """As CloudFormation's."""
        if StackName not in self.stacks:
            fault = {"Error": {"Code": "ValidationError", "Message": f"Stack with id {StackName} does not exist"}}
            raise ClientError(fault, "DescribeStacks")  # type: ignore[arg-type]
        outputs = [{"OutputKey": name, "OutputValue": value} for name, value in self.stacks[StackName].items()]
        return {"Stacks": [{"Outputs": outputs}]}


def account(monkeypatch: pytest.MonkeyPatch, stacks: dict[str, dict[str, str]]) -> None:
    """Let the account have these stacks; all else is as it is."""
    client = boto3.client

    def made(service: str, **options: Any) -> Any:
        return CloudFormation(stacks) if service == "cloudformation" else client(service, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(boto3, "client", made)


def test_a_stack_in_an_account_is_worked_by_its_name(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = homeless(world)
    secret = boto3.client("secretsmanager", region_name=REGION).create_secret(
        Name="hmac", SecretString="a secret that is made for tests"
    )
    outputs = {"TableName": TABLE, "HmacSecretArn": secret["ARN"], "StateMachineArnPrefix": "arn:aws:states:::Baton-"}
    account(monkeypatch, {"Baton": outputs})
    assert command.main(["quarantine", "list", "--stack", "Baton"]) == 0
    listed = capsys.readouterr().out
    assert kept.id[:12] in listed
    assert "no_case at detail.subject" in listed
    assert command.main(["quarantine", "redrive", kept.id[:8], "--stack", "Baton"]) == 1
    assert "still in quarantine: too_old" in capsys.readouterr().out, "decided by the real clock"


@pytest.mark.usefixtures("aws")
def test_a_stack_that_is_not_there_or_not_ours_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    account(monkeypatch, {"Other": {"TableName": TABLE}})
    assert command.main(["quarantine", "list", "--stack", "Nowhere"]) == 1
    assert "the stack Nowhere cannot be reached" in capsys.readouterr().err
    with pytest.raises(Problem, match="no output HmacSecretArn, StateMachineArnPrefix"):
        deployed.services("Other")
