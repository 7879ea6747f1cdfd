"""Guards that compete: never true, overlapping, leaving gaps, or always forestalled, with values that show it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from statemachines.definition import CHECKLIST_COMPLETED, DEADLINE_MISSED
from statemachines.verify import codes
from statemachines.verify.comparison import Context
from statemachines.verify.contradictions import never_true
from statemachines.verify.domain import Example
from statemachines.verify.finding import Finding
from statemachines.verify.graph import step
from statemachines.verify.index import OPENING, Edge, Index, answers
from statemachines.verify.intervals import Contest, Overlapping, TooManyCells, Verdict
from statemachines.verify.machines import Group, Machines, Variant, anything, no_blocking
from statemachines.verify.overlays import Overlay
from statemachines.verify.smt import Solver, Undecided, Wanted


def check_guards(machines: Machines, solver: Solver) -> Iterator[Finding]:
    """Every group of competing arrows, under every class of overlays that its guards can tell apart."""
    for group in machines.groups:
        yield from _Competition(machines, solver, group).check()
    yield from _time_limits(machines, solver)


class _Competition:
    """One group of arrows under all overlays."""

    def __init__(self, machines: Machines, solver: Solver, group: Group) -> None:
        self.machines, self.solver, self.group = machines, solver, group
        self.index: Index = machines.index
        self.exact = False
        self.needs_answer = group.state != OPENING and self._needs_answer()
        self.by_role = len(group.edges) > 1 and any(edge.transition.by for edge in group.edges)

    def _needs_answer(self) -> bool:
        """Whether a gap between the guards would leave the event without an answer."""
        if self.group.event in (DEADLINE_MISSED, CHECKLIST_COMPLETED) or self.group.event in self.index.outcomes:
            return True
        return answers(self.index.states[self.group.state], self.group.event) is None

    def check(self) -> Iterator[Finding]:
        machines, group = self.machines, self.group
        never: dict[int, list[int]] = {}
        for members in machines.classes(group.contest.policy):
            for alike in self._by_roles(members):
                self.exact = False
                if self._clean(machines.overlays[alike[0]], machines.union):
                    continue
                self.exact = True
                for own in machines.classes(group.contest.patient):
                    for variant, inside in self._by_variant([place for place in own if place in alike]):
                        if group.state == OPENING or variant.graph.reached[group.state]:
                            yield from self._findings(variant, inside, never)
        for place, overlays in never.items():
            yield from self._never(place, overlays)

    def _by_roles(self, members: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if not self.by_role:
            yield members
            return
        alike: dict[tuple[frozenset[str], ...], list[int]] = {}
        for place in members:
            overlay = self.machines.overlays[place]
            roles = tuple(overlay.performing(edge.transition.by) for edge in self.group.edges)
            alike.setdefault(roles, []).append(place)
        yield from map(tuple, alike.values())

    def _by_variant(self, members: Sequence[int]) -> Iterator[tuple[Variant, tuple[int, ...]]]:
        found: dict[int, list[int]] = {}
        variants = {}
        for place in members:
            variant = self.machines.variant_of[place]
            variants[id(variant)] = variant
            found.setdefault(id(variant), []).append(place)
        for key, inside in found.items():
            yield variants[key], tuple(inside)

    # ── questions ────────────────────────────────────────────────────────────────────────────────────────────────────────
    def _blocking(self, overlay: Overlay) -> tuple[int, ...]:
        """For each arrow, a bit mask of the earlier ones that are taken before it by whoever could take it."""
        found = []
        for later, edge in enumerate(self.group.edges):
            roles = overlay.performing(edge.transition.by)
            mask = 0
            for earlier in range(later):
                other = self.group.edges[earlier].transition
                theirs = overlay.performing(other.by)
                if not other.separate_from and (not theirs or (roles and roles <= theirs)):
                    mask |= 1 << earlier
            found.append(mask)
        return tuple(found)

    def _meet(self, first: int, second: int, overlay: Overlay) -> bool:
        """Whether one actor may take either of two arrows."""
        a = overlay.performing(self.group.edges[first].transition.by)
        b = overlay.performing(self.group.edges[second].transition.by)
        return not a or not b or bool(a & b)

    def _verdict(self, overlay: Overlay, context: Context, blocking: tuple[int, ...]) -> Verdict:
        contest = self.group.contest
        try:
            return contest.decide(overlay.parameters, context, blocking)
        except TooManyCells:
            return _anything_may_be(len(contest.guards))

    def _solved(self, wanted: Sequence[Wanted], context: Context, overlay: Overlay) -> Example | None:
        """Values from the solver: with a patient's limits free, or (``self.exact``) as they can really come together."""
        try:
            found = self.solver.example(wanted, context, overlay.parameters)
            if found is None or not self.exact:
                return found
            return self.solver.example(wanted, context, overlay.parameters, exact=True)
        except Undecided:
            return {}

    def _guard(self, place: int, holds: bool = True) -> Wanted:
        return Wanted(self.group.contest.guards[place], holds)

    def _possible(self, place: int, verdict: Verdict, context: Context, overlay: Overlay) -> bool:
        if place not in verdict.possible or place in verdict.certain:
            return place in verdict.possible
        return self._solved((self._guard(place),), context, overlay) is not None

    def _forestalled(self, place: int, verdict: Verdict, blocking: int, context: Context, overlay: Overlay) -> bool:
        if not blocking or place not in verdict.possible or place in verdict.free:
            return False
        if place in verdict.forestalled:
            return True
        blockers = [other for other in range(place) if blocking >> other & 1]
        wanted = (self._guard(place), *(self._guard(other, False) for other in blockers))
        return self._solved(wanted, context, overlay) is None

    def _overlap(
        self, first: int, second: int, given: Example | None, context: Context, overlay: Overlay
    ) -> Example | None:
        if given is not None:
            return given
        return self._solved((self._guard(first), self._guard(second)), context, overlay)

    def _gap(self, verdict: Verdict, context: Context, overlay: Overlay) -> Example | None:
        if not verdict.gap:
            return None
        if verdict.gap_example is not None:
            return verdict.gap_example
        return self._solved([self._guard(place, False) for place in range(len(self.group.edges))], context, overlay)

    def _clean(self, overlay: Overlay, variant: Variant) -> bool:
        """Whether nothing is wrong with the group; with the knowledge that all variants share, so it holds in each."""
        context = variant.knowledge.context(self.group.state, self.group.event)
        blocking = self._blocking(overlay)
        verdict = self._verdict(overlay, context, blocking)
        for place in range(len(self.group.edges)):
            if not self._possible(place, verdict, context, overlay):
                return False
            if self._forestalled(place, verdict, blocking[place], context, overlay):
                return False
        for pair in verdict.overlaps:
            if self._meet(pair.first, pair.second, overlay) and (
                self._overlap(pair.first, pair.second, pair.example, context, overlay) is not None
            ):
                return False
        return not self.needs_answer or self._gap(verdict, context, overlay) is None

    # ── findings ─────────────────────────────────────────────────────────────────────────────────────────────────────────
    def _findings(self, variant: Variant, members: tuple[int, ...], never: dict[int, list[int]]) -> Iterator[Finding]:
        overlay = self.machines.overlays[members[0]]
        context = variant.knowledge.context(self.group.state, self.group.event)
        blocking = self._blocking(overlay)
        verdict = self._verdict(overlay, context, blocking)
        forestalled = set()
        for place in range(len(self.group.edges)):
            if not self._possible(place, verdict, context, overlay):
                never.setdefault(place, []).extend(members)
            elif self._forestalled(place, verdict, blocking[place], context, overlay):
                forestalled.add(place)
                yield self._shadowed(place, blocking[place], variant, members)
        for pair in verdict.overlaps:
            if pair.second in forestalled or not self._meet(pair.first, pair.second, overlay):
                continue
            example = self._overlap(pair.first, pair.second, pair.example, context, overlay)
            if example is not None:
                yield self._overlapping(pair.first, pair.second, example, variant, members)
        if self.needs_answer:
            gap = self._gap(verdict, context, overlay)
            if gap is not None:
                yield self._gapping(gap, variant, members)

    def _trace(self, variant: Variant, edge: Edge | None, example: Example | None) -> tuple[str, ...]:
        way = variant.graph.way_to(self.group.state) if self.group.state != OPENING else ()
        last = step(edge) if edge is not None else self.group.event
        words = self.machines.vocabulary.words(example) if example else ""
        return (*way, f"{last} with {words}" if words else last)

    def _here(self) -> str:
        if self.group.edges[0].transition.reopens:
            return f"after {self.index.title(self.group.state)}"
        return f"in {self.index.title(self.group.state)}" if self.group.state != OPENING else "while no case is open"

    def _state(self) -> str | None:
        return self.index.states[self.group.state].name if self.group.state != OPENING else None

    def _shadowed(self, place: int, blocking: int, variant: Variant, members: tuple[int, ...]) -> Finding:
        edge = self.group.edges[place]
        before = [self.group.edges[other] for other in range(place) if blocking >> other & 1]
        names = ", ".join(other.transition.id for other in before)
        return codes.SHADOWED.found(
            self.index.place(
                state=self._state(),
                transition=edge.transition.id,
                event=self.group.event,
                facilities=self.machines.facilities(members),
            ),
            f"{edge.transition.id} is never taken {self._here()}: whenever it could be, {names} "
            f"{'is' if len(before) == 1 else 'are'} taken first.",
            self._trace(variant, before[0], None),
        )

    def _overlapping(
        self, first: int, second: int, example: Example, variant: Variant, members: tuple[int, ...]
    ) -> Finding:
        a, b = self.group.edges[first], self.group.edges[second]
        words = self.machines.vocabulary.words(example)
        overlay = self.machines.overlays[members[0]]
        shared = overlay.performing(a.transition.by) & overlay.performing(b.transition.by)
        whose = f" of {', '.join(sorted(shared))}" if shared else ""
        return codes.OVERLAP.found(
            self.index.place(
                state=self._state(),
                transition=b.transition.id,
                event=self.group.event,
                name=a.transition.id,
                facilities=self.machines.facilities(members),
            ),
            f"{a.transition.id} and {b.transition.id} both answer {self.index.event_words(self.group.event)}{whose} {self._here()}"
            + (f", for example with {words}." if words else "."),
            self._trace(variant, a, example),
        )

    def _gapping(self, example: Example, variant: Variant, members: tuple[int, ...]) -> Finding:
        words = self.machines.vocabulary.words(example)
        names = ", ".join(edge.transition.id for edge in self.group.edges)
        place = self.index.place(
            state=self._state(), event=self.group.event, facilities=self.machines.facilities(members)
        )
        trace = self._trace(variant, None, example)
        if self.group.event == DEADLINE_MISSED:
            return codes.DEADLINE_UNANSWERED.found(
                place,
                f"When the deadline {self._here()} passes{f' with {words}' if words else ''}, none of its arrows ({names}) is taken.",
                trace,
            )
        return codes.GAP.found(
            place,
            f"{self.index.event_words(self.group.event).capitalize()} {self._here()}"
            f"{f' with {words}' if words else ''} takes no arrow ({names}), and nothing says what becomes of it.",
            trace,
        )

    def _never(self, place: int, overlays: Sequence[int]) -> Iterator[Finding]:
        edge = self.group.edges[place]
        guard = edge.transition.when
        if guard is None:
            return
        found = never_true(self.machines, self.solver, guard, overlays, self.group.event)
        if found is None:
            return
        members, why = found
        yield codes.NEVER_TRUE.found(
            self.index.place(
                state=self._state(),
                transition=edge.transition.id,
                event=self.group.event,
                facilities=self.machines.facilities(members),
            ),
            f"{edge.transition.id} is never taken {self._here()}: {why}.",
            (*(self.machines.union.graph.way_to(self.group.state) if self.group.state != OPENING else ()), step(edge)),
        )


