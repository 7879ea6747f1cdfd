"""Every way in from outside, as something that takes bytes and fails only when a promise is broken.

A message is answered by a mark or kept in quarantine, or its batch asks for it again; a file is read or told where it is
wrong; whatever refuses, changes nothing; and what may identify a person is in no log, metric, event or message of ours.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple
from unittest.mock import patch

from events.files import EventFileError, load_events
from events.parse import Unreadable, parse_event
from functions.cases import wiring
from functions.cases.duty import ROSTER
from functions.cases.quarantine import message, quarantined
from functions.cases.redrive import redrive
from functions.cases.table import Item, Key
from functions.emr.client import FhirClient
from functions.emr.ledger import InMemoryLedger
from functions.follow import handler as follow
from functions.intake import handler as intake
from functions.reconcile import handler as reconcile
from functions.relay import handler as relay
from functions.relay.outlets import Outlets
from functions.work import handler as work
from functions.writeback import handler as writeback
from functions.writeback.bring import Writeback
from local import draft as local_draft
from local import facility as local_facility
from local.problem import Problem
from statemachines.definition import Definition, dump
from statemachines.draft import NoTable, draft
from statemachines.policy import Policy, UnknownInPolicy
from statemachines.verify import check
from statemachines.verify.document import read_policy, read_workflow
from statemachines.workflows import WORKFLOWS
from statemachines.workflows.oxygen import OXYGEN
from tests.fuzz.mutate import CANARY, SEPARATOR
from tests.support.aws import lambda_context
from tests.support.course import staffed
from tests.support.deployment import failed, sqs_record, stream_record
from tests.support.invariants import violations
from tests.support.world import START, World
from tests.unit.emr.fake_emr import BASE_URL, FakeEmr
from tests.unit.statemachines.small import SMALL

CHECKOUT = Path(__file__).resolve().parents[2]
CORPUS = Path(__file__).with_name("corpus")
ENCOUNTER, PATIENT = f"{CANARY}-E1", f"{CANARY}-P1"
LARGEST_CHECKED = 12
"""States of a workflow that is verified whole: a fuzzer asks thousands of times."""


class Broken(AssertionError):
    """A promise was broken."""


class Target(NamedTuple):
    """One way in: what it is given, and good inputs to begin with."""

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]


def promise(holds: object, what: str) -> None:
    """Raise Broken unless it holds."""
    if not holds:
        raise Broken(what)


# ── what every function is run in ────────────────────────────────────────────────────────────────────────────────────────


def world() -> World:
    """A staffed facility with one open case of a patient who must not be named anywhere."""
    made = staffed("northfield")
    made.place(
        "oxygen_ordered", id=f"{CANARY}-first", by="MD-OAK:PROVIDER", encounter=ENCOUNTER, patient=PATIENT, order_id="O1",
        age_years=70,
    )  # fmt: skip
    made.place("oxygen_changed", by="RN-ASH:RN", encounter=ENCOUNTER, patient=PATIENT, flow_l_min=2)
    return made


@contextmanager
def watched(module: ModuleType, made: World, **also: Any) -> Iterator[None]:
    """Let a function run in a world; afterwards nothing that it said may name a person."""
    said, printed = io.StringIO(), io.StringIO()
    logger = module.logger.registered_handler
    before = logger.setStream(said)
    wired = {
        "services": lambda: made.services,
        "reading": lambda: made.services,
        "mirrors": lambda: made.mirrors,
        **also,
    }
    try:
        with patch.multiple(wiring, **wired), redirect_stdout(printed):
            yield
    finally:
        logger.setStream(before)
        for what, text in (("log", said.getvalue()), ("metric", printed.getvalue())):
            promise(CANARY.lower() not in text.lower(), f"a {what} names a person: {text}")


def messages(data: bytes) -> list[str]:
    """The messages of an input, as a queue delivers them: text."""
    return [part.decode(errors="replace") for part in data.split(SEPARATOR)]


def ours(data: bytes) -> list[str]:
    """The messages of an input that only Baton itself sends: they hold ids, so no name in them; the world's rows have names."""
    return messages(data.replace(CANARY.encode(), b"QUAGGA"))


def _batch(bodies: Sequence[str]) -> dict[str, Any]:
    return {"Records": [sqs_record(f"m-{n}", body) for n, body in enumerate(bodies)]}


