"""A hospital network on virtual time: the real use cases between services that keep their promises and no more.

Each function is invoked as its handler is: take a batch, answer which of it was done. What leaves the boundary is kept, to be
looked through.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import Any

from botocore.exceptions import ClientError

from functions.cases import keys
from functions.cases.adapters.memory import MemoryTable
from functions.cases.adapters.stepfunctions import StepFunctions as ExecutionsAdapter
from functions.cases.adapters.writeback_queue import WritebackQueue
from functions.cases.commands import Command, Person, Refused, claim, decline, override, reassign
from functions.cases.facilities import register
from functions.cases.follow import dispatch
from functions.cases.intake import take_in
from functions.cases.keys import Keyring
from functions.cases.library import Active, Library
from functions.cases.lifespan import Lifespan
from functions.cases.marks import MARK_KEPT_SECONDS
from functions.cases.outcome import Placed
from functions.cases.ports import Services, Signal
from functions.cases.quarantine import Kept
from functions.cases.rows import CaseRow
from functions.cases.store import find_place
from functions.cases.sweep import mend, sweep
from functions.cases.table import Contention, Index, Item, Key, Put, WriteRefused
from functions.cases.telemetry import Measure, Telemetry
from functions.cases.work import perform
from functions.emr.attempt import EmrUnavailable
from functions.emr.client import FhirClient
from functions.emr.table_ledger import TableLedger
from functions.intake.measures import measures_of as intake_measures
from functions.relay.measures import measures_of as relay_measures
from functions.relay.outlets import NotAccepted, Outlets
from functions.work.orders import NotRecalled
from functions.work.steps import step
from functions.writeback.bring import Rejected, Writeback
from statemachines import published
from statemachines.definition import Correlation
from statemachines.facilities import facilities
from statemachines.machine import Machine
from statemachines.policy import Policy
from statemachines.workflows import WORKFLOWS
from tests.simulation.clock import Clock, Died
from tests.simulation.dice import Dice, Fault
from tests.simulation.emr import BASE_URL, Emr
from tests.simulation.executions import FOLLOW_SECONDS, StepFunctions
from tests.simulation.queues import FifoQueue, Message, Queue
from tests.simulation.reading import RememberingKeyring
from tests.simulation.story import FACILITIES, HOUR, OVERRIDDEN_BECAUSE, PEOPLE, START, Given, Sent, Story
from tests.simulation.table import DisorderlyTable, Throttled
from tests.unit.workflows.ways import ABOUT

SECRET = b"a secret that is made for tests"
MACHINE_PREFIX = "arn:aws:states:eu-central-1:000000000000:stateMachine:"
EXPECTED_FAULTS = (
    Throttled,
    Contention,
    WriteRefused,
    EmrUnavailable,
    Rejected,
    NotRecalled,
    NotAccepted,
    ClientError,
    TimeoutError,
)
"""What a worker may fail with; anything else is a fault of ours."""


ROLLED_OUT_IN = 0.5
"""In this share of runs a facility gets another policy while they go on."""

_ROLL_OUT = 9_000_000

REDELIVERED_LATE = 3
"""So many messages are delivered once more when their marks are gone."""


class Collected(Telemetry):
    """Measures, counted by name and dimensions."""

    def __init__(self) -> None:
        self.counted: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()

    def emit(self, measures: Iterable[Measure]) -> None:
        """See Telemetry.emit."""
        for measure in measures:
            self.counted[measure.name, tuple(sorted(measure.dimensions.items()))] += 1


class _Pinned(Library):
    """A library whose machines are made once for all runs: what is published under a digest never changes."""

    def __init__(self, table: DisorderlyTable) -> None:
        super().__init__(table, _definitions().values())
        self._rows = table

    def active(self, facility: str) -> Active | None:
        """See Library.active; nothing is remembered between calls, so that runs do not depend on the time."""
        row = self._rows.memory.get(keys.facility_active(facility))
        return Active({k: int(v) for k, v in row["workflows"].items()}, row["policy"]) if row is not None else None

    def machine(self, workflow: str, version: int, facility: str, policy: str) -> Machine:
        """See Library.machine."""
        return _machine(workflow, version, facility, policy)


@cache
def _definitions() -> Mapping[tuple[str, int], Any]:
    return {version: published.published(*version) for version in published.versions()}


@cache
def _keyring() -> Keyring:
    return RememberingKeyring(SECRET)


@cache
def _asl() -> Mapping[str, Any]:
    return {
        f"{workflow}-v{version}": json.loads(
            (published.folder(workflow, version) / "asl.json").read_text(encoding="utf-8")
        )
        for workflow, version in _definitions()
    }


@cache
def _states() -> Mapping[str, frozenset[str]]:
    return {
        f"{workflow}-v{version}": frozenset(state.name for state in definition.states)
        for (workflow, version), definition in _definitions().items()
    }


@cache
def _registered() -> Library:
    table = MemoryTable()
    newest = dict(sorted(_definitions()))
    for facility, policy in facilities().items():
        register(table, _other_policy(facility), newest, _definitions().values())
        register(table, policy, newest, _definitions().values())
    return Library(table, _definitions().values())


@cache
def _machine(workflow: str, version: int, facility: str, policy: str) -> Machine:
    return _registered().machine(workflow, version, facility, policy)


@cache
def _first_rows() -> MemoryTable:
    """What there is before the first event: facilities with their policies, and everybody on shift for a month."""
    table = MemoryTable()
    newest = dict(sorted(_definitions()))
    for policy in facilities().values():
        register(table, policy, newest, _definitions().values())
    for facility in FACILITIES:
        for person, role in PEOPLE.items():
            at = keys.staff(facility, person)
            until = START + 31 * 24 * HOUR
            order = f"{START - HOUR:017.6f}.1"
            row = {"pk": at.pk, "sk": at.sk, "roles": [role], "until": until, "order": order}
            table.write((Put(row),))
    return table


@cache
def _other_policy(facility: str) -> Policy:
    """What a facility changes to in mid-run: other times for the same steps."""
    policy = facilities()[facility]
    changed = {"oxygen": {"recheck_within": 200}, "home_oxygen_order": {"draft_within": 180, "deliver_within": 700}}
    parameters = {
        workflow: {**policy.parameters.get(workflow, {}), **changed.get(workflow, {})} for workflow in WORKFLOWS
    }
    return policy.model_copy(update={"parameters": parameters})


@cache
def _rolled_out(facility: str) -> tuple[Item, ...]:
    """The rows that registering the other policy writes."""
    table = MemoryTable()
    register(table, _other_policy(facility), dict(sorted(_definitions())), _definitions().values())
    return tuple(table.rows())


class Hospital:
    """Everything there is in a run."""

    def __init__(
        self, story: Story, dice: Dice, *, waits: int | None = None, if_none_exist: bool = True, sweeps: bool = True
    ) -> None:
        """``waits``: how many an execution lives for; ``sweeps``: the sweep looks, as it does every minute."""
        self.story = story
        self._sweeps = sweeps
        self.dice = dice
        self.clock = clock = Clock(START, dice)
        self.table = DisorderlyTable(_first_rows().copy(), clock, self._inserted, self._look_booked)
        self.telemetry = Collected()
        self.outside: list[str] = []
        self.unexpected: list[str] = []
        self.answers: Counter[str] = Counter()
        self.wakings_lost: set[str] = set()
        self.delivered: set[str] = set()
        self.commands: dict[str, Given] = {}
        self.emr = Emr(clock, knows_if_none_exist=if_none_exist)
        self.events = Queue("events", clock, self._intake, visibility=20, receives=10)
        self.wakings = Queue("wakings", clock, self._reconcile, visibility=55, receives=5)
        self.writebacks = FifoQueue("writebacks", clock, self._writeback, visibility=30, receives=480)
        self.relay_lost: list[Item] = []
        self.stream = _Stream(clock, self._relay, self.relay_lost)
        self.sfn = StepFunctions(clock, _states(), _asl(), self._invoke, self._execution_ended)
        any_client: Any = self.sfn
        self.mirrors = WritebackQueue(self, "writebacks")  # type: ignore[arg-type]
        lifespan = {} if waits is None else {"lifespan": Lifespan(waits=waits)}
        self.services = Services(
            table=self.table,
            library=_Pinned(self.table),
            now=lambda: clock.now,
            executions=ExecutionsAdapter(any_client, MACHINE_PREFIX),
            keys=_keyring(),
            pause=clock.pause,
            **lifespan,
        )
        self._outlets = Outlets(self.mirrors, self, "baton")
        client = FhirClient(BASE_URL, emr="emr", transport=self.emr)
        self.client = client
        self._ledger = TableLedger(self.table)
        self._bring = Writeback(self.services, client, self._ledger, self.telemetry)
        self._sweep_at: set[int] = set()

    def machine_of(self, row: CaseRow) -> Machine:
        """What a case runs under, by what it began with."""
        return _machine(row.workflow, row.version, row.facility, row.policy)

    # ── what happens ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def begin(self) -> None:
        """Plan the whole story."""
        for sent in self.story.sent:
            self.clock.at(sent.at, lambda sent=sent: self._send(sent))  # type: ignore[misc]
        for given in self.story.given:
            self.clock.at(given.at, lambda given=given: self._give(given, 1))  # type: ignore[misc]
        if self.dice.part(_ROLL_OUT, 0) < ROLLED_OUT_IN:
            facility = FACILITIES[int(len(FACILITIES) * self.dice.part(_ROLL_OUT, 1))]
            self.clock.at(START + HOUR * self.dice.part(_ROLL_OUT, 2), lambda: self._roll_out(facility))

    def _roll_out(self, facility: str) -> None:
        """From now on cases begin under another policy at a facility; those that are open keep theirs."""
        self.clock.note(f"{facility} has another policy")
        self.answers["policy rolled out"] += 1
        for row in _rolled_out(facility):
            self.table.memory.write((Put(row),))

    def _send(self, sent: Sent) -> None:
        self.delivered.add(sent.raw)
        self.events.send(sent.name, sent.raw)

    def _give(self, given: Given, attempt: int) -> None:
        """A person's command, sent again under the same id when its answer is an error."""
        correlation = self._correlation(given)
        place = find_place(self.services, correlation)
        if place is None:
            return
        self.commands[given.name] = given
        command = Command(given.name, place.case, Person(given.person, given.role))

        def act() -> None:
            match given.act:
                case "claim":
                    claim(self.services, command)
                case "decline":
                    decline(self.services, command, reason="busy elsewhere")
                case "reassign":
                    reassign(self.services, command, to=Person(given.other, given.role), reason="is nearer")
                case _:
                    override(self.services, command, transition=given.transition, reason=OVERRIDDEN_BECAUSE)

        def whole() -> None:
            try:
                act()
                self.answers["command carried out"] += 1
            except Refused as refused:
                self.answers[f"command refused: {refused.reason}"] += 1

        if not self._worked(f"command {given.name} {attempt}", 20, whole) and attempt < 12:
            self.clock.after(3 * attempt, lambda: self._give(given, attempt + 1))

    def _correlation(self, given: Given) -> str:
        correlation = WORKFLOWS[given.workflow].correlation
        by_patient = correlation is Correlation.PATIENT
        subject = given.subject if by_patient else given.subject.removesuffix("-S").replace("PAT", "ENC")
        within = (str(ABOUT[correlation.named_by]),) if correlation.named_by is not None else ()
        return self.services.keys.correlation(given.facility, given.workflow, subject, *within)

    # ── the functions ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _worked(self, name: str, seconds: float, act: Callable[[], None]) -> bool:
        """Do something as a worker; whether it came to its end."""
        self.clock.note(name)
        try:
            self.clock.work(name, seconds, act)
        except Died:
            return False
        except Exception as fault:  # noqa: BLE001 - a function that fails is invoked again
            self._failed(name, fault)
            return False
        return True

    def _failed(self, name: str, fault: Exception) -> None:
        if isinstance(fault, ExceptionGroup):
            for each in fault.exceptions:
                self._failed(name, each)
            return
        self.outside.append(str(fault))  # a handler logs what a record failed with
        if not isinstance(fault, EXPECTED_FAULTS):
            self.unexpected.append(f"{name}: {type(fault).__name__}: {fault}")

    def _batch(self, function: str, batch: list[Message], seconds: float, take: Callable[[Message], None]) -> set[int]:
        """A batch with partial failures; a worker that dies has finished nothing, as far as the queue knows."""
        done: set[int] = set()

        def act() -> None:
            for message in batch:
                try:
                    take(message)
                    done.add(message.number)
                except Exception as fault:  # noqa: BLE001 - the record is delivered again
                    self._failed(message.name, fault)

        first = batch[0]
        return done if self._worked(f"{function} {first.name} {first.received}", seconds, act) else set()

    def _intake(self, batch: list[Message]) -> set[int]:
        def take(message: Message) -> None:
            result = take_in(self.services, message.body)
            self.telemetry.emit(intake_measures(result, self.clock.now))
            for line in result if isinstance(result, list) else [result]:
                self._answered(message, line)

        return self._batch("intake", batch, 15, take)

    def _answered(self, message: Message, line: Placed | Kept) -> None:
        if isinstance(line, Kept):
            self.answers[f"quarantined {line.reason}"] += 1
            said = f"quarantined {line.reason}"
        else:
            said = "duplicate" if line.duplicate else str(line.outcome)
            self.answers[said] += 1
            self.outside.append(f"{line.workflow} {line.case} {line.outcome} {line.reason} {line.transitions}")
        self.clock.note(f"  {message.name}: {said}")

    def _invoke(self, what: str, payload: Mapping[str, Any]) -> Signal | None:
        """One request of an execution to follow or to work."""
        answer: list[Signal | None] = []

        def act() -> None:
            if payload["action"] == "work":
                answer.append(dict(self._performed(payload)))
            else:
                signal = dispatch(self.services, payload).signal
                answer.append(dict(signal) if signal is not None else None)

        seconds = 60.0 if payload["action"] == "work" else FOLLOW_SECONDS
        if not self._worked(what, seconds, act):
            raise TimeoutError("the function failed")
        self.outside.append(repr(answer[0]))
        return answer[0]

    def _performed(self, payload: Mapping[str, Any]) -> Signal:
        work, visit = str(payload["work"]), int(payload["visit"])
        if self.clock.hit(Fault.STEP_FAILS, work):
            raise TimeoutError("the other system does not answer")
        if work == "confirm_order":
            self._ordered_by_hand(str(payload["case"]))
        doing = step(work, self.services, self.client, self._ledger)
        return perform(self.services, str(payload["case"]), int(payload["generation"]), visit, work, doing)

    def _ordered_by_hand(self, case: str) -> None:
        """What a case looks for in the EMR: mostly somebody placed it there, or drafted it only."""
        known = self.table.memory.get(keys.meta(case))
        if known is None or "order_id" not in known["facts"]:
            return
        part = self.dice.part(int(case[:8], 16), 0)
        if part < 0.9:
            status = "active" if part < 0.75 else "draft"
            self.emr.order_by_hand(str(known["facts"]["order_id"][0]), str(known["patient"]), status)

    def _inserted(self, item: Item) -> None:
        self.stream.put(item)

    def _relay(self, entry: Item) -> None:
        self._outlets.pass_on(str(entry["pk"]).removeprefix("CASE#"), entry)
        self.telemetry.emit(relay_measures(entry))

    def _writeback(self, batch: list[Message]) -> set[int]:
        done: set[int] = set()

        def act() -> None:
            for message in batch:
                try:
                    asked = json.loads(message.body)
                    self._bring.bring(asked["case"], check=bool(asked.get("check")))
                    done.add(message.number)
                except Exception as fault:  # noqa: BLE001 - it is delivered again, with those after it
                    self._failed(f"writeback {message.name}", fault)
                    return

        finished = self._worked(f"writeback {batch[0].name} {batch[0].received}", 25, act)
        return done if finished else set()

    def _reconcile(self, batch: list[Message]) -> set[int]:
        def take(message: Message) -> None:
            name = json.loads(message.body).get("execution")
            looked = (
                [mend(self.services, str(name).rpartition("-")[0], self.mirrors)]
                if name
                else list(sweep(self.services, self.mirrors))
            )
            for case, mended in looked:
                if mended != "nothing":
                    self.answers[f"mended {mended}"] += 1
                    self.clock.note(f"  {mended} {case}")

        return self._batch("reconcile", batch, 50, take)

    # ── what the functions reach ─────────────────────────────────────────────────────────────────────────────────────────

    def send_message(self, **message: str) -> None:
        """SQS: a message for write-back."""
        self.clock.reach("SendMessage")
        if self.clock.hit(Fault.QUEUE_REFUSES, "SendMessage"):
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "SendMessage")
        self.outside.append(f"{message['MessageGroupId']} {message['MessageDeduplicationId']} {message['MessageBody']}")
        self.writebacks.send_once(message["MessageGroupId"], message["MessageDeduplicationId"], message["MessageBody"])
        self.clock.reached("SendMessage")

    def put_events(self, Entries: list[dict[str, str]]) -> dict[str, Any]:  # noqa: N803 - AWS's name
        """EventBridge: an event of ours."""
        self.clock.reach("PutEvents")
        if self.clock.hit(Fault.BUS_REFUSES, "PutEvents"):
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}
        self.outside += [entry["DetailType"] + entry["Detail"] for entry in Entries]
        self.clock.reached("PutEvents")
        return {"FailedEntryCount": 0, "Entries": [{}]}

    def _execution_ended(self, name: str) -> None:
        # Step Functions sends these events on a best-effort basis (AWS Step Functions developer guide).
        if self.dice.hit(Fault.LOST_WAKING, zlib.crc32(name.encode()), 0):
            self.wakings_lost.add(name)
        else:
            self.wakings.send(f"ended {name}", json.dumps({"execution": name}), delay=1)

    def _look_booked(self, at: float) -> None:
        """The sweep looks every minute; minutes in which nothing is booked are left out."""
        minute = int(max(at, self.clock.now) // 60) + 1
        if self._sweeps and minute not in self._sweep_at:
            self._sweep_at.add(minute)
            self.clock.at(minute * 60, lambda: self._sweep(minute), idle=True)

    def _sweep(self, minute: int) -> None:
        self.wakings.send(f"sweep {minute}", "{}")
        # What this sweep does not get to is there for the next one, too.
        self.clock.at(minute * 60 + 59, self._sweep_again, idle=True)

    def _sweep_again(self) -> None:
        if self._overdue_looks():
            self._look_booked(self.clock.now)

    def _overdue_looks(self) -> bool:
        memory, now = self.table.memory, self.clock.now
        shards = keys.all_sweep_shards()
        return any(memory.query_index(Index.SWEEP, shard, upto=now, limit=1).items for shard in shards)

    # ── coming to rest ───────────────────────────────────────────────────────────────────────────────────────────────────

    def come_to_rest(self) -> None:
        """Nothing goes wrong any more; dead letters are sent through again; everybody catches up."""
        self.dice.calm = True
        clock = self.clock
        for _ in range(6):
            for queue in (self.events, self.wakings, self.writebacks):
                queue.redrive()
            for seconds in (400, 130):  # the sweep looks once more at what was committed in the last moment
                clock.run_until(clock.now + seconds)
                for _ in range(4000):
                    if not clock.busy:
                        break
                    clock.step()
            if self.resting():
                return
        raise RuntimeError("the hospital does not come to rest")

    # ── once more, at the end ────────────────────────────────────────────────────────────────────────────────────────────

    def redeliver(self) -> list[str]:
        """Deliver every message again that was answered; what it changed, though it must change nothing."""
        before = self.table.memory.snapshot()
        quarantined = {sk for pk, sk in before if pk.startswith("QUARANTINE#")}
        wrong = []
        for raw in sorted(self.delivered):
            if self.services.keys.quarantine(raw.encode()).sk not in quarantined:
                answer = take_in(self.services, raw)
                if isinstance(answer, Kept) or not all(placed.duplicate for placed in answer):
                    wrong.append(f"delivered again, and taken for new: {raw[:120]}")
        after = self.table.memory.snapshot()
        changed = [key for key in before.keys() | after.keys() if before.get(key) != after.get(key)]
        return wrong + [f"delivered again, and it changed {pk[:12]} {sk}" for pk, sk in sorted(changed)]

    def redeliver_without_marks(self, most: int = REDELIVERED_LATE) -> list[str]:
        """A month later the marks are gone: what is delivered once more then is for people to look at, and changes no case."""
        self.clock.now += MARK_KEPT_SECONDS + 2 * 24 * HOUR
        self.table.memory.forget(self.clock.now)
        before = self._case_rows()
        wrong = [
            f"a month later it was placed once more: {raw[:120]}"
            for raw in sorted(self.delivered)[:most]
            if not isinstance(take_in(self.services, raw), Kept)
        ]
        after = self._case_rows()
        return wrong + (["a month later, a message delivered again changed a case"] if before != after else [])

    def _case_rows(self) -> dict[Key, Item]:
        return {key: row for key, row in self.table.memory.snapshot().items() if key.pk.startswith("CASE#")}

    def resting(self) -> bool:
        """Whether nothing is under way and no dead letter waits."""
        return not self.clock.busy and not any(queue.dead for queue in (self.events, self.wakings, self.writebacks))


class _Stream:
    """The table's stream as relay reads it: at least once, in order per item only, a failed record with those after it."""

    RETRIES = 10

    def __init__(self, clock: Clock, relay: Callable[[Item], None], lost: list[Item]) -> None:
        self._clock, self._relay, self._lost = clock, relay, lost
        self._count = 0

    def put(self, item: Item) -> None:
        """A journal entry was inserted."""
        self._count += 1
        number, dice = self._count, self._clock.dice
        key = 7_000_000 + number
        wait = 0.2 + 0.3 * dice.part(key, 0)
        if dice.hit(Fault.STREAM_LATE, key, 0):
            wait += 60 * dice.part(key, 1)
        self._clock.after(wait, lambda: self._deliver(item, number, 0))
        if dice.hit(Fault.STREAM_AGAIN, key, 0):
            self._clock.after(wait + 5 * dice.part(key, 2), lambda: self._deliver(item, number, 0))

    def _deliver(self, item: Item, number: int, attempt: int) -> None:
        clock = self._clock
        try:
            clock.work(f"relay {number} {attempt}", 30, lambda: self._relay(item))
        except (Died, ClientError, NotAccepted):
            if attempt >= self.RETRIES:
                self._lost.append(item)
            else:
                clock.after(1, lambda: self._deliver(item, number, attempt + 1))
