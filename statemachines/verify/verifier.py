"""The verifier: every check over a workflow under every distinct overlay, its findings merged and in order."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from statemachines.definition import Definition
from statemachines.policy import Policy
from statemachines.uncollected import nothing_collected
from statemachines.verify.circles import check_circles
from statemachines.verify.commits import CommitLimits, check_commits
from statemachines.verify.correlating import check_correlation
from statemachines.verify.course import check_course
from statemachines.verify.deadlines import check_deadlines
from statemachines.verify.declarations import check_declarations
from statemachines.verify.domain import Vocabulary
from statemachines.verify.duties import check_duties
from statemachines.verify.emr import check_emr
from statemachines.verify.escalation import check_escalation
from statemachines.verify.finding import Finding, Place, Severity
from statemachines.verify.guards import check_guards
from statemachines.verify.index import Index
from statemachines.verify.lifecycle import check_lifecycle
from statemachines.verify.limits import check_limits
from statemachines.verify.machines import Machines
from statemachines.verify.names import check_names
from statemachines.verify.overlays import check_overlays, distinct
from statemachines.verify.parts import check_parts
from statemachines.verify.reads import check_reads
from statemachines.verify.smt import Solver
from statemachines.verify.staffing import check_owners
from statemachines.verify.subcases import check_checklists, check_subcases
from statemachines.verify.system_steps import check_system_steps
from statemachines.verify.units import check_units

NO_OTHERS: Mapping[str, Definition] = {}
LIMITS = CommitLimits()


class Report(NamedTuple):
    """What was found, and how much was looked at.

    ``machines`` counts the overlays that differ in anything that matters to the workflow, ``variants`` those that differ in
    which arrows can be taken; ``questions`` those that only the solver could answer.
    """

    workflow: str
    version: int
    findings: tuple[Finding, ...]
    facilities: int
    machines: int
    variants: int
    states: int
    arrows: int
    questions: int

    @property
    def errors(self) -> int:
        """How many findings keep the workflow from being shipped."""
        return sum(finding.severity is Severity.ERROR for finding in self.findings)


def verify(
    definition: Definition,
    policies: Sequence[Policy] = (),
    *,
    others: Mapping[str, Definition] = NO_OTHERS,
    limits: CommitLimits = LIMITS,
) -> tuple[Finding, ...]:
    """Every fault of a workflow under these policies; none means that it may be shipped to all of them.

    Without policies the workflow's own defaults are checked, and nothing about staffing. ``others`` are the workflows whose
    cases it may open, by name.
    """
    return check(definition, policies, others=others, limits=limits).findings


def check(
    definition: Definition,
    policies: Sequence[Policy] = (),
    *,
    others: Mapping[str, Definition] = NO_OTHERS,
    limits: CommitLimits = LIMITS,
) -> Report:
    """The same as :func:`verify`, with what was looked at."""
    with nothing_collected():
        index = Index(definition)
        vocabulary = Vocabulary(definition)
        machines = Machines(index, vocabulary, distinct(index, policies))
        solver = Solver(vocabulary)
        found = merged(_all(machines, solver, policies, others, limits), [policy.facility for policy in policies])
    return Report(
        workflow=definition.workflow,
        version=definition.version,
        findings=found,
        facilities=len(policies),
        machines=len(machines.overlays),
        variants=len(machines.variants),
        states=len(index.states),
        arrows=len(definition.transitions),
        questions=solver.asked,
    )


def _all(
    machines: Machines,
    solver: Solver,
    policies: Sequence[Policy],
    others: Mapping[str, Definition],
    limits: CommitLimits,
) -> Iterator[Finding]:
    index = machines.index
    yield from check_names(index)
    yield from check_declarations(index)
    yield from check_parts(index)
    yield from check_correlation(index, others)
    yield from check_limits(index)
    yield from check_course(machines)
    yield from check_commits(machines, limits)
    yield from check_units(index, machines.vocabulary)
    yield from check_guards(machines, solver)
    yield from check_reads(machines, solver)
    yield from check_deadlines(machines)
    yield from check_escalation(machines)
    yield from check_owners(machines)
    yield from check_duties(machines)
    yield from check_emr(machines)
    yield from check_lifecycle(machines)
    yield from check_system_steps(machines)
    yield from check_subcases(machines, others)
    yield from check_checklists(machines, solver)
    yield from check_circles(machines, solver)
    yield from check_overlays(index, policies, others)


def merged(findings: Iterable[Finding], every: Sequence[str]) -> tuple[Finding, ...]:
    """Findings that differ only in their facilities as one; one that holds at all of them names none. By code, then place."""
    found: dict[tuple[str, Place], Finding] = {}
    facilities: dict[tuple[str, Place], dict[str, None]] = {}
    general: set[tuple[str, Place]] = set()
    for finding in findings:
        key = (finding.code, replace(finding.place, facilities=()))
        found.setdefault(key, finding)
        facilities.setdefault(key, {}).update(dict.fromkeys(finding.place.facilities))
        if not finding.place.facilities:
            general.add(key)
    result = []
    for key, finding in found.items():
        here = tuple(name for name in dict.fromkeys(every) if name in facilities[key])
        everywhere = key in general or len(here) == len(set(every))
        result.append(replace(finding, place=replace(key[1], facilities=() if everywhere else here)))
    return tuple(sorted(result, key=lambda f: f.code))
