"""The parts of the workflows that metrics are told apart by, line by line and in words: steps, arrows, roles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from cdk.published import Version
from cdk.series import Line, Search, value
from statemachines.definition import DEADLINE_MISSED, Definition, StateKind, Transition

NEWEST: Final = 2
"""How many versions of each workflow have a line for each part: the one that new cases follow, and the one before it.

Versions are never withdrawn, and a graph holds 500 metrics, a dashboard 2,500, those of searches included
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html). Cases of still older versions are
searched for: they show as long as there are any, with the workflow's own short names in place of words.
"""


class Part(NamedTuple):
    """A part of a workflow: the value of the dimension that names it, and what it is called."""

    value: str
    label: str


class Told(NamedTuple):
    """What a metric is told apart by, beside workflow and version, and for which parts of a version it is ever counted."""

    by: str
    parts: Callable[[Version], Iterator[Part]]


def called(version: Version) -> str:
    """The version in words, such as "Critical laboratory result, version 1"; what the workflow consists of is left out."""
    definition = version.definition
    return f"{definition.title.partition(':')[0]}, version {definition.version}"


def each(metric: str, statistic: str, versions: Sequence[Version], words: str = "") -> Iterator[Line | Search]:
    """A line for each part of the newest versions, called ``words`` and the part; older versions are searched for."""
    told = METRICS[metric]
    for workflow, group in groupby(sorted(versions, key=_number), key=lambda version: version.definition.workflow):
        all_of_it = tuple(group)
        newest = all_of_it[-NEWEST:]
        for version in newest:
            scope = {"workflow": workflow, "version": str(version.definition.version)}
            for part in told.parts(version):
                label = f"{words}{part.label}, {called(version)}"
                yield Line(metric, statistic, label, {**scope, told.by: part.value})
        if len(all_of_it) > len(newest):
            listed = " ".join(f'NOT version="{version.definition.version}"' for version in newest)
            label = f"{words}{value(told.by)}, {value('workflow')}, version {value('version')}"
            yield Search(metric, statistic, label, (told.by, "version", "workflow"), f'workflow="{workflow}" {listed}')


def by_arrow(metric: str, statistic: str) -> Search:
    """A metric by every arrow that was taken, under the number that it has in the workflow's diagram.

    There are hundreds of arrows, so they are searched for: a list of all would soon pass what a graph holds.
    """
    label = f"taken, {value('workflow')}, version {value('version')}, {value('transition')}"
    return Search(metric, statistic, label, ("transition", "version", "workflow"))


def _number(version: Version) -> tuple[str, int]:
    return version.definition.workflow, version.definition.version


def _steps(version: Version) -> Iterator[Part]:
    """Every step but the ends: also where the system itself acts, a deadline runs and can be missed."""
    roles = {role.code: role.title for role in version.definition.roles}
    for state in version.definition.states:
        if state.kind is not StateKind.END:
            yield Part(state.name, f"{state.title} ({roles[state.owner]})" if state.owner else state.title)


def _escalating(version: Version) -> Iterator[Part]:
    """The arrows that a missed deadline takes to another step; those that stay only remind."""
    for transition in version.definition.transitions:
        elsewhere = transition.target is not None and set(transition.sources) != {transition.target}
        if transition.on == DEADLINE_MISSED and elsewhere:
            yield _arrow(version.definition, transition)


def _overridable(version: Version) -> Iterator[Part]:
    """The arrows that somebody may take in spite of their guard: only they are ever journaled as overridden."""
    for transition in version.definition.transitions:
        if transition.override_by:
            yield _arrow(version.definition, transition)


def _arrow(definition: Definition, transition: Transition) -> Part:
    titles = {state.name: state.title for state in definition.states}
    sources = " or ".join(titles[source] for source in transition.sources)
    target = titles[transition.target] if transition.target else "the same step"
    return Part(transition.id, f"{sources} -> {target} ({transition.id})")


def _roles(version: Version) -> Iterator[Part]:
    for role in version.definition.roles:
        yield Part(role.code, role.title)


METRICS: Final[Mapping[str, Told]] = {
    "DeadlinesMissed": Told("state", _steps),
    "TimeToComplete": Told("state", _steps),
    "Escalations": Told("transition", _escalating),
    "Overrides": Told("transition", _overridable),
    "TimeToClaim": Told("role", _roles),
    "Reassignments": Told("role", _roles),
    "Declined": Told("role", _roles),
}
"""The metrics that are shown part by part. The times are in seconds."""
