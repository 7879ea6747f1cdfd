"""What changed in the states: owners, validators, deadlines, answers to events, what the EMR shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from statemachines.compare.change import Change, Subject
from statemachines.compare.durations import in_words, parameters, same_limits, same_whatever_is_set
from statemachines.compare.paths import answer
from statemachines.compare.settings import Pair
from statemachines.compare.versions import Versions, matched, other_fields
from statemachines.compare.words import listed, names, quoted
from statemachines.definition import Checklist, EmrStatus, State, StateKind, Work

_HANDLED = frozenset(
    {
        "name", "title", "kind", "instruction", "owner", "validates", "escalates_to", "deadline", "emr", "optional",
        "records", "ignores", "defers", "refuses", "work", "late", "checklist", "opens",
    }
)  # fmt: skip

_SAID = {"records": "recorded", "ignores": "ignored", "defers": "deferred", "refuses": "refused"}


def states(v: Versions) -> Iterator[Change]:
    """Every difference between the states of two versions."""
    added, removed, both = matched(v.old.states, v.new.states, lambda state: state.name)
    for state in added:
        yield Change(
            Subject.STATE,
            "added",
            state.name,
            state.title,
            f"new: {_in_short(state, v, new=True)}",
            after=state.name,
            facilities=v.where(v.entered(state.name)),
        )
    for state in removed:
        yield Change(
            Subject.STATE,
            "removed",
            state.name,
            state.title,
            f"no longer there: {_in_short(state, v, new=False)}",
            before=state.name,
            facilities=v.where(v.entered(state.name)),
        )
    for old, new in both:
        yield from _State(v, old, new).changes()


def _in_short(state: State, v: Versions, *, new: bool) -> str:
    words, setting = (v.new_words, v.pairs.defaults.new) if new else (v.old_words, v.pairs.defaults.old)
    if state.kind is StateKind.END:
        return "an end"
    limit = in_words(state.deadline, setting.values, words)
    return (
        f"owned by {words.role(state.owner)}, within {limit}"
        if state.deadline
        else f"owned by {words.role(state.owner)}"
    )


class _State:
    """One state of both versions."""

    def __init__(self, v: Versions, old: State, new: State) -> None:
        self.v, self.old, self.new = v, old, new
        self.here = v.where(v.entered(new.name))

    def changes(self) -> Iterator[Change]:
        old, new = self.old, self.new
        if old.kind is not new.kind:
            yield self._change("kind", f"{_KIND[old.kind]} → {_KIND[new.kind]}", str(old.kind), str(new.kind))
        yield from self._owner()
        for field, verb in (("validates", "validated by"), ("escalates_to", "escalates to")):
            before, after = getattr(old, field), getattr(new, field)
            if before != after:
                said = f"{verb} {self.v.old_words.role(before)} → {self.v.new_words.role(after)}"
                yield self._change(field, said, before or "", after or "")
        yield from self._deadline()
        yield from self._emr(old.emr, new.emr)
        yield from self._optional()
        if (old.kind is StateKind.END) is (new.kind is StateKind.END):
            yield from self._answers()
        yield from self._work(old.work, new.work)
        yield from self._late()
        yield from self._checklist(old.checklist, new.checklist)
        if old.opens != new.opens:
            names = [
                f"a case of {o.workflow} ({listed(o.ends, 'or')})" if o else "no case" for o in (old.opens, new.opens)
            ]
            yield self._change("opens", f"opens {names[0]} → {names[1]}", *names)
        for field in ("title", "instruction"):
            before, after = getattr(old, field), getattr(new, field)
            if before != after:
                aspect = "retitled" if field == "title" else field
                yield self._change(aspect, f"{field}: {quoted(before)} → {quoted(after)}", before, after, wording=True)
        yield from other_fields(Subject.STATE, new.name, new.title, old, new, _HANDLED, self.here)

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
        entered = self.v.entered(self.new.name)
        facilities = self.here if touches is None else self.v.where(lambda pair: entered(pair) and touches(pair))
        return Change(
            Subject.STATE, aspect, self.new.name, self.new.title, sentence, before, after, details, facilities, wording
        )

    def _owner(self) -> Iterator[Change]:
        before, after = self.old.owner, self.new.owner
        if before != after:
            sentence = f"owner {self.v.old_words.role(before)} → {self.v.new_words.role(after)}"
            yield self._change("owner", sentence, before or "", after or "")

    def _deadline(self) -> Iterator[Change]:
        old, new, v = self.old.deadline, self.new.deadline, self.v
        differing = [pair for pair in v.pairs.everywhere() if not same_limits(old, new, pair, v.reasoner)]
        if not differing and same_whatever_is_set(old, new, v.reasoner):
            return

        def both(pair: Pair) -> tuple[str, str]:
            return in_words(old, pair.old.values, v.old_words), in_words(new, pair.new.values, v.new_words)

        before, after = both(v.pairs.defaults)
        if not differing:
            sentence = (
                f"deadline: as long as before everywhere, now set by {parameters(new)} instead of {parameters(old)}"
            )
        elif differing[0] is v.pairs.defaults:
            sentence = f"deadline {before} → {after}"
        else:
            sentence = f"deadline {before}: as before by default"
        groups: dict[tuple[str, str], list[str]] = {}
        for pair in v.pairs.facilities:
            if pair in differing and both(pair) != (before, after) and v.entered(self.new.name)(pair):
                groups.setdefault(both(pair), []).append(pair.facility or "")
        details = [f"{names(places)}: {one} → {other}" for (one, other), places in groups.items()]
        yield self._change(
            "deadline", sentence, before, after, details=tuple(details), touches=lambda pair: pair in differing
        )

    def _emr(self, old: EmrStatus, new: EmrStatus) -> Iterator[Change]:
        if (old.status, old.business_status) != (new.status, new.business_status):
            before, after = f"{old.status} / {old.business_status}", f"{new.status} / {new.business_status}"
            yield self._change("emr", f"the EMR shows {before} → {after}", before, after)
        if old.display != new.display:
            sentence = f"the EMR displays {quoted(old.display)} → {quoted(new.display)}"
            yield self._change("emr_display", sentence, old.display, new.display, wording=True)

    def _optional(self) -> Iterator[Change]:
        old, new, v = self.old.optional, self.new.optional, self.v
        if (old is None) != (new is None) or not (
            v.same_guard_whatever_is_set(old, new)
            and all(v.same_guard(old, new, pair) for pair in v.pairs.everywhere())
        ):
            before, after = v.old_words.guard(old), v.new_words.guard(new)
            yield self._change(
                "optional",
                f"in use: {before} → {after}",
                before,
                after,
                touches=lambda pair: not v.same_guard(old, new, pair),
            )

    def _answers(self) -> Iterator[Change]:
        ended = self.new.kind is StateKind.END  # where only what re-opens others means anything
        again = {t.on for version in (self.v.old, self.v.new) for t in version.transitions if t.reopens}
        for event in dict.fromkeys(
            event for state in (self.old, self.new) for field in _SAID for event in getattr(state, field)
        ):
            if ended and event not in again:
                continue
            before, after = answer(self.old, event), answer(self.new, event)
            if before == after:
                continue
            name = self.v.new_words.event(event)
            one, other = (told[0] if told else None for told in (before, after))
            if one == other:
                assert before is not None
                assert after is not None
                sentence = f"{name}: reason {quoted(before[1])} → {quoted(after[1])}"
                yield self._change(f"answer_reason.{event}", sentence, before[1], after[1], wording=True)
            else:
                nothing = "refused" if ended else "not expected"
                says = [_SAID[told] if told else nothing for told in (one, other)]
                reason = f" ({after[1]})" if after else ""
                yield self._change(f"answer.{event}", f"{name}: {says[0]} → {says[1]}{reason}", *says)

    def _work(self, old: Work | None, new: Work | None) -> Iterator[Change]:
        if old == new:
            return
        said = [
            f"{work.name}: {listed(work.outcomes, 'or')}; {work.attempts} attempts of {work.timeout_seconds} s"
            if work
            else "nothing"
            for work in (old, new)
        ]
        yield self._change("work", f"Baton itself does {said[0]} → {said[1]}", *said)

    def _late(self) -> Iterator[Change]:
        for work in sorted(self.old.late.keys() | self.new.late.keys()):
            before, after = self.old.late.get(work), self.new.late.get(work)
            if before is not after:
                says = [str(told) if told else "not declared" for told in (before, after)]
                yield self._change(f"late.{work}", f"a late outcome of {work}: {says[0]} → {says[1]}", *says)

    def _checklist(self, old: Checklist | None, new: Checklist | None) -> Iterator[Change]:
        if old is None or new is None:
            if old is not new:
                said = [self._items(checklist) for checklist in (old, new)]
                yield self._change("checklist", f"checklist {said[0]} → {said[1]}", *said)
            return
        if (old.needed or len(old.items)) != (new.needed or len(new.items)):
            rules = [f"{c.needed or len(c.items)} of {len(c.items)}" for c in (old, new)]
            yield self._change("checklist.needed", f"checklist done with {rules[0]} → {rules[1]}", *rules)
        added, removed, both = matched(old.items, new.items, lambda item: item.name)
        for item in added:
            yield self._change(f"checklist.{item.name}", f"checklist: {item.title}, new", after=item.title)
        for item in removed:
            yield self._change(f"checklist.{item.name}", f"checklist: {item.title}, no longer there", item.title)
        for one, other in both:
            for field in type(other).model_fields:
                before, after = getattr(one, field), getattr(other, field)
                if field == "satisfied":
                    same = (before is None) == (after is None) and self.v.same_guard_whatever_is_set(before, after)
                    texts = [
                        words.guard(guard) if guard is not None else "nothing"
                        for words, guard in ((self.v.old_words, before), (self.v.new_words, after))
                    ]
                else:
                    same = (set(before) == set(after)) if isinstance(before, tuple) else before == after
                    texts = [", ".join(told) if isinstance(told, tuple) else str(told) for told in (before, after)]
                if not same:
                    name = field.replace("_", " ")
                    yield self._change(
                        f"checklist.{other.name}.{field}",
                        f"checklist: {other.title}: {name} {texts[0] or 'nothing'} → {texts[1] or 'nothing'}",
                        *texts,
                        wording=field == "title",
                    )

    def _items(self, checklist: Checklist | None) -> str:
        return listed(item.title for item in checklist.items) if checklist is not None else "none"


_KIND = {
    StateKind.WAITING: "a person's step",
    StateKind.SYSTEM: "a step of Baton itself",
    StateKind.END: "an end",
}
