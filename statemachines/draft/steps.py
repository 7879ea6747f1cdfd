"""Understands the rows one by one: who, by when, validated by whom, what shows that it is done; and asks what is left open."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from statemachines.definition import Name, RoleCode
from statemachines.draft import questions
from statemachines.draft.matching import event, role_code, several, slug
from statemachines.draft.sketch import EventRef, LimitSketch
from statemachines.draft.table import Column, Row, Table
from statemachines.draft.timing import understood
from statemachines.verify.codes import Code
from statemachines.verify.finding import Finding, Place

_NONE = frozenset(
    {"none", "no", "no one", "nobody", "nobody needed", "-", "–", "—", "n a", "not needed", "not applicable", "0"}
)
_SYSTEMS = frozenset(
    {"system", "the system", "automatic", "automatically", "auto", "baton", "emr", "the emr", "ehr", "it"}
)
_OPEN = frozenset(
    {"?", "??", "???", "tbd", "tbc", "to be determined", "to be decided", "unknown", "unclear", "depends", "varies"}
)
_CONDITIONAL = re.compile(
    r"\b(if|unless|only when|except|depends|depending|sometimes|usually|in case)\b", re.IGNORECASE
)


@dataclass(slots=True)
class Step:
    """One row, understood as far as it goes."""

    row: Row
    name: Name
    title: str
    owner: RoleCode | None = None
    performers: tuple[RoleCode, ...] = ()
    validator: RoleCode | None = None
    escalates_to: RoleCode | None = None
    limit: LimitSketch | None = None
    done: EventRef = field(default=EventRef("", proposed=True))
    asked: list[Finding] = field(default_factory=list)


class Steps:
    """All steps of a table, with the roles and the questions that they brought up."""

    def __init__(
        self, table: Table, workflow: str, catalog: Iterable[str], known_roles: Mapping[RoleCode, str], origin: str
    ) -> None:
        self.workflow = workflow
        self.origin = origin
        self.catalog = tuple(catalog)
        self.known_roles = known_roles
        self.roles: dict[RoleCode, str] = {}
        self.questions: list[Finding] = []
        self.steps: list[Step] = []
        for heading in table.unknown:
            self.ask(
                questions.COLUMN_UNUSED,
                f"The column “{heading}” is none that a draft knows.",
                place=Place(workflow, name=heading),
            )
        for line in table.without_step:
            self.ask(
                questions.ROW_WITHOUT_STEP,
                f"Line {line} says something, and no step.",
                place=Place(workflow, path=f"line {line}"),
            )
        names: dict[Name, int] = {}
        for row in table.rows:
            name = slug(row[Column.STEP], "step")
            names[name] = names.get(name, 0) + 1
            unique = name if names[name] == 1 else f"{name}_{names[name]}"
            while unique != name and unique in names:
                unique += "_again"
            names.setdefault(unique, 1)
            step = Step(row, unique, _title(row[Column.STEP]))
            if unique != name:
                self.ask_about(step, questions.SAME_NAME, f"{self.said(step)} has the name of an earlier step.")
            self._understand(step)
            self.steps.append(step)

    def ask(self, code: Code, sentence: str, mend: str | None = None, place: Place | None = None) -> Finding:
        """Note an open question."""
        found = code.found(place or Place(workflow=self.workflow), sentence, mend=mend)
        self.questions.append(found)
        return found

    def ask_about(
        self, step: Step, code: Code, sentence: str, mend: str | None = None, event: str | None = None
    ) -> None:
        """Note an open question about a step."""
        place = Place(workflow=self.workflow, state=step.name, event=event, path=f"line {step.row.line}")
        step.asked.append(self.ask(code, sentence, mend, place))

    def said(self, step: Step) -> str:
        """The step as a question names it."""
        return f"“{step.title}” (line {step.row.line})"

    # ── one row ──────────────────────────────────────────────────────────────────────────────────────────────────────────
    def _understand(self, step: Step) -> None:
        self._owner(step)
        self._limit(step)
        self._validator(step)
        self._escalation(step)
        self._done(step)
        for column in (Column.CONDITION, Column.NOTES):
            text = step.row[column]
            if text and (column is Column.CONDITION or _CONDITIONAL.search(text)):
                self.ask_about(step, questions.CONDITION, f"{self.said(step)}: “{text}” reads like a condition.")

    def _owner(self, step: Step) -> None:
        text = step.row[Column.OWNER]
        if _is(text, _SYSTEMS):
            self.ask_about(step, questions.SYSTEM_STEP, f"{self.said(step)} is done by “{text}”, which is no person.")
            return
        if not text or _is(text, _OPEN | _NONE):
            self.ask_about(step, questions.NO_OWNER, f"Nobody is named who does {self.said(step)}.")
            return
        codes = [code for part in several(text) if (code := self._role(part)) is not None]
        if not codes:
            self.ask_about(step, questions.NO_OWNER, f"“{text}” names no role that does {self.said(step)}.")
            return
        step.owner, step.performers = codes[0], tuple(dict.fromkeys(codes))
        if len(step.performers) > 1:
            self.ask_about(
                step,
                questions.SEVERAL_OWNERS,
                f"{self.said(step)} is done by “{text}”; the draft makes {self.roles[step.owner]} accountable.",
            )

    def _role(self, text: str) -> RoleCode | None:
        """The code of a role; a new role is made for words that name none."""
        code = role_code(text, {**self.known_roles, **self.roles})
        if code is None:
            name = slug(text, "role").upper()
            if not re.search(r"[A-Za-z]", text):
                return None
            code = name
        if code not in self.roles:
            self.roles[code] = self.known_roles.get(code) or text[:1].upper() + text[1:]
        return code

    def _limit(self, step: Step) -> None:
        text = step.row[Column.WITHIN]
        if not text or _is(text, _OPEN | _NONE):
            self.ask_about(step, questions.NO_DEADLINE, f"Nobody said by when {self.said(step)} is done.")
            return
        limit = understood(text)
        if limit is None:
            self.ask_about(
                step, questions.DEADLINE_NOT_UNDERSTOOD, f"{self.said(step)} is due “{text}”: how long is that at most?"
            )
            return
        if limit.rest:
            self.ask_about(
                step, questions.DEADLINE_IN_PART, f"{self.said(step)} is due “{text}”; “{limit.rest}” is left out."
            )
        amount = float(limit.business_days if limit.business_days is not None else limit.minutes or 0)
        step.limit = LimitSketch(
            f"{step.name}_within",
            f"{step.title[:1].lower()}{step.title[1:]} within",
            int(amount) if amount == int(amount) else amount,
            limit.business_days is not None,
            f"{self.origin}, line {step.row.line}: “{text}”",
        )

    def _validator(self, step: Step) -> None:
        text = step.row[Column.VALIDATOR]
        if _is(text, _NONE):
            return
        if not text or _is(text, _OPEN):
            self.ask_about(step, questions.NOBODY_VALIDATES, f"Nobody is named who validates {self.said(step)}.")
            return
        codes = [code for part in several(text) if (code := self._role(part)) is not None]
        if not codes:
            self.ask_about(
                step, questions.NOBODY_VALIDATES, f"“{text}” names no role that validates {self.said(step)}."
            )
            return
        step.validator = codes[0]
        if len(codes) > 1:
            self.ask_about(
                step,
                questions.SEVERAL_OWNERS,
                f"{self.said(step)} is validated by “{text}”; the draft takes {self.roles[codes[0]]}.",
            )
        if codes[0] in step.performers:
            self.ask_about(
                step, questions.VALIDATES_OWN_WORK, f"{self.roles[codes[0]]} performs and validates {self.said(step)}."
            )

    def _escalation(self, step: Step) -> None:
        text = step.row[Column.ESCALATES]
        codes = [] if _is(text, _OPEN | _NONE) else [c for part in several(text) if (c := self._role(part)) is not None]
        if codes:
            step.escalates_to = codes[0]
        elif step.limit is not None:
            self.ask_about(step, questions.NO_ESCALATION, f"Nobody is told when {self.said(step)} is late.")

    def _done(self, step: Step) -> None:
        told = step.row[Column.DONE_WHEN]
        found = event(told or step.title, self.catalog)
        if found.name is not None:
            step.done = EventRef(found.name, proposed=False)
        else:
            step.done = EventRef(slug(told, "event") if told else f"{step.name}_completed", proposed=True)

    def ask_about_done(self, step: Step) -> None:
        """Ask whether the event that shows that the step is done was understood; only of use where it leads on."""
        told, name = step.row[Column.DONE_WHEN], step.done.name
        if step.done.proposed:
            self.ask_about(
                step,
                questions.EVENT_UNKNOWN,
                f"No event of the catalog tells that {self.said(step)} is done; the draft calls it {name}.",
                near(event(told or step.title, self.catalog).near),
                event=name,
            )
        elif told.strip().casefold().replace(" ", "_") != name:
            self.ask_about(
                step,
                questions.EVENT_ASSUMED,
                f"{self.said(step)} is taken to be done when {name} arrives.",
                event=name,
            )


LONGEST_TITLE = 60
"""A step told in a longer sentence is called by its beginning; what there is to do is told in full."""


def _title(text: str) -> str:
    if len(text) <= LONGEST_TITLE:
        return text
    return f"{text[:LONGEST_TITLE].rpartition(' ')[0] or text[:LONGEST_TITLE]} …"


def _is(text: str, words: frozenset[str]) -> bool:
    plain = " ".join(text.casefold().replace("/", " ").replace(".", "").split())
    return plain in words


def near(names: tuple[str, ...]) -> str | None:
    """What to do about an event that is not known, with those that come near."""
    if not names:
        return None
    return f"Say which event tells it ({', '.join(names)} {'comes' if len(names) == 1 else 'come'} near), or add one to the catalog."