# ── intake ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def run_intake(data: bytes) -> None:
    """Messages from the bus, delivered twice, then all that is in quarantine redriven."""
    made, bodies = world(), messages(data)
    deliver = partial(_delivered, made, intake)
    with watched(intake, made):
        promise(deliver(bodies) == [], "intake asks for a message again although nothing of ours is at fault")
        made.following.run()
        for body in bodies:
            promise(_answered(made, body), "a message is neither marked nor in quarantine")
        promise(violations(made) == [], f"a world out of order: {violations(made)}")
        before = _course(made)
        promise(deliver(bodies) == [], "intake asks for a repetition again")
        made.following.run()
        promise(_course(made) == before, "a repetition changed something")
        waiting = list(quarantined(made.services))
        for kept in waiting:
            redrive(made.services, kept.id)
        made.following.run()
        promise(violations(made) == [], "redriving put a world out of order")
        for kept in waiting:
            promise(message(made.services, kept.id) in bodies, "quarantine holds something else than what came")
            promise(CANARY not in f"{kept.reason} {kept.where} {kept.mend}", "a reason names a person")


def _delivered(_: World, module: ModuleType, bodies: Sequence[str]) -> list[str]:
    return failed(module.handler(_batch(bodies), lambda_context()))


def _answered(made: World, body: str) -> bool:
    kept = made.services.keys.quarantine(body.encode(errors="surrogatepass"))
    if made.table.get(kept) is not None:
        return message(made.services, kept.sk) == body
    try:
        event = parse_event(body, now=datetime.fromtimestamp(made.now, UTC))
    except Unreadable:
        return False
    workflows = (ROSTER, *made.services.library.workflows_for(event.type))
    marks = (made.services.keys.mark(event.facility, event.event_id, workflow) for workflow in workflows)
    return any(made.table.get(mark) is not None for mark in marks)


def _course(made: World) -> dict[Key, Item]:
    return {key: row for key, row in made.snapshot().items() if not key.pk.startswith("QUARANTINE#")}


def seeds_of_intake() -> list[bytes]:
    """A sample of every event type, of our one patient and now; and a course of several."""
    made = [_sample(json.loads(path.read_text())) for path in sorted((CHECKOUT / "events/samples").glob("*.json"))]
    course = [
        "oxygen_ordered",
        "oxygen_changed",
        "assessment_completed",
        "spo2_observed",
        "note_signed",
        "order_cancelled",
    ]
    by_type = {json.loads(each)["detail-type"]: each for each in made}
    return [*made, SEPARATOR.join(by_type[type] for type in course)]


def _sample(event: dict[str, Any]) -> bytes:
    detail = event.get("detail", {k: v for k, v in event.items() if k not in ("source", "detail-type")})
    type = event.get("detail-type", detail.get("type"))
    detail |= {"type": type, "event_id": f"{CANARY}-{type}", "facility": "northfield"}
    detail["occurred_at"] = datetime.fromtimestamp(START, UTC).isoformat()
    if "subject" in detail:
        detail["subject"] = {"patient": PATIENT, "encounter": ENCOUNTER}
    if "actor" in detail:
        detail["actor"]["id"] = f"{CANARY}-1"
    detail["correlation"] = {name: f"{CANARY}-{n}" for n, name in enumerate(detail.get("correlation", {}))}
    for name, value in detail["data"].items():
        if isinstance(value, str) and name in ("text", "reason", "staff_id", "note", "comment"):
            detail["data"][name] = f"{CANARY} said so"
    return json.dumps({"source": event["source"], "detail-type": type, "detail": detail}).encode()


# ── what executions ask ──────────────────────────────────────────────────────────────────────────────────────────────────

REFUSED = (LookupError, ValueError, TypeError)
"""What a request that makes no sense raises; Step Functions retries, then the sweep looks."""


def _asked(module: ModuleType, data: bytes, **also: Any) -> None:
    made = world()
    case = made.case().id
    for body in ours(data):
        try:
            request = json.loads(body.replace("$CASE", case))
        except (ValueError, RecursionError):
            continue  # Step Functions sends JSON
        if not isinstance(request, dict):
            continue
        if "token" in request:
            request["token"] = f"{CANARY}-token"
        before = _state(made)
        with watched(module, made, **also):
            try:
                module.handler(request, lambda_context())
            except REFUSED:
                promise(_state(made) == before, "a request was refused and changed something")
        made.following.run()
        promise(violations(made, followed=False) == [], f"a request put the case out of order: {violations(made)}")


def _state(made: World) -> dict[Key, Item]:
    """Every row but for the number of its lock, which whoever looks in vain may take."""
    return {key: {n: v for n, v in row.items() if n != "rev"} for key, row in made.snapshot().items()}


def run_follow(data: bytes) -> None:
    """Requests to park, to decide a deadline, to give up. The token lets whoever has it steer a case, so it is not said."""
    _asked(follow, data)


