"""A hospital network on virtual time: the real use cases between services that keep their promises and no more.

Each function is invoked as its handler is: take a batch, answer which of it was done. What leaves the boundary is kept, to be
looked through.
"""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from typing import Any

from botocore.exceptions import ClientError

from events.parse import Event
from functions.cases import keys
from functions.cases.adapters.memory import MemoryTable
from functions.cases.adapters.stepfunctions import StepFunctions as ExecutionsAdapter
from functions.cases.adapters.writeback_queue import WritebackQueue
from functions.cases.commands import Command, Person, Refused, claim, decline, override, reassign
from functions.cases.correlating import correlation_of, group_of, is_for_every_case
from functions.cases.facilities import register
from functions.cases.intake import take_in
from functions.cases.keys import Keyring
from functions.cases.library import Active, Library
from functions.cases.lifespan import Lifespan
from functions.cases.marks import MARK_KEPT_SECONDS
from functions.cases.merging import survivor_of
from functions.cases.ports import Services
from functions.cases.quarantine import Kept
from functions.cases.rows import CaseRow, case_from
from functions.cases.settle import settle
from functions.cases.store import JOINS, load_case
from functions.cases.table import Contention, Index, Item, Key, Put, WriteRefused, read_all
from functions.cases.telemetry import Measure, Telemetry
from functions.cases.undertakings import TRY_AGAIN_SECONDS
from functions.cases.work import Step
from functions.emr.attempt import EmrUnavailable
from functions.emr.client import FhirClient
from functions.emr.doubles import take_doubles_back
from functions.emr.ledger import Ledger, LedgerKey, LedgerStatus
from functions.emr.ordering import ORDER_TYPE
from functions.emr.table_ledger import TableLedger
from functions.relay.outlets import NotAccepted, Outlets
from functions.work.documentation import NotRetracted
from functions.work.orders import NotRecalled
from functions.writeback.bring import Rejected, Writeback
from statemachines import published
from statemachines.definition import Correlation
from statemachines.facilities import facilities
from statemachines.machine import Machine
from statemachines.policy import Policy
from statemachines.workflows import WORKFLOWS
from tests.simulation import handlers
from tests.simulation.clock import Clock, Died
from tests.simulation.dice import Dice, Fault
from tests.simulation.emr import BASE_URL, Emr
from tests.simulation.executions import FOLLOW_SECONDS, StepFunctions
from tests.simulation.outages import outages_of
from tests.simulation.queues import FifoQueue, Message, Queue
from tests.simulation.reading import RememberingKeyring, parse_once
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
    NotRetracted,
    NotAccepted,
    ClientError,
    TimeoutError,
)
"""What a worker may fail with; anything else is a fault of ours."""


ROLLED_OUT_IN = 0.5
"""In this share of runs a facility gets another policy while they go on."""

_ROLL_OUT, _REDRIVE = 9_000_000, 9_000_001

UNTIL_THE_DAILY_LOOK = "too many until the daily look"

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
        self._rows = table.memory

    def active(self, facility: str) -> Active | None:
        """See Library.active; nothing is remembered between calls, so that runs do not depend on the time."""
        row = self._rows.get(keys.facility_active(facility))
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
def _newest() -> tuple[str, ...]:
    return tuple(f"{workflow}-v{version}" for workflow, version in dict(sorted(_definitions())).items())


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