def _anything_may_be(count: int) -> Verdict:
    """What the cells say when they are too many to look at: nothing, so that the solver is asked everything."""
    everything, nothing = frozenset(range(count)), frozenset[int]()
    pairs = tuple(Overlapping(a, b, None) for a, b in combinations(range(count), 2))
    return Verdict(everything, nothing, pairs, nothing, nothing, True, None)


def _time_limits(machines: Machines, solver: Solver) -> Iterator[Finding]:
    """Shorter time limits whose condition can never hold."""
    index = machines.index
    for place, state in enumerate(index.states):
        for sooner in state.deadline.sooner if state.deadline is not None else ():
            contest = machines.contest((sooner.when,))
            if contest is None:
                continue
            overlays = [n for n in range(len(machines.overlays)) if machines.variant_of[n].graph.reached[place]]
            events = {edge.transition.on for edge in index.entering[place]}
            impossible = [
                n
                for members in machines.classes(contest.policy)
                for n in members
                if n in overlays and not any(_may_hold(machines, contest, n, event) for event in events)
            ]
            found = (
                never_true(machines, solver, sooner.when, impossible, min(events, default="")) if impossible else None
            )
            if found is not None:
                yield codes.NEVER_TRUE.found(
                    index.place(
                        state=state.name,
                        facilities=machines.facilities(found[0]),
                    ),
                    f"A shorter time limit of {index.title(place)} never applies: {found[1]}.",
                    machines.union.graph.way_to(place),
                )


def _may_hold(machines: Machines, contest: Contest, overlay: int, event: str) -> bool:
    try:
        context = anything(machines.vocabulary, event)
        return bool(contest.decide(machines.overlays[overlay].parameters, context, no_blocking(1)).possible)
    except TooManyCells:
        return True
