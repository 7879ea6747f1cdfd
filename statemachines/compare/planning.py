"""Plans a migration: proves for each state of the old version that its cases can go on in the new one, or says why not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from statemachines.compare.durations import in_words, length
from statemachines.compare.guards import Reasoner
from statemachines.compare.migration import (
    MigrationPlan,
    Obstacle,
    Owner,
    Proof,
    Refusal,
    StateMove,
    Timer,
    UnknownInMapping,
    Way,
)
from statemachines.compare.obstacles import CHECKS, FINISH, Crossing, Found, skipped, taken, waiting_events
from statemachines.compare.paths import Paths
from statemachines.compare.sense import sense_of
from statemachines.compare.settings import Pair, Pairs, Setting, pairs
from statemachines.compare.words import Words, id_order, listed
from statemachines.definition import DEADLINE_MISSED, Definition, Name, State, StateKind, digest
from statemachines.policy import Policy

AT = "@"
"""Between a state and a facility, where a mapping is for that facility's cases only."""

DEFAULTS = "defaults"
"""Stands for the facility when there is none: both versions under their own limits, everybody on shift."""


def plan(
    old: Definition,
    new: Definition,
    policies: Iterable[Policy],
    mapping: Mapping[str, Name] | None = None,
) -> MigrationPlan:
    """For each state of ``old``, where its cases go on in ``new``, at which facilities, or why not.

    A state's target is the one that ``mapping`` names, else the state of the same name. A key of the mapping is a state, or
    ``state@facility`` for the cases of one facility, which goes before the state alone. Raises UnknownInMapping when the
    mapping names a state that a version does not have, or a facility that no policy is for.
    """
    reasoner = Reasoner(sense_of(old, new))
    return plan_within(old, new, pairs(old, new, policies, reasoner), reasoner, mapping or {})


def plan_within(
    old: Definition, new: Definition, both: Pairs, reasoner: Reasoner, mapping: Mapping[str, Name]
) -> MigrationPlan:
    """The same, of versions that are laid side by side already."""
    _require_known(old, new, mapping, {*both.titles} or {DEFAULTS})
    planner = _Planner(old, new, both, reasoner, mapping)
    moves = tuple(move for state in old.states for move in planner.moves(state))
    return MigrationPlan(new.workflow, old.version, new.version, digest(old), digest(new), moves)


def _require_known(old: Definition, new: Definition, mapping: Mapping[str, Name], facilities: set[str]) -> None:
    keys = [key.partition(AT) for key in mapping]
    for names, definition in (([state for state, _, _ in keys], old), (mapping.values(), new)):
        known = {state.name for state in definition.states}
        unknown = sorted(set(names) - known)
        if unknown:
            raise UnknownInMapping(
                f"version {definition.version} has no state {listed(unknown, 'or')}; it has {', '.join(sorted(known))}"
            )
    strangers = sorted({facility for _, at, facility in keys if at} - facilities)
    if strangers:
        raise UnknownInMapping(
            f"there is no facility {listed(strangers, 'or')}; there are {', '.join(sorted(facilities))}"
        )


@dataclass(frozen=True, slots=True)
class _At:
    """One facility, both versions as it runs them."""

    facility: str
    pair: Pair


