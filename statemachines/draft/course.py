"""Joins the steps of a table to a course: what begins a case, which step follows which, what is never reached, where it ends."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from statemachines.definition import Name
from statemachines.draft import questions
from statemachines.draft.matching import event, several, slug, step
from statemachines.draft.sketch import DEADLINE_REF, ArrowSketch, EventRef, StateSketch
from statemachines.draft.steps import Step, Steps, near
from statemachines.draft.table import Column

END = "complete"


@dataclass(slots=True)
class Course:
    """The states and arrows of the steps."""

    states: list[StateSketch] = field(default_factory=list)
    arrows: list[ArrowSketch] = field(default_factory=list)
    end: Name | None = None


@dataclass(slots=True)
class _Before:
    """What a step comes after: other steps; an event that opens a case; events that lead here from other steps."""

    steps: list[Step] = field(default_factory=list)
    opening: EventRef | None = None
    outside: list[tuple[EventRef, Step]] = field(default_factory=list)


def course(steps: Steps) -> Course:
    """The course of the steps; what hangs in the air is asked."""
    return _Course(steps).made


class _Course:
    def __init__(self, steps: Steps) -> None:
        self.all = steps
        self.steps = steps.steps
        self.made = Course()
        self.last: list[Step] = []
        self.overdue = self._names("overdue")
        self.validation = self._names("validation")
        self.before = {each.name: _Before() for each in self.steps}
        self.after: dict[Name, list[Step]] = {each.name: [] for each in self.steps}
        self._join()
        self._ask_about_choices()
        for each in self.steps:
            self._states_of(each)
        self._end()
        for each in self.steps:
            self._arrows_of(each)
        self._ask_about_reach()
        self._comment()

    # ── which follows which ──────────────────────────────────────────────────────────────────────────────────────────────
    def _join(self) -> None:
        for place, each in enumerate(self.steps):
            text = each.row[Column.AFTER]
            if not text:
                self._unsaid(place, each)
                continue
            found = self._named(text, each)
            if found is not None:
                self._follow(found, each)
                continue
            parts = [(part, self._named(part, each)) for part in several(text)]
            if len(parts) > 1 and all(named or event(part, self.all.catalog).name for part, named in parts):
                for part, named in parts:
                    if named is not None:
                        self._follow(named, each)
                    else:
                        self._happened(place, each, part)
                if len(self.before[each.name].steps) > 1 and "or" not in text.casefold().split():
                    self.all.ask_about(each, questions.AFTER_ALL, f"{self.all.said(each)} comes after “{text}”.")
                continue
            self._happened(place, each, text)
        for each in self.steps:
            for earlier in self.before[each.name].steps:
                self.after[earlier.name].append(each)
        if self.steps and not any(self.before[each.name].opening for each in self.steps):
            self.all.ask(questions.NO_OPENING, "No step comes after an event from outside, so no case ever begins.")

    def _named(self, text: str, but: Step) -> Step | None:
        """The step that the words name: by number or title, or by the event that shows that it is done."""
        others = [each for each in self.steps if each is not but]
        place = step(text, [each.title for each in others], [each.row[Column.NUMBER] for each in others])
        if place is not None:
            return others[place]
        told = event(text, self.all.catalog).name
        done = [each for each in others if not each.done.proposed and each.done.name == told]
        return done[0] if len(done) == 1 else None

    def _follow(self, earlier: Step, each: Step) -> None:
        before = self.before[each.name].steps
        if earlier not in before:
            before.append(earlier)

    def _unsaid(self, place: int, each: Step) -> None:
        if place == 0:
            self._open(each, EventRef(f"{each.name}_needed", proposed=True), "Nobody said what begins", ())
            return
        self._follow(self.steps[place - 1], each)
        self.all.ask_about(
            each,
            questions.AFTER_MISSING,
            f"Nobody said after what {self.all.said(each)} comes; the draft takes the row above.",
        )

    def _happened(self, place: int, each: Step, text: str) -> None:
        """It comes after an event from outside, or after something that nobody knows."""
        found = event(text, self.all.catalog)
        told = EventRef(found.name, proposed=False) if found.name else EventRef(slug(text, "event"), proposed=True)
        begun = any(before.opening for before in self.before.values())
        if place == 0 or (not begun and found.name is not None and not self.before[self.steps[0].name].steps):
            if found.name is None:
                self._open(each, told, f"“{text}” is no event that the catalog has; it would begin", found.near)
            else:
                self.before[each.name].opening = told
            return
        if found.name is None:
            self.all.ask_about(
                each,
                questions.AFTER_UNKNOWN,
                f"{self.all.said(each)} comes after “{text}”, which is no step and no event; the draft takes the row above.",
                near(found.near),
            )
            self._follow(self.steps[place - 1], each)
            return
        self.before[each.name].outside.append((told, self.steps[place - 1]))
        self.all.ask_about(
            each,
            questions.AFTER_EVENT,
            f"{told.name} leads to {self.all.said(each)}; the draft lets it come from {self.all.said(self.steps[place - 1])}.",
        )

    def _open(self, each: Step, told: EventRef, why: str, names: tuple[str, ...]) -> None:
        self.before[each.name].opening = told
        self.all.ask_about(each, questions.EVENT_UNKNOWN, f"{why} {self.all.said(each)}.", near(names))

    def _ask_about_choices(self) -> None:
        for each in self.steps:
            following = self.after[each.name]
            if len(following) > 1:
                said = " and ".join(self.all.said(other) for other in following)
                self.all.ask_about(each, questions.CHOICE, f"After {self.all.said(each)} come both {said}: when which?")

    # ── states ───────────────────────────────────────────────────────────────────────────────────────────────────────────
    def _states_of(self, each: Step) -> None:
        """The step itself; the step when it is late, where somebody is told; its validation, where somebody validates."""
        limit = each.limit.name if each.limit is not None else None
        status = "ready" if self.before[each.name].opening is not None else "in-progress"
        self.made.states.append(
            StateSketch(
                each.name,
                each.title,
                each.row[Column.STEP],
                each.owner,
                limit,
                escalates_to=each.escalates_to,
                status=status,
            )
        )
        if each.escalates_to is not None and limit is not None:
            self.made.states.append(
                StateSketch(
                    self.overdue[each.name],
                    f"{each.title}: overdue",
                    f"See that it is done: {each.title}",
                    each.escalates_to,
                    limit,
                    escalates_to=each.escalates_to,
                    status=status,
                )
            )
        if each.validator is not None:
            self.made.states.append(
                StateSketch(
                    self.validation[each.name],
                    f"{each.title}: validation",
                    f"Validate: {each.title}",
                    each.validator,
                    limit,
                    validates=each.validator,
                    escalates_to=each.escalates_to,
                )
            )

    def _comment(self) -> None:
        """Each step carries its notes and its questions, so that whoever edits the draft sees them."""
        said = {
            each.name: (
                *(f"Notes, line {each.row.line}: {text}" for text in [each.row[Column.NOTES]] if text),
                *(f"{finding.code}: {finding.sentence}" for finding in each.asked),
            )
            for each in self.steps
        }
        self.made.states = [replace(state, comments=said.get(state.name, ())) for state in self.made.states]

    def _end(self) -> None:
        left = {earlier.name for before in self.before.values() for _, earlier in before.outside}
        self.last = [each for each in self.steps if not self.after[each.name] and each.name not in left]
        if not self.last:
            self.all.ask(questions.NO_END, "Every step is followed by another, so no case would ever end.")
            return
        taken = {state.name for state in self.made.states}
        self.made.end = END if END not in taken else "case_complete"
        said = ", ".join(self.all.said(each) for each in self.last)
        self.all.ask(questions.END_ASSUMED, f"Nothing follows {said}; the draft ends the case there.")

    # ── arrows ───────────────────────────────────────────────────────────────────────────────────────────────────────────
    def _arrows_of(self, each: Step) -> None:
        before = self.before[each.name]
        if before.opening is not None:
            self._arrow((), before.opening, each.name, f"begins with: {each.title}")
        for told, earlier in before.outside:
            self._arrow(self._waiting(earlier), told, each.name, f"leads to: {each.title}")
        following = [other.name for other in self.after[each.name]]
        if each in self.last and self.made.end is not None:
            following = [self.made.end]
        if following or each.validator is not None:
            self.all.ask_about_done(each)
        if each.validator is None:
            for target in following:
                self._arrow(self._waiting(each), each.done, target, f"done: {each.title}", each.performers)
        else:
            done = self._arrow(
                self._waiting(each), each.done, self.validation[each.name], f"done: {each.title}", each.performers
            )
            told = EventRef(f"{each.name}_validated", proposed=True)
            for target in following:
                self._arrow(
                    (self.validation[each.name],),
                    told,
                    target,
                    f"validated: {each.title}",
                    (each.validator,),
                    separate_from=(done,),
                )
            self.all.ask_about(
                each,
                questions.EVENT_UNKNOWN,
                f"No event tells that {self.all.said(each)} is validated; the draft calls it {told.name}.",
            )
        self._late(each)

    def _late(self, each: Step) -> None:
        if each.limit is None:
            return
        if each.escalates_to is not None:
            self._arrow((each.name,), DEADLINE_REF, self.overdue[each.name], f"not done in time: {each.title}")
            self._arrow((self.overdue[each.name],), DEADLINE_REF, None, f"still not done: {each.title}")
        else:
            self._arrow((each.name,), DEADLINE_REF, None, f"not done in time: {each.title}")
        if each.validator is not None:
            self._arrow((self.validation[each.name],), DEADLINE_REF, None, f"not validated in time: {each.title}")

    def _arrow(
        self,
        sources: tuple[Name, ...],
        on: EventRef,
        target: Name | None,
        because: str,
        by: tuple[str, ...] = (),
        *,
        separate_from: tuple[str, ...] = (),
    ) -> str:
        id_ = f"T-{len(self.made.arrows) + 1:02}"
        self.made.arrows.append(ArrowSketch(id_, sources, on, target, because, by, separate_from))
        return id_

    def _ask_about_reach(self) -> None:
        reached: set[Name] = {arrow.target for arrow in self.made.arrows if not arrow.sources and arrow.target}
        if not reached:
            return  # asked already: nothing begins a case
        for _ in self.made.states:
            now = reached | {
                arrow.target
                for arrow in self._first_taken()
                if arrow.target is not None and reached & set(arrow.sources)
            }
            if now == reached:
                break
            reached = now
        for each in self.steps:
            if each.name not in reached:
                self.all.ask_about(each, questions.NEVER_REACHED, f"No course leads to {self.all.said(each)}.")

    def _first_taken(self) -> list[ArrowSketch]:
        """Of several arrows from one state on one event, the first: without guards only that is ever taken."""
        taken: set[tuple[Name, str]] = set()
        found = []
        for arrow in self.made.arrows:
            fresh = [source for source in arrow.sources if (source, arrow.on.name) not in taken]
            taken.update((source, arrow.on.name) for source in arrow.sources)
            if fresh:
                found.append(arrow)
        return found

    # ── names ────────────────────────────────────────────────────────────────────────────────────────────────────────────
    def _names(self, ending: str) -> dict[Name, Name]:
        """For each step the name of a state beside it; such that no other step has it."""
        taken = {each.name for each in self.steps}
        found: dict[Name, Name] = {}
        for each in self.steps:
            name = f"{each.name}_{ending}"
            while name in taken:
                name += "_state"
            taken.add(name)
            found[each.name] = name
        return found

    def _waiting(self, each: Step) -> tuple[Name, ...]:
        """The states in which the step is not done yet."""
        late = each.escalates_to is not None and each.limit is not None
        return (each.name, self.overdue[each.name]) if late else (each.name,)
