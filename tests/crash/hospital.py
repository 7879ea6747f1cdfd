"""Baton as deployed, in this process: the real handlers, with everything that they reach played by services in memory.

The handlers build their adapters by their own wiring; only clients, table and transport are others. So whatever a use case
reaches, today or later, it reaches through the tape. What these services do not know raises, and is never passed by.
"""

from __future__ import annotations

import copy
import importlib
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from functions.cases import library, wiring
from functions.cases.adapters.codec import encode_item
from functions.cases.adapters.memory import MemoryTable
from functions.cases.commands import Command, Person
from functions.cases.facilities import register
from functions.cases.ports import Services
from functions.cases.rows import CaseRow, case_from
from functions.cases.table import Index, Item, Key, Put, Write
from functions.cases.telemetry import Measure, Telemetry
from functions.emr.attempt import EmrUnavailable
from functions.emr.transport import Response, Urllib3Transport
from statemachines import published
from statemachines.facilities import facilities
from tests.crash.machines import StepFunctions
from tests.crash.queues import Message, Queue, Stream
from tests.crash.tape import FUNCTIONS, Crash, Recorded, Tape
from tests.support.world import message
from tests.unit.emr.fake_emr import BASE_URL, FakeEmr, answer

START = datetime(2026, 3, 2, 8, 0, tzinfo=UTC).timestamp()
REGION, ACCOUNT = "us-east-1", "123456789012"
WRITEBACK_URL = "https://sqs.example/writeback.fifo"
FACILITY = "northfield"
HANDLERS = tuple(sorted(path.parent.name for path in FUNCTIONS.glob("*/handler.py")))
"""The Lambda functions there are, found by their handlers."""
MOST_STEPS = 20_000
AGAIN_SECONDS = 1.0
ENVIRONMENT = {
    "TABLE_NAME": "baton-table",
    "HMAC_SECRET_ARN": f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:hmac",
    "STATE_MACHINE_ARN_PREFIX": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:baton-",
    "WRITEBACK_QUEUE_URL": WRITEBACK_URL,
    "BUS_NAME": "baton-bus",
    "EMR_BASE_URL": BASE_URL,
    "POWERTOOLS_TRACE_DISABLED": "true",
}


class StreamedTable(MemoryTable):
    """The table in memory, with its stream of new journal entries."""

    def __init__(self) -> None:
        super().__init__()
        self.stream = Stream()
        self.written = 0

    def write(self, writes: Sequence[Write]) -> None:
        """See Table.write."""
        super().write(writes)
        self.written += 1
        self.stream.rows += [
            copy.deepcopy(w.item) for w in writes if isinstance(w, Put) and w.item["sk"].startswith("J#")
        ]


class Context:
    """A Lambda's context."""

    memory_limit_in_mb = 512
    aws_request_id = "00000000-0000-0000-0000-000000000000"

    def __init__(self, name: str) -> None:
        self.function_name = name
        self.invoked_function_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"

    def get_remaining_time_in_millis(self) -> int:
        """Enough."""
        return 30_000


