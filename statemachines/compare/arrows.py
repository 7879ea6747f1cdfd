"""What changed in the arrows: where they lead, on what, under which values, and by whom."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations

from statemachines.compare.change import Change, Subject
from statemachines.compare.ranges import range_changes
from statemachines.compare.settings import Pair, Setting
from statemachines.compare.versions import Versions, matched, other_fields
from statemachines.compare.words import Words, listed, quoted, shown
from statemachines.definition import Name, Transition

_HANDLED = frozenset(
    {"id", "sources", "on", "when", "target", "by", "override_by", "separate_from", "reopens", "because"}
)  # fmt: skip


def arrows(v: Versions) -> Iterator[Change]:
    """Every difference between the transitions of two versions."""
    added, removed, both = matched(v.old.transitions, v.new.transitions, lambda transition: transition.id)
    renumbered = _renumbered(added, removed, v)
    for one, other in renumbered:
        yield Change(
            Subject.ARROW,
            "renumbered",
            other.id,
            _title(other, v.new_words),
            f"{one.id} is now {other.id}; journals, metrics and tests name it so",
            one.id,
            other.id,
            facilities=v.where(partial(_live_now, other)),
        )
    gone = {part.id for pair in renumbered for part in pair}
    for transition in added:
        if transition.id not in gone:
            yield Change(
                Subject.ARROW,
                "added",
                transition.id,
                _title(transition, v.new_words),
                f"new: {_in_short(transition, v.new_words)}",
                after=transition.id,
                facilities=v.where(partial(_live_now, transition)),
            )
    for transition in removed:
        if transition.id not in gone:
            yield Change(
                Subject.ARROW,
                "removed",
                transition.id,
                _title(transition, v.old_words),
                f"no longer there: {_in_short(transition, v.old_words)}",
                before=transition.id,
                facilities=v.where(partial(_live_before, transition)),
            )
    for old, new in both:
        yield from _Arrow(v, old, new).changes()
    yield from _order(v)


def _live(transition: Transition, setting: Setting) -> bool:
    return any(edge.transition.id == transition.id for edge in setting.edges)


def _live_before(transition: Transition, pair: Pair) -> bool:
    return _live(transition, pair.old)


def _live_now(transition: Transition, pair: Pair) -> bool:
    return _live(transition, pair.new)


def _title(transition: Transition, words: Words) -> str:
    where = words.states(transition.sources) if len(transition.sources) < 4 else f"{len(transition.sources)} steps"
    return f"{where} → {words.state(transition.target)}"


def _in_short(transition: Transition, words: Words) -> str:
    text = f"{'re-opens the case ' if transition.reopens else ''}on {words.event(transition.on)}"
    if transition.when is not None:
        text += f", if {words.guard(transition.when)}"
    return f"{text}, by {words.roles(transition.by)}" if transition.by else text


def _renumbered(added: list[Transition], removed: list[Transition], v: Versions) -> list[tuple[Transition, Transition]]:
    """Transitions that differ only in their ids."""
    found = []
    left = list(removed)
    for other in added:
        for one in left:
            if _shape(one) == _shape(other) and v.same_guard_whatever_is_set(one.when, other.when):
                found.append((one, other))
                left.remove(one)
                break
    return found


def _shape(t: Transition) -> tuple[object, ...]:
    return (
        frozenset(t.sources), t.on, t.target, frozenset(t.by), frozenset(t.override_by), frozenset(t.separate_from), t.reopens,
        t.because,
    )  # fmt: skip


class _Arrow:
    """One transition of both versions."""

    def __init__(self, v: Versions, old: Transition, new: Transition) -> None:
        self.v, self.old, self.new = v, old, new

    def changes(self) -> Iterator[Change]:
        old, new, words, others = self.old, self.new, self.v.old_words, self.v.new_words
        if set(old.sources) != set(new.sources):
            yield self._sources()
        if old.on != new.on:
            yield self._change("event", f"on {words.event(old.on)} → {others.event(new.on)}", old.on, new.on)
        if old.target != new.target:
            sentence = f"leads to {words.state(old.target)} → {others.state(new.target)}"
            yield self._change("retargeted", sentence, old.target or "", new.target or "")
        yield from self._guard()
        if set(old.by) != set(new.by):
            said = [w.roles(sorted(t.by), "anyone, a device too") for w, t in ((words, old), (others, new))]
            yield self._change("by", f"by {said[0]} → {said[1]}", *said, touches=self._other_people)
        if set(old.override_by) != set(new.override_by):
            said = [w.roles(sorted(t.override_by)) for w, t in ((words, old), (others, new))]
            yield self._change("override_by", f"may be overridden by {said[0]} → {said[1]}", *said)
        if set(old.separate_from) != set(new.separate_from):
            said = [listed(sorted(t.separate_from)) or "nothing" for t in (old, new)]
            sentence = f"not by whoever performed {said[0]} → {said[1]}"
            yield self._change("separate_from", sentence, *said)
        if old.reopens is not new.reopens:
            says = ["re-opens the case" if t.reopens else "does not re-open the case" for t in (old, new)]
            yield self._change("reopens", f"{says[0]} → {says[1]}", *says)
        if old.because != new.because:
            sentence = f"reason {quoted(old.because)} → {quoted(new.because)}"
            yield self._change("because", sentence, old.because, new.because, wording=True)
        yield from other_fields(
            Subject.ARROW, new.id, _title(new, others), old, new, _HANDLED, self.v.where(self._in_use)
        )

    def _in_use(self, pair: Pair) -> bool:
        return _live(self.old, pair.old) or _live(self.new, pair.new)

    def _change(
        self,
        aspect: str,
        sentence: str,
        before: str = "",
        after: str = "",
        *,
        details: tuple[str, ...] = (),
        touches: Callable[[Pair], bool] | None = None,
        wording: bool = False,
    ) -> Change:
        facilities = self.v.where(lambda pair: self._in_use(pair) and (touches is None or touches(pair)))
        title = _title(self.new, self.v.new_words)
        return Change(Subject.ARROW, aspect, self.new.id, title, sentence, before, after, details, facilities, wording)

    def _sources(self) -> Change:
        gone, come = set(self.old.sources) - set(self.new.sources), set(self.new.sources) - set(self.old.sources)
        said = []
        if come:
            said.append(f"now also from {self.v.new_words.states(_in_order(self.new.sources, come))}")
        if gone:
            said.append(f"no longer from {self.v.old_words.states(_in_order(self.old.sources, gone))}")
        if not self.old.sources or not self.new.sources:
            said.append("it no longer opens cases" if self.new.sources else "it now opens cases")

        def touches(pair: Pair) -> bool:
            entered = pair.old.entered | pair.new.entered
            return bool((come | gone) & entered) or not self.old.sources or not self.new.sources

        return self._change(
            "sources", "; ".join(said), ", ".join(self.old.sources), ", ".join(self.new.sources), touches=touches
        )

    def _guard(self) -> Iterator[Change]:
        """A guard that means the same, however it is written, is no change; neither is one whose limits differ nowhere."""
        v, old, new = self.v, self.old.when, self.new.when
        differing = [pair for pair in v.pairs.everywhere() if not v.same_guard(old, new, pair)]
        if not differing and v.same_guard_whatever_is_set(old, new):
            return
        before, after = v.old_words.guard(old), v.new_words.guard(new)
        at_default = bool(differing) and differing[0] is v.pairs.defaults
        details: tuple[str, ...] = ()
        if not differing:
            sentence = f"guard: {before} → {after}; the same values under every policy"
        elif at_default:
            sentence, details = self._ranges(v.pairs.defaults)
        else:
            place = differing[0].facility or ""
            sentence, details = self._ranges(differing[0])
            sentence = f"guard: as before by default; at {place}: {sentence.removeprefix('guard: ')}"
        yield self._change("guard", sentence, before, after, details=details, touches=lambda pair: pair in differing)

    def _ranges(self, pair: Pair) -> tuple[str, tuple[str, ...]]:
        """The difference as ranges of values; where they cannot say it, in words with an example."""
        old, new, v = self.old.when, self.new.when, self.v
        rows = range_changes(old, new, v.sense, pair.old.values, pair.new.values)
        if rows and rows[0].told:
            if len(rows) == 1:
                return f"guard: {rows[0]}", ()
            return "guard: other values", tuple(str(row) for row in rows)
        if rows:
            return f"guard: {v.old_words.guard(old)} → {v.new_words.guard(new)}", ()
        likeness = v.reasoner.compare(old, new, pair.old.values, pair.new.values)
        if likeness.same is not False:
            likeness = v.reasoner.compare(old, new, pair.old.fixed, pair.new.fixed)
        details = [f"before: if {v.old_words.guard(old)}", f"now: if {v.new_words.guard(new)}"]
        if likeness.differ_at:
            details.append(f"for example: {shown(likeness.differ_at, v.sense)}")
        if likeness.same is None:
            details.append("whether they mean the same could not be decided")
        return "guard: another condition", tuple(details)

    def _other_people(self, pair: Pair) -> bool:
        if not self.old.by or not self.new.by:
            return True
        return pair.old.performing(self.old.by) != pair.new.performing(self.new.by)


def _in_order(names: tuple[Name, ...], some: set[Name]) -> list[Name]:
    return [name for name in names if name in some]


def _order(v: Versions) -> Iterator[Change]:
    """The first transition whose guard holds is taken, so an exchange of two that can both hold changes what happens."""
    place = {t.id: number for number, t in enumerate(v.new.transitions)}
    kept = [t for t in v.old.transitions if t.id in place]
    now = {t.id: t for t in v.new.transitions}
    for first, second in combinations(kept, 2):
        one, other = now[first.id], now[second.id]
        if place[first.id] < place[second.id] or first.on != second.on or one.on != other.on:
            continue
        shared = _sources(first) & _sources(second) & _sources(one) & _sources(other)
        if shared and v.reasoner.both(one.when, other.when):
            yield Change(
                Subject.ARROW,
                f"order.{first.id}",
                second.id,
                _title(other, v.new_words),
                f"is now tried before {first.id}; where both can be taken, it is",
                f"{first.id}, {second.id}",
                f"{second.id}, {first.id}",
                facilities=v.where(partial(_both_live, v, one, other)),
            )


def _both_live(v: Versions, one: Transition, other: Transition, pair: Pair) -> bool:
    sources = {edge.source for edge in pair.new.edges} & _sources(one) & _sources(other)
    return bool(sources) and v.reasoner.both(one.when, other.when, pair.new.fixed)


def _sources(transition: Transition) -> frozenset[Name | None]:
    return frozenset(transition.sources or (None,))