class _Counted(Step):
    """A system step, and how often it ended how; some fail."""

    def __init__(self, work: str, step: Step, hospital: Hospital) -> None:
        self._work, self._step, self._hospital = work, step, hospital

    def perform(self, row: CaseRow) -> str:
        """See Step.perform."""
        hospital = self._hospital
        if hospital.clock.hit(Fault.STEP_FAILS, self._work):
            raise TimeoutError("the other system does not answer")
        if self._work == "confirm_order":
            hospital.ordered_by_hand(row.id)
        outcome = self._step.perform(row)
        hospital.answers[f"{self._work} {outcome}"] += 1
        return outcome

    def compensate(self, row: CaseRow) -> None:
        """See Step.compensate."""
        self._hospital.answers[f"{self._work} to be undone"] += 1
        self._step.compensate(row)
        self._hospital.answers[f"{self._work} undone"] += 1


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
        self.counts = Collected()
        self.telemetry: Telemetry = self.counts
        self.outside: list[str] = []
        self.unexpected: list[str] = []
        self.answers: Counter[str] = Counter()
        self.wakings_lost: set[str] = set()
        self.delivered: set[str] = set()
        self.commands: dict[str, Given] = {}
        self.emr = Emr(clock, knows_if_none_exist=if_none_exist)
        self.events = Queue("events", clock, self._intake, visibility=20, receives=10, batch=5)
        self.wakings = Queue("wakings", clock, self._reconcile, visibility=55, receives=5)
        self.writebacks = FifoQueue("writebacks", clock, self._writeback, visibility=30, receives=480)
        self.relay_lost: list[Item] = []
        self.stream = _Stream(clock, handlers.relay, self.relay_lost)
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
            pause=self._pause,
            count=self.telemetry.emit,
            **lifespan,
        )
        self.outlets = Outlets(self.mirrors, self, "baton")
        client = FhirClient(BASE_URL, emr="emr", transport=self.emr)
        self.client = client
        self.ledger: Ledger = TableLedger(self.table)
        self.bring = Writeback(self.services, client, self.ledger, self.telemetry)
        self._sweep_at: set[int] = set()
        self.quiet = replace(self.services, table=self.table.memory)

    def close(self) -> None:
        """It is over: let go of everything. Its parts know one another, and whoever looks for such cycles looks at every object."""
        for part in (self.clock, self.table.memory, self.table, self.sfn, self.emr, self):
            vars(part).clear()

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
        clock = self.clock
        clock.outages = outages_of(self.dice, START, min(self.story.ends_at, START + 1.2 * HOUR), _newest())
        for outage in clock.outages:
            clock.note(f"{outage}")
            clock.at(outage.end + 600 * self.dice.part(_REDRIVE, outage.number), self._redrive, idle=True)
        if self.dice.part(_ROLL_OUT, 0) < ROLLED_OUT_IN:
            facility = FACILITIES[int(len(FACILITIES) * self.dice.part(_ROLL_OUT, 1))]
            self.clock.at(START + HOUR * self.dice.part(_ROLL_OUT, 2), lambda: self._roll_out(facility))

    def _redrive(self) -> None:
        """Whoever hears the alarm sends the dead letters through again."""
        for queue in (self.events, self.wakings, self.writebacks):
            queue.redrive()

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
        place = survivor_of(self.services, correlation).place
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
        fault.__traceback__ = None  # its frames lead back to it, where faults are collected; see close
        if isinstance(fault, ExceptionGroup):
            for each in fault.exceptions:
                self._failed(name, each)
            return
        self.outside.append(str(fault))  # a handler logs what a record failed with
        if not isinstance(fault, EXPECTED_FAULTS):
            self.unexpected.append(f"{name}: {type(fault).__name__}: {fault}")

    def _batch(
        self,
        function: str,
        batch: list[Message],
        seconds: float,
        take: Callable[[Message], None],
        *,
        fifo: bool = False,
    ) -> set[int]:
        """A batch with partial failures; a worker that dies has finished nothing, as far as the queue knows.

        ``fifo``: what failed holds up the rest of its group.
        """
        done: set[int] = set()
        held_up: set[str] = set()

        def act() -> None:
            for message in batch:
                if message.group in held_up:
                    continue
                try:
                    take(message)
                    done.add(message.number)
                except Exception as fault:  # noqa: BLE001 - the record is delivered again
                    self._failed(message.name, fault)
                    if fifo:
                        held_up.add(message.group)

        first = batch[0]
        return done if self._worked(f"{function} {first.name} {first.received}", seconds, act) else set()

    def logged(self, line: str, said: Mapping[str, Any]) -> None:
        """A handler logs a line: what became of an event, or what the sweep mended, among others."""
        self.outside.append(f"{line} {said}")
        if line == "placed":
            answer = "quarantined " + said["reason"] if "outcome" not in said else str(said["outcome"])
            answer = "duplicate" if said.get("duplicate") else answer
            self.answers[answer] += 1
            self.clock.note(f"  {answer} {said.get('case')}")
        elif line == "mended":
            self.answers[f"mended {said['what']}"] += 1
            self.clock.note(f"  {said['what']} {said['case']}")

    def _intake(self, batch: list[Message]) -> set[int]:
        def take(message: Message) -> None:
            began = self.clock.now
            try:
                handlers.take_in(message)
            except Exception as fault:
                if all(_is_of_following(each) for each in _each(fault)):
                    self._others_are_told(message, began)
                raise

        return self._batch("intake", batch, 15, take)

    def _others_are_told(self, message: Message, began: float) -> None:
        """An event could not be followed somewhere, and nothing else was wrong: every case that is there has it all the same."""
        moment = datetime.fromtimestamp(self.clock.now, UTC)
        self.answers["told all, and somewhere not followed"] += 1
        for workflow, case in must_be_told(self.quiet, parse_once(message.body, now=moment), began):
            self.unexpected.append(
                f"{message.name}: {workflow} {case[:6]} is not told, since another cannot be followed"
            )

    def _invoke(self, what: str, payload: Mapping[str, Any]) -> Any:
        """One request of an execution to follow or to work."""
        answer: list[Any] = []

        def act() -> None:
            answer.append(handlers.work(payload) if payload["action"] == "work" else handlers.follow(payload))

        seconds = 60.0 if payload["action"] == "work" else FOLLOW_SECONDS
        if not self._worked(what, seconds, act):
            raise TimeoutError("the function failed")
        self.outside.append(repr(answer[0]))
        return answer[0]

    def doing(self, work: str, step: Step) -> Step:
        """See handlers.Wired.doing."""
        return _Counted(work, step, self)

    def ordered_by_hand(self, case: str) -> None:
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

    def _writeback(self, batch: list[Message]) -> set[int]:
        return self._batch("writeback", batch, 25, handlers.mirror, fifo=True)

    def _reconcile(self, batch: list[Message]) -> set[int]:
        return self._batch("reconcile", batch, 50, handlers.look)

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
            self.wakings.send(f"ended {name}", handlers.ended(name), delay=1)

    def _look_booked(self, at: float) -> None:
        """The sweep looks every minute; minutes in which nothing is booked are left out."""
        minute = int(max(at, self.clock.now) // 60) + 1
        if self._sweeps and minute not in self._sweep_at:
            self._sweep_at.add(minute)
            self.clock.at(minute * 60, lambda: self._sweep(minute), idle=True)

    def _pause(self, attempt: int) -> None:
        """Contenders spread out: up to 20 ms times the number of the try, at most half a second, each time another part."""
        worker = self.clock.worker
        part = self.dice.part(worker.key, (worker.calls << 10) + attempt) if worker is not None else 0.0
        self.clock.now += min(0.5, 0.02 * attempt) * part

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
        clock, settled = self.clock, set[str]()
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
                unsettled = self._not_undone() - settled
                if not unsettled:
                    self._look_for_doubles()
                    return
                settled |= unsettled
                for case in sorted(unsettled):
                    settle(self.services, case_from(self.table.memory.snapshot()[keys.meta(case)]))
        raise RuntimeError("the hospital does not come to rest")

    def _not_undone(self) -> set[str]:
        """The cases of which some step may be gone back to: the sweep would, at its next look, which may be an hour away."""
        return {
            key.pk.removeprefix("CASE#")
            for key, row in self.table.memory.snapshot().items()
            if key.sk.startswith("WORK#")
            and "done_at" not in row
            and row["tried_at"] + TRY_AGAIN_SECONDS <= self.clock.now
        }

    def _look_for_doubles(self) -> None:
        """The look that each case has once a day: what an attempt did too late, and did not live to take back, ends there."""
        doubled = self.emr.doubled()
        for order in self.emr.all(ORDER_TYPE):
            case = str(order["groupIdentifier"]["value"])
            known = self.ledger.get(LedgerKey("emr", ORDER_TYPE, f"{case}.{order['identifier'][0]['value']}"))
            if order["status"] == "active" and known is not None and known.status is LedgerStatus.RETRACTED:
                doubled.add((ORDER_TYPE, case))
        for kind, case in sorted(doubled):
            self.answers[f"{kind} {UNTIL_THE_DAILY_LOOK}"] += 1
            self.bring.bring(case, check=True)
            facility = str(self.table.memory.get(keys.meta(case))["facility"])  # type: ignore[index]
            take_doubles_back(self.client, self.ledger, case, facility, at=datetime.fromtimestamp(self.clock.now, UTC))

    # ── once more, at the end ────────────────────────────────────────────────────────────────────────────────────────────

    def redeliver(self) -> list[str]:
        """Deliver messages again that were answered, each second one; what it changed, though it must change nothing.

        Except where a step is still to be undone: whoever looks at the case when it is time tries that again. And the places of
        a patient's merged records become one when somebody looks there after one of the cases has ended.
        """
        before, owing = self.table.memory.snapshot(), self._not_undone()
        quarantined = {sk for pk, sk in before if pk.startswith("QUARANTINE#")}
        to_become_one = {key for key, row in before.items() if JOINS in row}
        wrong = []
        for raw in sorted(self.delivered):
            if zlib.crc32(raw.encode()) % 2 and self.services.keys.quarantine(raw.encode()).sk not in quarantined:
                answer = take_in(self.services, raw)
                if isinstance(answer, Kept) or not all(placed.duplicate for placed in answer):
                    wrong.append(f"delivered again, and taken for new: {raw[:120]}")
        after = self.table.memory.snapshot()
        changed = [
            key
            for key in before.keys() | after.keys()
            if before.get(key) != after.get(key)
            and key.pk.removeprefix("CASE#") not in owing
            and key not in to_become_one
        ]
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


class _Shard:
    """A part of the stream: its records, and how far it was read."""

    __slots__ = ("checkpoint", "failures", "reading", "records", "size")

    def __init__(self) -> None:
        self.records: list[Item] = []
        self.checkpoint = 0
        self.size = STREAM_BATCH
        self.failures = 0
        self.reading = False


STREAM_BATCH = 100
SHARDS = 2


class _Stream:
    """The table's stream as relay reads it: in order within a shard, in batches; what failed is halved, and holds up its shard.

    A record that failed is tried so often more, and given up. (Halving is a retry here, which it is not on AWS.)
    """

    RETRIES = 10

    def __init__(self, clock: Clock, relay: Callable[[Item], None], lost: list[Item]) -> None:
        self._clock, self._relay, self._lost = clock, relay, lost
        self._shards = [_Shard() for _ in range(SHARDS)]
        self._count = 0

    def put(self, item: Item) -> None:
        """A journal entry was inserted."""
        shard = self._shards[zlib.crc32(item["pk"].encode()) % SHARDS]
        shard.records.append(item)
        if not shard.reading:
            shard.reading = True
            self._soon(shard)

    def _soon(self, shard: _Shard) -> None:
        """Ask for what is new, a little later."""
        self._count += 1
        dice, key = self._clock.dice, 7_000_000 + self._count
        wait = 0.2 + 0.3 * dice.part(key, 0)
        if dice.hit(Fault.STREAM_LATE, key, 0):
            wait += 60 * dice.part(key, 1)
        self._clock.after(wait, lambda: self._read(shard))

    def _read(self, shard: _Shard) -> None:
        clock = self._clock
        batch = shard.records[shard.checkpoint : shard.checkpoint + shard.size]
        failed: list[int] = []

        def act() -> None:
            for place, item in enumerate(batch):
                try:
                    self._relay(item)
                except (ClientError, NotAccepted):
                    failed.append(place)

        self._count += 1
        try:
            clock.work(f"relay {self._count}", 30, act)
        except Died:
            failed.insert(0, 0)
        if not failed:
            # Handled, and its answer was lost: at least once, as Lambda promises.
            again = clock.dice.hit(Fault.STREAM_AGAIN, 7_000_000 + self._count, 2)
            shard.checkpoint += 0 if again else len(batch)
            shard.size, shard.failures = STREAM_BATCH, 0
        else:
            shard.checkpoint += failed[0]
            shard.size = max(1, len(batch) // 2)
            shard.failures = 1 if failed[0] else shard.failures + 1
            if shard.failures > self.RETRIES:
                self._lost.append(shard.records[shard.checkpoint])
                shard.checkpoint += 1
                shard.size, shard.failures = STREAM_BATCH, 0
            else:
                clock.after(1, lambda: self._read(shard))
                return
        shard.reading = shard.checkpoint < len(shard.records)
        if shard.reading:
            self._soon(shard)


def _each(fault: BaseException) -> Iterator[BaseException]:
    if isinstance(fault, BaseExceptionGroup):
        for each in fault.exceptions:
            yield from _each(each)
    else:
        yield fault


def _is_of_following(fault: BaseException) -> bool:
    """Whether an execution could not be started or signalled."""
    return isinstance(fault, ClientError) and fault.operation_name in ("StartExecution", "SendTaskSuccess")


def must_be_told(services: Services, event: Event, since: float) -> Iterator[tuple[str, str]]:
    """The open cases, begun before, that an event concerns and that have no mark of it: each with its workflow."""
    table = services.table
    for workflow in services.library.workflows_for(event.type):
        if is_for_every_case(services, workflow, event):
            group = group_of(services, workflow, event)
            cases = [row["case"] for row in read_all(table, group or "none", keys.MEMBER) if "closed_at" not in row]
            marks = [services.keys.mark(event.facility, event.event_id, workflow, case) for case in cases]
            if table.get(services.keys.mark(event.facility, event.event_id, workflow)) is not None:
                continue  # all that were open then have been told; the others opened since
        else:
            place = survivor_of(services, correlation_of(services, workflow, event)).place
            cases = [place.case] if place is not None and place.open else []
            marks = [services.keys.mark(event.facility, event.event_id, workflow)] * len(cases)
        for case, mark in zip(cases, marks, strict=True):
            row = load_case(services, case)
            if row is not None and row.ended_at is None and row.opened_at < since and table.get(mark) is None:
                yield workflow, case