def run_work(data: bytes) -> None:
    """Requests for system steps."""
    emr = FakeEmr()
    settings: Mapping[str, str] = {"EMR_BASE_URL": BASE_URL}
    with (
        patch.object(work, "FhirClient", partial(FhirClient, transport=emr)),
        patch.object(work, "TableLedger", lambda _: InMemoryLedger()),
    ):
        _asked(work, data, setting=settings.__getitem__, table=lambda: None)


def _request(**also: Any) -> bytes:
    return json.dumps({"case": "$CASE", "generation": 1, "visit": 2, "entry": 1, "attempt": 1, **also}).encode()


def seeds_of_follow() -> list[bytes]:
    """Each request, of the case's visit, of an earlier one and of none."""
    return [
        _request(action="park", token=f"{CANARY}-token"),
        _request(action="park", token=f"{CANARY}-token", visit=1),
        _request(action="deadline"),
        _request(action="deadline", visit=1),
        _request(action="give_up", work="file_documentation"),
        _request(action="park", token=f"{CANARY}-token", case="nobody"),
        SEPARATOR.join([_request(action="park", token=f"{CANARY}-{n}", attempt=n) for n in range(1, 4)]),
    ]


def seeds_of_work() -> list[bytes]:
    """Each step, of a case that is elsewhere."""
    return [
        _request(work=name, visit=visit) for name in ("file_documentation", "confirm_documentation") for visit in (1, 2)
    ]


# ── relay, write-back, reconcile ─────────────────────────────────────────────────────────────────────────────────────────


PERSONAL = ("actor", "person", "patient", "encounter", "event_id")
"""What a row may hold that tells of a person."""


class Bus:
    """Takes every event and remembers it."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803 - boto3's name
        """As EventBridge's."""
        self.entries += Entries
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"} for _ in Entries]}


def run_relay(data: bytes) -> None:
    """Journal entries from the table's stream: each goes on, or is asked for again with those after it."""
    records: list[dict[str, Any]] = []
    for body in ours(data):
        try:
            row = {"pk": "CASE#1", "sk": "J#1", **json.loads(body), **dict.fromkeys(PERSONAL, CANARY)}
            records.append(stream_record(str(len(records) + 1), row))
        except (ValueError, TypeError, ArithmeticError, RecursionError):
            continue  # the table holds no such row
    if not records:
        return  # no batch is empty
    made, bus = world(), Bus()
    with watched(relay, made), patch.object(relay, "outlets", lambda: Outlets(made.mirrors, bus, "bus")):
        try:
            again = failed(relay.handler({"Records": records}, lambda_context()))
        except (*REFUSED, AttributeError):
            again = ["1"]  # the whole batch is delivered again, then in halves
    first = min((int(number) for number in again), default=len(records) + 1)
    promise(len(bus.entries) >= min(first - 1, len(records)), "a record was neither passed on nor asked for again")
    promise(CANARY not in json.dumps(bus.entries), "an event of ours names a person")


def seeds_of_relay() -> list[bytes]:
    """The journal of a case, entry by entry and as a whole."""
    made = world()
    entries = [json.dumps(row).encode() for row in made.journal(made.case().id)]
    return [*entries, SEPARATOR.join(entries)]


def run_writeback(data: bytes) -> None:
    """Messages that name a case: it is shown in the EMR, or the message is asked for again."""
    made, emr = world(), FakeEmr()
    client = FhirClient(BASE_URL, emr="emr", transport=emr)
    case = made.case().id
    bodies = [body.replace("$CASE", case) for body in ours(data)]
    made_writeback = Writeback(made.services, client, InMemoryLedger())
    with watched(writeback, made), patch.object(writeback, "writeback", lambda: made_writeback):
        batch = _batch(bodies)
        for record in batch["Records"]:
            record["attributes"]["MessageGroupId"] = "g"
        again = failed(writeback.handler(batch, lambda_context()))
    good = [f"m-{n}" for n, body in enumerate(bodies) if _names_case(body, case)]
    if len(good) == len(bodies):
        promise(again == [], "a good message is asked for again")
    for number in range(len(bodies)):
        promise(f"m-{number}" in again or f"m-{number}" in good, "a message that names no case was taken for done")


def _names_case(body: str, case: str) -> bool:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and document.get("case") == case


def run_reconcile(data: bytes) -> None:
    """Reasons to look: looked at, or asked for again; a case is never put out of order."""
    made = world()
    bodies = [body.replace("$CASE", made.case().id) for body in ours(data)]
    with watched(reconcile, made):
        again = failed(reconcile.handler(_batch(bodies), lambda_context()))
    promise(set(again) <= {f"m-{n}" for n in range(len(bodies))}, "something else is asked for again")
    for number, body in enumerate(bodies):
        try:
            readable = isinstance(json.loads(body), dict)
        except (ValueError, RecursionError):
            readable = False
        promise(readable or f"m-{number}" in again, "what cannot be read was taken for done")
    made.following.run()
    promise(violations(made) == [], f"the sweep put a case out of order: {violations(made)}")


