"""Makes a draft workflow from the text of a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from events.catalog import CATALOG
from statemachines.definition import Definition, RoleCode
from statemachines.draft import questions
from statemachines.draft.build import build
from statemachines.draft.course import Course, course
from statemachines.draft.matching import slug
from statemachines.draft.sketch import DEADLINE_REF, EventRef, RoleSketch, Sketch
from statemachines.draft.source import source
from statemachines.draft.steps import Steps
from statemachines.draft.table import read
from statemachines.verify.finding import Finding

NO_ROLES: Mapping[RoleCode, str] = {}


@dataclass(frozen=True, slots=True)
class Draft:
    """A draft: the definition, Python source that defines the same, and what has to be asked before it can be a workflow."""

    definition: Definition
    source: str
    questions: tuple[Finding, ...]


def draft(
    text: str,
    name: str,
    *,
    known_roles: Mapping[RoleCode, str] = NO_ROLES,
    catalog: Iterable[str] = tuple(CATALOG),
    origin: str = "the table",
) -> Draft:
    """Make a draft of a table (CSV; :data:`COLUMNS` lists the headings that are understood).

    ``name`` names the workflow; ``known_roles`` are codes and titles of roles that other workflows have, so that "therapist"
    gets the code that people know; ``origin`` is told as the source of every time limit. Raises NoTable.
    """
    workflow = slug(name, "draft")
    steps = Steps(read(text), workflow, catalog, known_roles, origin)
    made = course(steps)
    roles = tuple(RoleSketch(code, title) for code, title in steps.roles.items())
    if roles:
        steps.ask(
            questions.NO_STAND_IN,
            f"Nobody stands in for {', '.join(role.title for role in roles)} when none is on shift.",
        )
    steps.ask(
        questions.LIFE,
        "The table does not say what a transfer, discharge, merge, death or cancellation does to an open case.",
    )
    title = name.strip().replace("_", " ") or "Draft"
    sketch = Sketch(
        name=workflow,
        title=title[:1].upper() + title[1:],
        purpose=f"Drafted from {origin}: {len(steps.steps)} steps; not yet reviewed by anybody.",
        origin=origin,
        roles=roles,
        limits=tuple(step.limit for step in steps.steps if step.limit is not None),
        events=_events(made),
        states=tuple(made.states),
        arrows=tuple(made.arrows),
        end=made.end,
        questions=tuple(sorted(steps.questions, key=_line)),
    )
    return Draft(build(sketch), source(sketch), sketch.questions)


def _line(question: Finding) -> tuple[bool, int]:
    """Questions in the order of the table; those about the whole of it last."""
    line = (question.place.path or "").removeprefix("line ")
    return (not line.isdigit(), int(line) if line.isdigit() else 0)


def _events(made: Course) -> tuple[EventRef, ...]:
    return tuple(dict.fromkeys(arrow.on for arrow in made.arrows if arrow.on != DEADLINE_REF))
