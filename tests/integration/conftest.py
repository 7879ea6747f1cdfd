"""AWS in this process, and the table port in both its forms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from moto import mock_aws

from functions.cases import wiring
from functions.cases.adapters.dynamodb import DynamoTable
from functions.cases.adapters.memory import MemoryTable
from functions.cases.table import Table
from tests.support.aws import ENVIRONMENT, TABLE, create_table, forget_everything
from tests.support.deployment import Deployment, deployed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture(scope="module")
def aws() -> Iterator[None]:
    """AWS, simulated, for the tests of a file; no credentials of this machine are used."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in ENVIRONMENT.items():
            environment.setenv(name, value)
        for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN"):
            environment.delenv(name, raising=False)
        with mock_aws():
            yield
        wiring.client.cache_clear()


@pytest.fixture(scope="module")
def dynamo_client(aws: None) -> DynamoDBClient:  # noqa: ARG001 - it must be there first
    """A client, made once: making one takes longer than all that a test does with it."""
    return boto3.client("dynamodb")


@pytest.fixture
def dynamo(dynamo_client: DynamoDBClient) -> Iterator[DynamoTable]:
    """An empty table on DynamoDB."""
    create_table(dynamo_client)
    yield DynamoTable(dynamo_client, TABLE)
    dynamo_client.delete_table(TableName=TABLE)


@pytest.fixture(params=["memory", "dynamodb"])
def table(request: pytest.FixtureRequest) -> Table:
    """Each implementation of the table port in turn."""
    if request.param == "memory":
        return MemoryTable()
    found: DynamoTable = request.getfixturevalue("dynamo")
    return found


@pytest.fixture
def baton(aws: None) -> Iterator[Deployment]:  # noqa: ARG001 - it must be there first
    """All functions, wired and deployed on an AWS that is empty otherwise."""
    forget_everything()
    with deployed() as deployment:
        yield deployment