class Hospital:
    """Drive it with ``send``, ``command``, ``sweep`` and ``wait``; what its services hold is there to be judged."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.now = START
        self.table = StreamedTable()
        self.states = StepFunctions(self._lambda, lambda: self.now)
        self.emr = FakeEmr()
        self.away: set[str] = set()
        """Types of resources for which the EMR is not there at present."""
        self.people_ask_again = True
        """Whether people repeat what died; a queue always does."""
        self.settings: dict[str, Any] = {}
        """Fields of the services that are other than the wiring has them."""
        self.events = Queue("events", 10)
        self.wakings = Queue("reconcile", 5)
        self.writebacks = Queue("writeback", 480, fifo=True)
        self.announced: list[dict[str, Any]] = []
        self.measures: list[Measure] = []
        self.sent: list[str] = []
        self.meanwhile: dict[str, Callable[[], object]] = {}
        """By use case: what happens when it has written something outside, before it is done."""
        self.modules = {name: importlib.import_module(f"functions.{name}.handler") for name in HANDLERS}
        self._kept = [
            kept
            for module in (wiring, *self.modules.values())
            for kept in vars(module).values()
            if hasattr(kept, "cache_clear") and kept.__module__ == module.__name__
        ]
        self._ids = itertools.count(1)
        self._clients = {
            "stepfunctions": self.states,
            "sqs": SimpleNamespace(send_message=self._send_message),
            "events": SimpleNamespace(put_events=self._put_events),
            "secretsmanager": SimpleNamespace(
                get_secret_value=lambda SecretId: {"SecretString": "a secret that is made for tests"}  # noqa: ARG005, N803
            ),
        }

    # ── the services behind the clients ──────────────────────────────────────────────────────────────────────────────────

    def client(self, service: str) -> Any:
        """In place of wiring.client."""
        return Recorded(self._clients[service], service, self.tape)

    def _send_message(self, **given: str) -> dict[str, Any]:
        assert given["QueueUrl"] == WRITEBACK_URL
        self.writebacks.send(given["MessageBody"], self.now, given["MessageGroupId"], given["MessageDeduplicationId"])
        return {}

    def _put_events(self, *, Entries: Sequence[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        self.announced += Entries
        return {"FailedEntryCount": 0, "Entries": [{} for _ in Entries]}

    def transmit(self, method: str, url: str, headers: Any, body: bytes | None, timeout_seconds: float) -> Response:
        """In place of what the EMR's transport sends; the operation is the method."""

        def act() -> Response:
            if url.removeprefix(f"{BASE_URL}/").partition("/")[0].partition("?")[0] in self.away:
                return answer(503)
            try:
                return self.emr.send(method, url, headers, body, timeout_seconds)
            finally:
                self.happen(method != "GET")

        found: Response = self.tape.call("emr", method, act)
        return found

    def happen(self, writes: bool) -> None:
        """Let happen what is to happen while a step of the system is at work: once it has written."""
        happens = self.meanwhile.pop(self.tape.use_case, None) if writes else None
        if happens is not None:
            happens()

    def emit(self, measures: Sequence[Measure]) -> None:
        """In place of the metrics' way out."""
        ready = list(measures)
        if ready:
            self.tape.call("metrics", "emit", lambda: self.measures.extend(ready))

    def fingerprint(self) -> tuple[object, ...]:
        """Differs from the one before if and only if something outside the process has changed."""
        return (
            self.table.written,
            [(e.at, e.status, e.token, e.due) for e in self.states.executions.values()],
            [(m.id, m.visible_at) for q in (self.events, self.wakings, self.writebacks) for m in q.messages],
            self.emr._clock,
            len(self.emr._happenings),
            len(self.announced),
            len(self.measures),
        )

    # ── invocations ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _invoke(self, use_case: str, act: Callable[[], Any]) -> Any:
        """Invoke in a container that is warm, unless the one before died."""
        if self.tape.trace is not None:
            self.tape.trace.append(f"{self.now - START:>8.0f} s  {use_case}")
        try:
            return self.tape.invoke(use_case, act)
        except Crash:
            self.forget()
            raise

    def _handler(self, function: str, use_case: str, event: dict[str, Any]) -> Any:
        return self._invoke(use_case, lambda: self.modules[function].handler(event, Context(function)))

    def forget(self) -> None:
        """Every container is gone."""
        for kept in self._kept:
            kept.cache_clear()

    def _lambda(self, function: str, payload: dict[str, Any]) -> Any:
        action = payload.get("action", "")
        what = f"work.{payload['work']}" if function == "work" else f"{function}.{action}"
        return self._handler(function, what, payload)

    def _batch(self, function: str, use_case: str, records: list[tuple[str, dict[str, Any]]]) -> set[str]:
        """The ids of what failed; all when the process died."""
        try:
            answer = self._handler(function, use_case, {"Records": [record for _, record in records]})
        except (Exception, Crash):  # noqa: BLE001 - whatever it was, the service only sees that the function failed
            return {id for id, _ in records}
        return {item["itemIdentifier"] for item in answer["batchItemFailures"]}

    def _deliver(self, queue: Queue, function: str, use_case: str) -> None:
        batch = queue.receive(self.now)
        failed = self._batch(function, use_case, [(m.id, _sqs(m)) for m in batch])
        queue.settle(batch, failed, self.now)

    def _relay(self) -> None:
        stream = self.table.stream
        batch = stream.batch()
        stream.settle(batch, self._batch("relay", "relay", [(n, _inserted(n, row)) for n, row in batch]), self.now)

    # ── time ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

    def wait(self, seconds: float) -> None:
        """Let time pass; everything that is due happens at its moment, one after the other."""
        end = self.now + seconds
        for _ in range(MOST_STEPS):
            for name, status in self.states.ended:
                self.wakings.send(json.dumps({"detail": {"name": name, "status": status}}), self.now)
            self.states.ended.clear()
            due = [(at, n, act) for n, (at, act) in enumerate(self._agenda()) if at is not None and at <= end]
            if not due:
                self.now = end
                return
            at, _, act = min(due, key=lambda one: one[:2])
            self.now = max(self.now, at)
            act()
        raise RuntimeError(f"did not come to rest in {MOST_STEPS} steps")

    def _agenda(self) -> Iterator[tuple[float | None, Callable[[], None]]]:
        yield self.states.next_at(), self.states.act
        yield self.table.stream.next_at(self.now), self._relay
        yield self.writebacks.next_at(), lambda: self._deliver(self.writebacks, "writeback", "writeback")
        yield self.events.next_at(), lambda: self._deliver(self.events, "intake", "intake")
        yield self.wakings.next_at(), lambda: self._deliver(self.wakings, "reconcile", "reconcile")

    # ── what people, platform and schedule do ────────────────────────────────────────────────────────────────────────────

    def event(self, type: str, by: str | None = None, *, ago: float = 0.0, id: str | None = None, **event: Any) -> str:
        """An event's message, of now. ``by`` is "ID:ROLE"."""
        made = {"facility": FACILITY, "encounter": "E-1", **event}
        return message(type, at=self.now - ago, id=id or f"event-{next(self._ids)}", by=by, **made)

    def post(self, *raw: str) -> None:
        """Messages arrive together."""
        for one in raw:
            self.sent.append(one)
            self.events.send(one, self.now)

    def send(self, type: str, by: str | None = None, *, after: float = 300.0, **event: Any) -> str:
        """Something happens, five minutes after what was before; then everything comes to rest. Returns the message."""
        self.wait(after)
        raw = self.event(type, by, **event)
        self.post(raw)
        self.wait(0)
        return raw

    def sweep(self) -> None:
        """The schedule wakes the sweep."""
        self.wakings.send("{}", self.now)
        self.wait(0)

    def ask(self, use_case: str, act: Callable[[Services], Any]) -> Any:
        """Somebody calls a use case, and calls it again when it died."""
        self.wait(300)
        died = False
        for _ in range(10):
            try:
                return self._invoke(use_case, lambda: act(wiring.services()))
            except Crash:
                if not self.people_ask_again:
                    return None
                died = True
                self.wait(AGAIN_SECONDS)
            except EmrUnavailable:
                if not died:
                    raise
                self.wait(AGAIN_SECONDS * 30)  # what died may hold something for a while
        raise RuntimeError(f"{use_case} was not done at the tenth try")

    def command(self, name: str, by: str, workflow: str = "oxygen", **arguments: Any) -> None:
        """A person gives a command; the same again when it died, and a refusal is an answer."""
        commands = importlib.import_module("functions.cases.commands")
        person, role = by.split(":")
        command = Command(f"command-{next(self._ids)}", self.case(workflow).id, Person(person, role))
        with suppress(commands.Refused):
            self.ask(f"command.{name}", lambda services: getattr(commands, name)(services, command, **arguments))
        self.wait(0)

    # ── what there is ────────────────────────────────────────────────────────────────────────────────────────────────────

    def cases(self, workflow: str | None = None) -> list[CaseRow]:
        """The cases of the facility, oldest first."""
        hints = self.table.query_index(Index.CASES, FACILITY).items
        rows = [case_from(row) for hint in hints if (row := self.table.get(Key(hint["pk"], hint["sk"]))) is not None]
        return [row for row in rows if workflow in (None, row.workflow)]

    def case(self, workflow: str = "oxygen") -> CaseRow:
        """The newest case of a workflow."""
        return self.cases(workflow)[-1]

    def at(self, workflow: str = "oxygen") -> str:
        """Where the newest case of a workflow stands."""
        return self.case(workflow).state


