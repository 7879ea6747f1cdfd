"""A whole stack in this process, on a clock that follows the data: the same use cases, for large data.

Memory is bounded: an encounter is let go once its data has ended and some time has passed, with its case, its marks and
its execution; what expires is forgotten when the clock passes it, as the table's TTL does.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from events.catalog import ShiftStarted
from events.envelope import Source
from functions.cases import keys
from functions.cases.adapters.following import FollowingExecutions
from functions.cases.adapters.memory import MemoryTable
from functions.cases.facilities import register
from functions.cases.intake import take_in
from functions.cases.journal import broken_links
from functions.cases.keys import Keyring
from functions.cases.library import Library
from functions.cases.marks import MARK_KEPT_SECONDS
from functions.cases.ports import Services, Signal
from functions.cases.quarantine import Kept
from functions.cases.rows import CaseRow
from functions.cases.store import load_case
from functions.cases.sweep import Mended, sweep
from functions.cases.table import Delete, Key, read_all
from functions.cases.unopened import EARLY_LOOK_SECONDS
from functions.cases.work import perform
from local.replay.course import PROVIDER, THERAPIST
from local.replay.ledger import DUPLICATE, QUARANTINED, UNSETTLED, Ledger, Sent, Settled
from local.replay.lookup import TableLookup
from local.replay.message import Message, Names, bus_event
from local.replay.runner import Cases, placed
from statemachines.decide import Outcome
from statemachines.definition import Definition
from statemachines.policy import Policy

WATCHED_SECONDS = 24 * 3600.0
"""How long after its last record an encounter is watched."""

_STAFF = (PROVIDER, THERAPIST, ("REPLAY-RN", "RN"), ("REPLAY-RT-LEAD", "RT_LEAD"), ("REPLAY-CHARGE", "CHARGE_NURSE"))
_KEY = b"baton replay in this process only"
_MAX_DISAGREEING = 100
_REVIEWED_SECONDS = MARK_KEPT_SECONDS - 3600
"""When the last word on an event that waits is taken from its mark: before the mark is forgotten."""


def quarantine_key(name: str) -> Key:
    """Where something of that name is in quarantine."""
    return Key("QUARANTINE#" + name[:1], name)


class Succeeds:
    """A system step in a world where the EMR takes and shows everything."""

    def __init__(self, outcome: str) -> None:
        self._outcome = outcome

    def perform(self, row: CaseRow) -> str:  # noqa: ARG002
        """The good outcome."""
        return self._outcome

    def compensate(self, row: CaseRow) -> None:
        """Nothing was done."""


class _Executions(FollowingExecutions):
    """Executions that can be forgotten."""

    def forget(self, case: str, generation: int) -> None:
        """Let go of an execution, its token and, when its moment passes, its timer."""
        execution = self.executions.pop((case, generation), None)
        if execution is not None and execution.token is not None:
            self._tokens.pop(execution.token, None)


class NoMirrors:
    """A replay in memory has no EMR to show anything."""

    def ask(self, case: str, entry: str) -> None:
        """See Mirrors.ask: nobody is there to be asked."""

    def check(self, case: str, entry: str) -> None:
        """See Mirrors.check: nobody is there to be asked."""


class InMemory:
    """Runs use cases on the table and the executions of this process."""

    def __init__(
        self,
        definitions: Iterable[Definition],
        policy: Policy,
        ledger: Ledger,
        *,
        span: tuple[float, float],
        watched_seconds: float = WATCHED_SECONDS,
    ) -> None:
        """``span`` is when the first and the last message come."""
        definitions = tuple(definitions)
        # Outcomes are declared with the good one first.
        self._steps = {
            state.work.name: Succeeds(state.work.outcomes[0]) for d in definitions for state in d.states if state.work
        }
        self._ledger, self._watched = ledger, watched_seconds
        self.now = span[0]
        self.table = MemoryTable()
        self.executions = _Executions({(d.workflow, d.version): d for d in definitions}, self._perform)
        self.services = Services(
            table=self.table,
            executions=self.executions,
            keys=Keyring(_KEY),
            library=Library(self.table, definitions),
            now=lambda: self.now,
            pause=lambda _: None,
        )
        self.executions.services = self.services
        self._lookup = TableLookup(self.services)
        self._cases = Cases()
        self._open: dict[str, dict[str, None]] = {}
        self._retirements: list[tuple[float, str]] = []
        self._reviews: list[tuple[float, int, Sent]] = []
        self._sweep_at: float | None = None
        self._sweep_until = span[0]
        self._held_seconds = 60 * max(expected.hold_minutes for d in definitions for expected in d.events)
        register(self.table, policy, {d.workflow: d.version for d in definitions}, definitions)
        self._staff(policy.facility, span[1] + watched_seconds + 24 * 3600)

    def _perform(self, services: Services, case: str, generation: int, visit: int, work: str) -> Signal:
        return perform(services, case, generation, visit, work, self._steps[work])

    def _staff(self, facility: str, until: float) -> None:
        """Somebody of every role is on shift all the time: who is short of staff is not in the data."""
        names = Names(_KEY)
        for person, role in _STAFF:
            end = bus_event(ShiftStarted, {}, source=Source.ROSTER, event_id="x", occurred_at=until, facility=facility)
            event = bus_event(
                ShiftStarted,
                {"staff_id": person, "roles": [role], "until": end["detail"]["occurred_at"]},
                source=Source.ROSTER,
                event_id=names.name("shift", person),
                occurred_at=self.now,
                facility=facility,
            )
            taken = take_in(self.services, Message(event, 0, "", self.now, self.now).raw)
            if isinstance(taken, Kept):
                raise RuntimeError(f"the roster was not taken in: {taken.reason} at {taken.where}")

    # ── the runner ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def deliver(self, message: Message) -> None:
        """Let the clock go on to the message's moment, and take it in."""
        self._advance(message.at)
        if message.encounter not in self._open:
            self._open[message.encounter] = {}
            heapq.heappush(self._retirements, (message.last + self._watched, message.encounter))
        taken = take_in(self.services, message.raw)
        self.executions.run()
        if isinstance(taken, Kept):
            self._ledger.note(message, Settled(QUARANTINED, taken.reason, taken.id))
            return
        for place in taken:
            if place.case is not None:
                self._open[message.encounter][place.case] = None
        settled = placed([Settled(DUPLICATE if p.duplicate else p.outcome, p.reason) for p in taken])
        if settled.outcome == Outcome.HELD_EARLY:
            self._sweep_at = self._sweep_at or self.now + EARLY_LOOK_SECONDS
            self._sweep_until = self.now + self._held_seconds + EARLY_LOOK_SECONDS
            # Where it will be if no case opens for it.
            settled = settled._replace(quarantine=self.services.keys.quarantine(message.raw.encode()).sk)
        id = self._ledger.note(message, settled)
        if settled.outcome in UNSETTLED:
            sent = Sent(
                id,
                message.event_id,
                message.type,
                message.facility,
                settled.outcome,
                settled.quarantine,
                message.encounter,
            )
            heapq.heappush(self._reviews, (self.now + _REVIEWED_SECONDS, id, sent))

    def finish(self) -> Cases:
        """Let time pass until every encounter has been let go."""
        while self._retirements:
            self._advance(self._retirements[0][0])
        return self._cases

    # ── the clock ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _advance(self, to: float) -> None:
        """Go on to a moment; deadlines, sweeps and retirements happen at theirs."""
        while True:
            timer = self.executions.next_timer()
            retire = self._retirements[0][0] if self._retirements else None
            review = self._reviews[0][0] if self._reviews else None
            moments = [at for at in (timer, retire, review, self._sweep_at) if at is not None and at <= to]
            if not moments:
                break
            self.now = max(self.now, min(moments))
            if self._sweep_at is not None and self._sweep_at <= self.now:
                self._sweep()
            self.executions.run()
            while self._reviews and self._reviews[0][0] <= self.now:
                self._settle(heapq.heappop(self._reviews)[2])
            while self._retirements and self._retirements[0][0] <= self.now:
                self._retire(heapq.heappop(self._retirements)[1])
        self.now = max(self.now, to)
        self.table.forget(self.now)

    def _sweep(self) -> None:
        """Look after events that wait for a case; as long as one may wait, look again."""
        looked = sweep(self.services, NoMirrors())
        self._cases.mended.update(str(look.mended) for look in looked if look.mended is not Mended.NOTHING)
        again = self.now + EARLY_LOOK_SECONDS
        self._sweep_at = again if again <= self._sweep_until else None

    # ── letting go ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _retire(self, encounter: str) -> None:
        """Note how the encounter's events and cases ended, and forget them."""
        for case in self._open.pop(encounter):
            self._count(case)
        later = []
        for review in self._reviews:
            if review[2].encounter == encounter:
                self._settle(review[2])
            else:
                later.append(review)
        heapq.heapify(later)
        self._reviews = later
        for sent in self._ledger.of_encounter(encounter):
            for workflow in self.services.library.workflows_for(sent.type):
                self.table.drop(self.services.keys.mark(sent.facility, sent.event_id, workflow).pk)
            if sent.quarantine is not None:
                self.table.write((Delete(quarantine_key(sent.quarantine)),))

    def _settle(self, sent: Sent) -> None:
        marked = self._lookup.marked(sent.facility, sent.event_id, sent.type)
        kept = self.table.get(quarantine_key(sent.quarantine)) if sent.quarantine is not None else None
        if marked is None and kept is not None:
            marked = Settled(QUARANTINED, kept["reason"], sent.quarantine)
        if marked is None:
            raise LookupError(f"event {sent.event_id} was {sent.outcome} and is now nowhere")
        self._ledger.settle(sent.id, marked)

    def _count(self, case: str) -> None:
        row = load_case(self.services, case)
        if row is None:
            raise LookupError(f"case {case} is gone")
        journal = read_all(self.table, keys.case_pk(case), "J#")
        visited = [visit["to"] for visit in read_all(self.table, keys.case_pk(case), "V#")]
        self._cases.opened += 1
        (self._cases.left_open if row.ended_at is None else self._cases.ended)[row.state] += 1
        self._cases.transitions.update(entry["transition"] for entry in journal if "transition" in entry)
        self._cases.missed_deadlines += sum(bool(entry.get("missed_deadline")) for entry in journal)
        self._cases.escalations += sum(bool(entry.get("escalation")) for entry in journal)
        self._cases.longest = max(self._cases.longest, len(visited))
        disagrees = self.executions.followed(case) != visited or broken_links(journal)
        if disagrees and len(self._cases.disagreeing) < _MAX_DISAGREEING:
            self._cases.disagreeing.append(case)
        for generation in range(1, row.generation + 1):
            self.executions.forget(case, generation)
        self.table.drop(keys.case_pk(case))
        self.table.drop(row.correlation)
        if row.group is not None:
            self.table.drop(row.group)
