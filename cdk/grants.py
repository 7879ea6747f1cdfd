"""Who may do what: the one list of permissions from which every role of the stack is made.

Each row is one verb of one role on one resource, with the reason for it. A row without need is a defect, and so is a
permission that is not here: no role gets one anywhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Actor(StrEnum):
    """Who has a role: the functions, and the state machines."""

    INTAKE = "intake"
    FOLLOW = "follow"
    WORK = "work"
    RELAY = "relay"
    WRITEBACK = "writeback"
    RECONCILE = "reconcile"
    MACHINES = "machines"


FUNCTIONS: Final = tuple(actor for actor in Actor if actor is not Actor.MACHINES)


class On(StrEnum):
    """What a permission is for."""

    TABLE = "table"
    INDEXES = "indexes of the table"
    STREAM = "stream of the table"
    HMAC_SECRET = "HMAC secret"
    MACHINES = "workflow machines"
    EXECUTIONS = "executions of the workflow machines"
    BUS = "bus"
    EVENTS = "queue of events"
    WRITEBACK = "queue of writebacks"
    RECONCILE = "queue of reconcile"
    RELAY_FAILURES = "dead-letter queue of relay"
    FOLLOW = "follow function"
    WORK = "work function"
    KEY = "customer key"
    OWN_LOGS = "its own log group"
    ANY = "*"
    """For verbs that AWS does not limit to a resource; NO_RESOURCE_LEVEL names them."""


NO_RESOURCE_LEVEL: Final = frozenset(
    {
        "dynamodb:ListStreams",
        "logs:CreateLogDelivery",
        "logs:DeleteLogDelivery",
        "logs:DescribeLogGroups",
        "logs:DescribeResourcePolicies",
        "logs:GetLogDelivery",
        "logs:ListLogDeliveries",
        "logs:PutResourcePolicy",
        "logs:UpdateLogDelivery",
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
        "xray:PutTelemetryRecords",
        "xray:PutTraceSegments",
    }
)


class User(StrEnum):
    """Who uses a permission in the role's name."""

    CODE = "code"
    """The function's own code, which is refused where the permission is missing."""
    SERVICE = "service"
    """AWS: to poll a source, deliver logs, trace, or use the key on behalf of another service."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One permission: `actor` may do `verb` on `on`, because of `why`."""

    actor: Actor
    verb: str
    on: On
    why: str
    used_by: User = User.CODE


def _rows(actor: Actor, on: On, verbs: str, why: str, used_by: User = User.CODE) -> Iterator[Grant]:
    for verb in verbs.split():
        yield Grant(actor, verb, on, why, used_by)


def _table(actor: Actor, verbs: str, why: str) -> Iterator[Grant]:
    return _rows(actor, On.TABLE, " ".join(f"dynamodb:{verb}" for verb in verbs.split()), why)


def _polls(actor: Actor, queue: On) -> Iterator[Grant]:
    verbs = "sqs:ReceiveMessage sqs:DeleteMessage sqs:GetQueueAttributes"
    return _rows(actor, queue, verbs, "Lambda polls the queue for it", User.SERVICE)


def _every_function(actor: Actor) -> Iterator[Grant]:
    yield from _rows(actor, On.OWN_LOGS, "logs:CreateLogStream logs:PutLogEvents", "its log", User.SERVICE)
    yield from _rows(actor, On.ANY, "xray:PutTraceSegments xray:PutTelemetryRecords", "its traces", User.SERVICE)
    # Only through the services that keep data under the key: the condition is added where the roles are made.
    yield from _rows(actor, On.KEY, "kms:Decrypt", "table, queues and secret are encrypted", User.SERVICE)