def _sqs(message: Message) -> dict[str, Any]:
    group = {} if message.group is None else {"MessageGroupId": message.group}
    return {
        "messageId": message.id,
        "receiptHandle": message.id,
        "body": message.body,
        "attributes": {"ApproximateReceiveCount": str(message.receives), **group},
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:queue",
        "awsRegion": REGION,
    }


def _inserted(number: str, row: Item) -> dict[str, Any]:
    return {
        "eventID": number,
        "eventName": "INSERT",
        "eventSource": "aws:dynamodb",
        "awsRegion": REGION,
        "dynamodb": {
            "Keys": encode_item({"pk": row["pk"], "sk": row["sk"]}),
            "NewImage": encode_item(row),
            "SequenceNumber": number,
            "StreamViewType": "NEW_IMAGE",
        },
    }


def _silent(module: ModuleType, patch: pytest.MonkeyPatch) -> None:
    logger = getattr(module, "logger", None)
    if logger is not None:
        patch.setattr(logger._logger if hasattr(logger, "_logger") else logger, "disabled", True)


@contextmanager
def deployed(tape: Tape) -> Iterator[Hospital]:
    """A hospital whose facilities are registered; nobody is there yet."""
    hospital = Hospital(tape)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        table = Recorded(hospital.table, "table", tape)
        clock = SimpleNamespace(time=lambda: hospital.now, sleep=lambda _: None, monotonic=lambda: hospital.now)
        patch.setattr(wiring, "time", clock)
        patch.setattr(library, "time", clock)
        patch.setattr(wiring, "client", hospital.client)
        patch.setattr(wiring, "table", lambda: table)
        patch.setattr(Telemetry, "emit", lambda _, measures: hospital.emit(measures))
        patch.setattr(Urllib3Transport, "send", lambda _, *arguments: hospital.transmit(*arguments))
        wired = wiring.services
        patch.setattr(wiring, "services", lambda: replace(wired(), **hospital.settings))
        for module in hospital.modules.values():
            _silent(module, patch)
        hospital.forget()
        definitions = [published.published(*version) for version in published.versions()]
        for policy in facilities().values():
            register(hospital.table, policy, {d.workflow: d.version for d in definitions}, definitions)
        try:
            yield hospital
        finally:
            hospital.forget()
