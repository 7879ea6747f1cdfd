"""A stack that is deployed in an AWS account: its quarantine is worked with the same use cases, under the caller's own credentials."""

from __future__ import annotations

import time

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from functions.cases.adapters.dynamodb import DynamoTable
from functions.cases.adapters.stepfunctions import StepFunctions
from functions.cases.keys import Keyring
from functions.cases.library import Library
from functions.cases.ports import Services
from functions.cases.wiring import pause
from local.problem import Problem
from statemachines import published

NEEDED = ("TableName", "HmacSecretArn", "StateMachineArnPrefix")
"""The stack's outputs without which its cases cannot be reached."""


def services(stack: str) -> Services:
    """The use cases' ports to the stack of that name, in the account and region that AWS's own settings name.

    Raises Problem when there is no such stack, or the caller may not see it or read the secret of its keys.
    """
    try:
        answer = boto3.client("cloudformation").describe_stacks(StackName=stack)
        outputs = {each["OutputKey"]: each["OutputValue"] for each in answer["Stacks"][0].get("Outputs", ())}
        missing = [name for name in NEEDED if name not in outputs]
        if missing:
            raise Problem(f"the stack {stack} has no output {', '.join(missing)}; is it Baton's?")
        secret = boto3.client("secretsmanager").get_secret_value(SecretId=outputs["HmacSecretArn"])["SecretString"]
        table = DynamoTable(boto3.client("dynamodb"), outputs["TableName"])
        machines = StepFunctions(boto3.client("stepfunctions"), outputs["StateMachineArnPrefix"])
    except (BotoCoreError, ClientError) as fault:
        raise Problem(f"the stack {stack} cannot be reached: {fault}") from fault
    return Services(
        table=table,
        library=Library(table, [published.published(*version) for version in published.versions()]),
        now=time.time,
        executions=machines,
        keys=Keyring(secret.encode()),
        pause=pause,
    )