def _grants() -> Iterator[Grant]:
    for actor in FUNCTIONS:
        yield from _every_function(actor)

    for actor in (Actor.INTAKE, Actor.FOLLOW, Actor.WORK, Actor.RECONCILE):
        yield from _rows(actor, On.HMAC_SECRET, "secretsmanager:GetSecretValue", "keys derived from people")

    yield from _polls(Actor.INTAKE, On.EVENTS)
    yield from _table(Actor.INTAKE, "GetItem Query PutItem UpdateItem DeleteItem ConditionCheckItem", "the commit")
    yield from _rows(Actor.INTAKE, On.MACHINES, "states:StartExecution states:SendTaskSuccess", "settle")

    yield from _table(Actor.FOLLOW, "GetItem Query PutItem UpdateItem ConditionCheckItem", "park and missed deadlines")
    yield from _rows(
        Actor.FOLLOW,
        On.MACHINES,
        "states:SendTaskSuccess",
        "a park that comes late signals itself",
    )
    yield from _rows(Actor.FOLLOW, On.MACHINES, "states:StartExecution", "another execution goes on for one grown old")

    yield from _table(Actor.WORK, "GetItem Query PutItem UpdateItem ConditionCheckItem", "the outcome of a system step")
    yield from _rows(
        Actor.WORK,
        On.MACHINES,
        "states:StartExecution states:SendTaskSuccess",
        "an outcome that ends a sub-case moves its parent",
    )

    yield from _rows(
        Actor.RELAY,
        On.STREAM,
        "dynamodb:DescribeStream dynamodb:GetRecords dynamodb:GetShardIterator",
        "Lambda polls the stream for it",
        User.SERVICE,
    )
    yield from _rows(Actor.RELAY, On.ANY, "dynamodb:ListStreams", "Lambda polls the stream for it", User.SERVICE)
    yield from _rows(
        Actor.RELAY, On.RELAY_FAILURES, "sqs:SendMessage", "Lambda names records it gave up on", User.SERVICE
    )
    yield from _rows(Actor.RELAY, On.WRITEBACK, "sqs:SendMessage", "journal entries to the writer of their case")
    yield from _rows(Actor.RELAY, On.KEY, "kms:GenerateDataKey", "what it sends is encrypted", User.SERVICE)
    yield from _rows(Actor.RELAY, On.BUS, "events:PutEvents", "what happened, for others to hear")

    yield from _polls(Actor.WRITEBACK, On.WRITEBACK)
    yield from _table(Actor.WRITEBACK, "GetItem Query UpdateItem", "the case, and the ledger of writes to the EMR")

    yield from _polls(Actor.RECONCILE, On.RECONCILE)
    yield from _table(Actor.RECONCILE, "GetItem Query PutItem UpdateItem DeleteItem ConditionCheckItem", "the commit")
    yield from _rows(Actor.RECONCILE, On.INDEXES, "dynamodb:Query", "the sweep finds what is overdue or unfollowed")
    yield from _rows(Actor.RECONCILE, On.MACHINES, "states:StartExecution states:SendTaskSuccess", "settle")
    yield from _rows(Actor.RECONCILE, On.EXECUTIONS, "states:DescribeExecution", "executions that fell behind")
    yield from _rows(Actor.RECONCILE, On.WRITEBACK, "sqs:SendMessage", "cases that the EMR does not show as they are")
    yield from _rows(Actor.RECONCILE, On.KEY, "kms:GenerateDataKey", "what it sends is encrypted", User.SERVICE)

    for function in (On.FOLLOW, On.WORK):
        yield from _rows(Actor.MACHINES, function, "lambda:InvokeFunction", "the states of a workflow")
    delivery = sorted(verb for verb in NO_RESOURCE_LEVEL if verb.startswith("logs:"))
    yield from _rows(Actor.MACHINES, On.ANY, " ".join(delivery), "its log, delivered by AWS", User.SERVICE)
    tracing = sorted(verb for verb in NO_RESOURCE_LEVEL if verb.startswith("xray:"))
    yield from _rows(Actor.MACHINES, On.ANY, " ".join(tracing), "its traces", User.SERVICE)


GRANTS: Final = tuple(_grants())
"""All permissions of the stack."""