class _Planner:
    def __init__(
        self, old: Definition, new: Definition, both: Pairs, reasoner: Reasoner, mapping: Mapping[str, Name]
    ) -> None:
        self.old, self.new = old, new
        self.both = both
        self.reasoner = reasoner
        self.mapping = mapping
        self.states = {state.name: state for state in new.states}
        self.words = Words(new)
        self.paths: dict[int, Paths] = {}
        self.looked_at: dict[tuple[Name, Name, int, int], tuple[Found, ...]] = {}
        self.places = [_At(pair.facility or DEFAULTS, pair) for pair in both.facilities] or (
            [] if both.unfit else [_At(DEFAULTS, both.defaults)]
        )

    def moves(self, state: State) -> tuple[StateMove, ...]:
        """Where the cases in a state go on: one move, or one for each target where facilities' targets differ."""
        here = {at.facility for at in self.places if state.name in at.pair.old.entered}
        facilities = tuple(sorted({*here, *self.both.unfit}))
        if state.kind is StateKind.END:
            return (StateMove(state.name, state.title, state.kind, None, "", facilities),)
        general = self.mapping.get(state.name, state.name)
        targets: dict[Name, list[str]] = {general: []}
        for facility in facilities:
            targets.setdefault(self.mapping.get(f"{state.name}{AT}{facility}", general), []).append(facility)
        if facilities and not targets[general]:
            del targets[general]
        return tuple(
            self._move(state, self.states.get(target), tuple(places), everywhere=len(targets) == 1)
            for target, places in targets.items()
        )

    def _move(self, state: State, target: State | None, facilities: tuple[str, ...], *, everywhere: bool) -> StateMove:
        here = [at for at in self.places if state.name in at.pair.old.entered and at.facility in facilities]
        title = target.title if target is not None else ""
        name = target.name if target is not None else None
        whole = self._whole(state, target)
        if whole or target is None:
            refusals = whole if everywhere else tuple(replace(refusal, facilities=facilities) for refusal in whole)
            return StateMove(
                state.name, state.title, state.kind, name, title, facilities, refusals, everywhere=everywhere
            )
        refusals = self._refusals(state, target, here, facilities, everywhere=everywhere)
        moving = [at for at in here if not any(not r.facilities or at.facility in r.facilities for r in refusals)]
        return StateMove(
            state.name,
            state.title,
            state.kind,
            target.name,
            title,
            facilities,
            refusals,
            self._proof(state, target, moving) if moving else None,
            self._notes(state, target),
            everywhere,
        )

    # ── refusals ─────────────────────────────────────────────────────────────────────────────────────────────────────────
    def _whole(self, state: State, target: State | None) -> tuple[Refusal, ...]:
        """What stands in the way at every facility, before any state is looked at."""
        if self.old.workflow != self.new.workflow:
            sentence = f"{self.new.workflow} is another workflow than {self.old.workflow}"
            return (Refusal(Obstacle.OTHER_WORKFLOW, sentence, FINISH),)
        if self.old.correlation is not self.new.correlation:
            sentence = f"one case per {self.old.correlation} became one case per {self.new.correlation}"
            return (Refusal(Obstacle.OTHER_CORRELATION, sentence, FINISH),)
        if target is None:
            like = self._like(state)
            mend = f"map it: {state.name}={like}" if like is not None else f"map it: {state.name}=STATE"
            sentence = f"the new version has no state {state.name}"
            return (Refusal(Obstacle.NO_TARGET, sentence, f"{mend}; or {FINISH}"),)
        return ()

    def _like(self, state: State) -> Name | None:
        """A new state that shows the same in the EMR, has the same title, or the same owner and task: perhaps a new name of it."""
        known = {s.name for s in self.old.states}
        for other in self.new.states:
            same = (
                other.emr.business_status == state.emr.business_status
                or other.title == state.title
                or (other.owner, other.instruction) == (state.owner, state.instruction)
            )
            if other.name not in known and other.kind is state.kind and same:
                return other.name
        return None

    def _refusals(
        self, state: State, target: State, here: list[_At], facilities: tuple[str, ...], *, everywhere: bool
    ) -> tuple[Refusal, ...]:
        """Why cases stay; what holds everywhere names no facility."""
        where: dict[Found, list[str]] = {}
        for facility in sorted(self.both.unfit.keys() & {*facilities}):
            problem = self.both.unfit[facility]
            found = Found(Obstacle.OVERLAY_DOES_NOT_FIT, problem, "mend the overlay first")
            where.setdefault(found, []).append(facility)
        for at in here:
            for found in self._found(state, target, at):
                advised = self._advised(found, state, target, at)
                where.setdefault(advised, []).append(at.facility)
        return tuple(
            Refusal(
                found.obstacle,
                found.sentence,
                found.mend,
                () if everywhere and set(places) == set(facilities) and not self.both.unfit else tuple(sorted(places)),
            )
            for found, places in where.items()
        )

    def _found(self, state: State, target: State, at: _At) -> tuple[Found, ...]:
        """What stands in the way of one facility's cases; those that share their paths share what was found."""
        crossing = self._crossing(state, target, at)
        key = (state.name, target.name, id(crossing.old), id(crossing.new))
        if key not in self.looked_at:
            self.looked_at[key] = tuple(found for check in CHECKS for found in check(crossing))
        return (*self.looked_at[key], *self._unowned(target, at))

    def _advised(self, found: Found, state: State, target: State, at: _At) -> Found:
        """What to do about a skipped validation is to do it, where the step in which it is done takes the cases."""
        if found.obstacle is not Obstacle.VALIDATION_SKIPPED:
            return found
        crossing = self._crossing(state, target, at)
        steps = crossing.new.validating(skipped(crossing))
        for step in steps:
            if not self._found(state, step, at):
                mend = f"map them to the step in which it is done (--map STATE{AT}FACILITY={step.name}), or {FINISH}"
                return found._replace(mend=mend)
        see = f" (--map STATE{AT}FACILITY={steps[0].name} tells why)" if steps else ""
        return found._replace(mend=f"{FINISH}: the step in which it is done does not take them either{see}")

    def _crossing(self, state: State, target: State, at: _At) -> Crossing:
        old, new = self._paths(at.pair.old), self._paths(at.pair.new)
        return Crossing(state, target, old, new, self.words, self.reasoner)

    def _unowned(self, target: State, at: _At) -> list[Found]:
        """Whether in some shift nobody would own the case."""
        if target.kind is StateKind.END:
            return []
        if target.owner is None:
            return [Found(Obstacle.NO_OWNER, f"nobody owns “{target.title}”", "name its owner in the new version")]
        if at.pair.new.policy is None:
            return []
        items = target.checklist.items if target.checklist is not None else ()
        found = []
        for role in dict.fromkeys((target.owner, *(item.owner for item in items))):
            chain = at.pair.new.chain(role)
            found += [
                Found(
                    Obstacle.NO_OWNER,
                    f"in the shift {shift.name} nobody would own “{target.title}”: "
                    f"{listed([self.words.role(each) for each in chain], 'or')} is not staffed",
                    "let the overlay name who stands in",
                )
                for shift in at.pair.new.policy.shifts
                if not any(each in shift.staffed for each in chain)
            ]
        return found

    # ── proofs ───────────────────────────────────────────────────────────────────────────────────────────────────────────
    def _proof(self, state: State, target: State, moving: list[_At]) -> Proof:
        crossing = self._crossing(state, target, moving[0])
        known = [self._paths(at.pair.old).surely_known.get(state.name, frozenset()) for at in moving]
        return Proof(
            ways=self._ways(target, moving),
            owners=tuple(owner for at in moving for owner in self._owners(target, at)),
            timers=self._timers(state, target, moving),
            known=tuple(sorted(frozenset.intersection(*known))),
            answered={event: taken(crossing, event) or "" for event in sorted(waiting_events(state))},
            emr=(state.emr.status, target.emr.status),
        )

    def _ways(self, target: State, moving: list[_At]) -> tuple[Way, ...]:
        found: dict[tuple[tuple[str, ...], tuple[str, ...]], list[str]] = {}
        for at in moving:
            paths = self._paths(at.pair.new)
            leaving = {e.transition.id for e in paths.leaving(target.name) if e.transition.on != DEADLINE_MISSED}
            way = (
                tuple(sorted(leaving, key=id_order)),
                paths.way_to_end(target.name) or (),
            )
            found.setdefault(way, []).append(at.facility)
        return tuple(Way(tuple(places), *way) for way, places in found.items())

    def _owners(self, target: State, at: _At) -> list[Owner]:
        if target.owner is None:
            return []
        policy = at.pair.new.policy
        if policy is None:
            return [Owner(at.facility, "", target.owner)]
        chain = at.pair.new.chain(target.owner)
        return [
            Owner(at.facility, shift.name, next(role for role in chain if role in shift.staffed))
            for shift in policy.shifts
        ] or [Owner(at.facility, "", target.owner)]

    def _timers(self, state: State, target: State, moving: list[_At]) -> tuple[Timer, ...]:
        found: dict[tuple[str, str, float | None], list[str]] = {}
        for at in moving:
            old, new = at.pair.old, at.pair.new
            shorter: float | None = None
            if state.deadline is not None and target.deadline is not None:
                before, after = length(state.deadline.within, old.values), length(target.deadline.within, new.values)
                if before.business_days is None and after.business_days is None and before.since == after.since:
                    shorter = before.seconds - after.seconds
            before_words = in_words(state.deadline, old.values, Words(self.old))
            after_words = in_words(target.deadline, new.values, self.words)
            found.setdefault((before_words, after_words, shorter), []).append(at.facility)
        return tuple(Timer(tuple(places), *limits) for limits, places in found.items())

    def _notes(self, state: State, target: State) -> tuple[str, ...]:
        notes = []
        if state.owner != target.owner:
            notes.append(
                f"the owner changes from {Words(self.old).role(state.owner)} to {self.words.role(target.owner)}: "
                "open tasks are handed off"
            )
        known = {item.name for item in state.checklist.items} if state.checklist is not None else set()
        items = [item.title for item in target.checklist.items] if target.checklist is not None else []
        new_items = [i.title for i in target.checklist.items if i.name not in known] if target.checklist else []
        if items and new_items:
            notes.append(f"on the checklist {listed(new_items)} will be open")
        if target.work is not None:
            notes.append(f"{target.work.name} is begun again; it finds what it did already")
        before = {p.name: p for p in self.old.parameters}
        notes += [
            f"a care plan that set {parameter.title} before the move does not count; the facility's value does"
            for parameter in self.new.parameters
            if parameter.patient and not (parameter.name in before and before[parameter.name].patient)
        ]
        return tuple(notes)

    def _paths(self, setting: Setting) -> Paths:
        """Facilities in which the same arrows can be taken share what was found out."""
        key = id(setting.edges)
        if key not in self.paths:
            self.paths[key] = Paths(setting, self.reasoner)
        return self.paths[key]
