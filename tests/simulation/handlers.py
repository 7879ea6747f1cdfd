"""The record functions of the real handlers, in a hospital's services instead of AWS's; what they log leaves the boundary, too."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, NamedTuple, Protocol
from unittest.mock import patch

from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from functions.cases import wiring
from functions.cases.ports import Services
from functions.cases.table import Item
from functions.cases.telemetry import Telemetry
from functions.emr.client import FhirClient
from functions.emr.ledger import Ledger
from functions.follow import handler as follow_handler
from functions.intake import handler as intake_handler
from functions.reconcile import handler as reconcile_handler
from functions.relay import handler as relay_handler
from functions.relay.outlets import Outlets
from functions.work import handler as work_handler
from functions.work.steps import step as step_of
from functions.writeback import handler as writeback_handler
from functions.writeback.bring import Writeback
from tests.simulation.queues import Message

_follow = inspect.unwrap(follow_handler.handler)
_work = inspect.unwrap(work_handler.handler)
"""Handlers of one request each, without what Powertools wraps around them."""


class Wired(Protocol):
    """What the handlers find where they look for AWS."""

    services: Services
    telemetry: Telemetry
    client: FhirClient
    ledger: Ledger
    bring: Writeback
    outlets: Outlets
    mirrors: Any

    def logged(self, line: str, said: Mapping[str, Any]) -> None:
        """A handler logs a line."""

    def doing(self, work: str, step: Any) -> Any:
        """The step that a work's handler is about to do."""


class _Logger:
    """A handler's logger."""

    def __init__(self, wired: Wired) -> None:
        self._wired = wired

    def info(self, line: str, *, extra: Mapping[str, Any] | None = None, **said: Any) -> None:
        """See Logger.info."""
        self._wired.logged(line, said if extra is None else extra)

    warning = exception = error = info


@contextmanager
def wired(hospital: Wired) -> Iterator[None]:
    """Meanwhile every handler is at work in this hospital."""

    def step(work: str, services: Services, client: FhirClient, ledger: Ledger) -> Any:
        return hospital.doing(work, step_of(work, services, client, ledger))

    logger = _Logger(hospital)
    handlers: tuple[Any, ...] = (
        intake_handler,
        follow_handler,
        work_handler,
        relay_handler,
        writeback_handler,
        reconcile_handler,
    )
    with ExitStack() as stack:

        def put(owner: Any, name: str, value: Any) -> None:
            stack.enter_context(patch.object(owner, name, value))

        for handler in handlers:
            put(handler, "logger", logger)
            if hasattr(handler, "telemetry"):
                put(handler, "telemetry", hospital.telemetry)
        put(reconcile_handler, "beat", lambda *_: None)  # nobody listens to the pulse here
        put(wiring, "services", lambda: hospital.services)
        put(wiring, "table", lambda: hospital.services.table)
        put(wiring, "mirrors", lambda: hospital.mirrors)
        put(wiring, "setting", str)
        put(work_handler, "step", step)
        put(work_handler, "FhirClient", lambda *_, **__: hospital.client)
        put(work_handler, "TableLedger", lambda _: hospital.ledger)
        put(writeback_handler, "writeback", lambda: hospital.bring)
        put(relay_handler, "outlets", lambda: hospital.outlets)
        yield


def _record(message: Message) -> SQSRecord:
    return SQSRecord({"body": message.body, "attributes": {"ApproximateReceiveCount": str(message.received)}})


class _Image(NamedTuple):
    new_image: Item
    keys: Item


class _Inserted(NamedTuple):
    """A record of the stream, as far as relay reads it; that it can read DynamoDB's own is tested elsewhere."""

    dynamodb: _Image


def take_in(message: Message) -> None:
    """Intake takes a message."""
    intake_handler.handle_record(_record(message))


def look(message: Message) -> None:
    """Reconcile takes a reason to look."""
    reconcile_handler.handle_record(_record(message))


def mirror(message: Message) -> None:
    """Write-back takes a case that the EMR should show."""
    writeback_handler.handle_record(_record(message))


def relay(entry: Item) -> None:
    """Relay takes a journal entry."""
    at = {"pk": entry["pk"], "sk": entry["sk"]}
    inserted: Any = _Inserted(_Image(entry, at))
    relay_handler.handle_record(inserted)


def follow(payload: Mapping[str, Any]) -> Any:
    """Follow answers an execution."""
    return _follow(dict(payload), None)


def work(payload: Mapping[str, Any]) -> Any:
    """Work does a system step."""
    return _work(dict(payload), None)


def ended(execution: str) -> str:
    """The message that an execution ended."""
    return json.dumps({"detail": {"name": execution}})