def seeds_of_reconcile() -> list[bytes]:
    """The schedule's message, and executions that ended."""
    ended = {"detail-type": "Step Functions Execution Status Change", "detail": {"name": "$CASE-1", "status": "FAILED"}}
    return [b'{"detail-type": "Scheduled Event", "detail": {}}', json.dumps(ended).encode()]


# ── files ────────────────────────────────────────────────────────────────────────────────────────────────────────────────


def run_workflow(data: bytes) -> None:
    """A workflow document: read and verified, or told where it is wrong."""
    read = read_workflow(data, "workflow.json")
    if not isinstance(read, Definition):
        promise(
            read and all(str(finding.place) and finding.mend for finding in read), "a fault without its place or mend"
        )
    elif len(read.states) <= LARGEST_CHECKED:
        report = check(read, (), others={n: d for n, d in WORKFLOWS.items() if n != read.workflow})
        promise(all(finding.sentence and finding.mend for finding in report.findings), "a finding that says nothing")


def run_overlay(data: bytes) -> None:
    """A facility's policy: registered, or told where it is wrong."""
    read = read_policy(data, "overlay.json")
    if not isinstance(read, Policy):
        promise(
            read and all(str(finding.place) and finding.mend for finding in read), "a fault without its place or mend"
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "overlay.json")
        path.write_bytes(data)
        try:
            policy = local_facility.read(path)
        except Problem as problem:
            promise("overlay.json" in str(problem), "a problem that does not name its file")
            return
    made = World()
    before = made.snapshot()
    try:
        local_facility.register(made.table, policy, {OXYGEN.workflow: OXYGEN.version}, [OXYGEN])
    except UnknownInPolicy:
        promise(made.snapshot() == before, "a policy that was refused changed something")


def run_draft(data: bytes) -> None:
    """A table of hand-offs: drafted with its questions, or told that it is no table."""
    try:
        made = draft(local_draft._text(data), "drafted", known_roles={"RN": "Nurse"}, origin="table.csv")
    except (NoTable, UnicodeDecodeError):
        return
    compile(made.source, "drafted.py", "exec")
    read = read_workflow(dump(made.definition).encode(), "workflow.json")
    promise(read == made.definition, "what was drafted cannot be read again")


def run_events_file(data: bytes) -> None:
    """A file of events for `baton send`: read, or told where it is wrong, and nothing of it repeated."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "events.json")
        path.write_bytes(data.replace(SEPARATOR, b"\n"))
        try:
            load_events(path)
        except EventFileError as fault:
            promise("events.json:" in str(fault), "a fault that does not name its file and line")
            promise(CANARY not in str(fault), "a fault repeats what the event says")


def seeds_of_workflow() -> list[bytes]:
    """A small workflow, and the smallest that is published."""
    return [dump(SMALL).encode(), dump(min(WORKFLOWS.values(), key=lambda each: len(each.states))).encode()]


def seeds_of_overlay() -> list[bytes]:
    """Our own facilities."""
    return [path.read_bytes() for path in sorted((CHECKOUT / "statemachines/facilities").glob("*.json"))]


def seeds_of_draft() -> list[bytes]:
    """The example of the documentation, as it is and as other spreadsheets save it."""
    table = (CHECKOUT / "docs/examples/handoffs.csv").read_bytes()
    return [table, table.replace(b",", b";"), table.decode().encode("utf-16"), b"step,who,after\nA,RN,\nB,MD,A\n"]


TARGETS: Mapping[str, Target] = {
    target.name: target
    for target in (
        Target("intake", run_intake, seeds_of_intake),
        Target("follow", run_follow, seeds_of_follow),
        Target("work", run_work, seeds_of_work),
        Target("relay", run_relay, seeds_of_relay),
        Target("writeback", run_writeback, lambda: [b'{"case": "$CASE"}', b'{"case": "nobody"}']),
        Target("reconcile", run_reconcile, seeds_of_reconcile),
        Target("workflow", run_workflow, seeds_of_workflow),
        Target("overlay", run_overlay, seeds_of_overlay),
        Target("draft", run_draft, seeds_of_draft),
        Target("events_file", run_events_file, seeds_of_intake),
    )
}
"""Each way in, by name."""


def seeds(target: Target) -> list[bytes]:
    """The target's good inputs, and those of the corpus: inputs that once broke a promise."""
    return target.seeds() + [path.read_bytes() for path in sorted((CORPUS / target.name).glob("*"))]
