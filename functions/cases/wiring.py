"""The one place that builds adapters, from the function's environment. Clients are made once per container."""

from __future__ import annotations

import gc
import os
import random
import time
from collections.abc import Iterable
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from functions.cases.adapters.dynamodb import DynamoTable
from functions.cases.adapters.stepfunctions import StepFunctions
from functions.cases.adapters.writeback_queue import WritebackQueue
from functions.cases.keys import Keyring
from functions.cases.library import Library
from functions.cases.ports import Reading, Services
from functions.cases.telemetry import Measure, Telemetry
from statemachines import published

_CONFIG = Config(
    connect_timeout=3,
    read_timeout=15,
    retries={"mode": "standard", "max_attempts": 4},
    # AWS checks every call against the same model; a test holds the adapters' calls against it. Checked here as well, a
    # transaction costs twice as much.
    parameter_validation=False,
    # Otherwise botocore composes it anew, twice for each call.
    user_agent="baton",
)


class NotConfigured(RuntimeError):
    """The function lacks a setting; the text names the environment variable."""


def setting(name: str) -> str:
    """A setting from the environment. Raises NotConfigured."""
    value = os.environ.get(name)
    if not value:
        raise NotConfigured(f"set {name} in the function's environment; the stack does")
    return value


@cache
def client(service: str) -> Any:
    """A boto3 client, made once per container."""
    return boto3.client(service, config=_CONFIG)  # type: ignore[call-overload]


def pause(attempt: int) -> None:
    """Wait up to 20 ms times the number of the try, at most half a second, at random: contenders spread out."""
    time.sleep(random.uniform(0, min(0.5, 0.02 * attempt)))


def count(measures: Iterable[Measure]) -> None:
    """Count what no alarm may miss."""
    Telemetry().emit(measures)


@cache
def table() -> DynamoTable:
    """The table."""
    return DynamoTable(client("dynamodb"), setting("TABLE_NAME"))


@cache
def reading() -> Reading:
    """What it takes to read cases, on AWS."""
    definitions = [published.published(*version) for version in published.versions()]
    gc.freeze()  # modules and definitions stay as long as the container does: no collection need walk over them again
    return Reading(table=table(), library=Library(table(), definitions), now=time.time)


@cache
def services() -> Services:
    """Everything the use cases need, on AWS."""
    return Services(
        table=reading().table,
        library=reading().library,
        now=reading().now,
        executions=StepFunctions(client("stepfunctions"), setting("STATE_MACHINE_ARN_PREFIX")),
        keys=keyring(),
        pause=pause,
        count=count,
    )


@cache
def mirrors() -> WritebackQueue:
    """The queue of write-back."""
    return WritebackQueue(client("sqs"), setting("WRITEBACK_QUEUE_URL"))


@cache
def keyring() -> Keyring:
    """The keyring, under the secret that the stack made."""
    secret = client("secretsmanager").get_secret_value(SecretId=setting("HMAC_SECRET_ARN"))["SecretString"]
    return Keyring(secret.encode())
