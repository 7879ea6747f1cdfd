"""The roles of the deployed stack, and what happens without one of their permissions."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from cdk.grants import Actor, Grant, On
from local.connection import Connection
from local.deploy import STACK
from tests.stack.executions import machine

POLICY = "Grants"

RESOURCES: Mapping[On, str] = {
    On.TABLE: r":table/[^/]+$",
    On.INDEXES: r":table/[^/]+/index/",
    On.STREAM: r":table/[^/]+/stream/",
    On.HMAC_SECRET: r":secret:",
    On.MACHINES: r":stateMachine:",
    On.EXECUTIONS: r":execution:",
    On.BUS: r":event-bus/",
    On.EVENTS: rf":{STACK}-IntakeEventsQueue",
    On.WRITEBACK: rf":{STACK}-WritebackWritebacksQueue",
    On.RECONCILE: rf":{STACK}-ReconcileWakingsQueue",
    On.RELAY_FAILURES: rf":{STACK}-RelayFailuresQueue",
    On.FOLLOW: rf":function:{STACK}-follow$",
    On.WORK: rf":function:{STACK}-work$",
    On.KEY: r":key/",
    On.OWN_LOGS: r":log-group:",
    On.ANY: r"^\*$",
}
"""What the ARN of each resource looks like once it is deployed."""


class Roles:
    """The roles that functions and state machines run under."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._iam = connection.aws.client("iam")

    def name(self, actor: Actor) -> str:
        """The name of an actor's role."""
        if actor is Actor.MACHINES:
            client = self._connection.aws.client("stepfunctions")
            arn = client.describe_state_machine(stateMachineArn=machine(self._connection))["roleArn"]
        else:
            client = self._connection.aws.client("lambda")
            arn = client.get_function_configuration(FunctionName=f"{STACK}-{actor}")["Role"]
        return str(arn).rpartition("/")[2]

    @contextmanager
    def without(self, grant: Grant) -> Iterator[None]:
        """Take one permission away, that one only, and give it back."""
        role = self.name(grant.actor)
        document = self._iam.get_role_policy(RoleName=role, PolicyName=POLICY)["PolicyDocument"]
        self._put(role, lacking(document, grant))
        try:
            yield
        finally:
            self._put(role, document)

    def _put(self, role: str, document: Mapping[str, Any]) -> None:
        self._iam.put_role_policy(RoleName=role, PolicyName=POLICY, PolicyDocument=json.dumps(document))


def lacking(document: Mapping[str, Any], grant: Grant) -> dict[str, Any]:
    """The policy without the one permission. Raises AssertionError unless it was there, once."""
    left = copy.deepcopy(dict(document))
    pattern = re.compile(RESOURCES[grant.on])
    concerned = [
        statement
        for statement in left["Statement"]
        if grant.verb in _listed(statement["Action"])
        and all(pattern.search(resource) for resource in _listed(statement["Resource"]))
    ]
    assert len(concerned) == 1, f"{grant.verb} on {grant.on} is granted by {len(concerned)} statements of {grant.actor}"
    remaining = [verb for verb in _listed(concerned[0]["Action"]) if verb != grant.verb]
    if remaining:
        concerned[0]["Action"] = remaining
    else:
        left["Statement"].remove(concerned[0])
    return left


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
