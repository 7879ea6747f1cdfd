"""`baton check`: verifies workflows under every distinct overlay and shift, and says what is wrong, where, why, and how to mend it."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from statemachines.definition import Definition
from statemachines.facilities import facilities
from statemachines.policy import Policy
from statemachines.verify import Finding, Report, Severity, check
from statemachines.verify.document import read_policy, read_workflow
from statemachines.workflows import WORKFLOWS

WIDTH = 120


class Unusable(Exception):
    """The arguments cannot be followed; the text says why."""


class _Subject(NamedTuple):
    """One workflow to be checked, or what keeps a document from being one."""

    source: str
    definition: Definition | None
    faults: tuple[Finding, ...] = ()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "what",
        nargs="*",
        metavar="FILE|WORKFLOW",
        help="a workflow document (workflow.json), or the name of a workflow; without any, all workflows",
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON on standard output")
    overlays = parser.add_mutually_exclusive_group()
    overlays.add_argument(
        "--facilities", type=Path, metavar="DIR", help="check under the overlays (*.json) in this folder"
    )
    overlays.add_argument(
        "--network", type=int, metavar="N", help="check under so many generated facilities with varied overlays"
    )


def run(given: argparse.Namespace) -> int:
    """Check and report; 0 without errors, 1 with errors, 2 when the arguments cannot be followed."""
    began = time.perf_counter()
    try:
        subjects = [_subject(name) for name in given.what or WORKFLOWS]
        overlays, faults = _overlays(given, [s.definition for s in subjects if s.definition is not None])
    except Unusable as why:
        print(f"baton check: {why}", file=sys.stderr)
        return 2
    known = {**WORKFLOWS, **{s.definition.workflow: s.definition for s in subjects if s.definition is not None}}
    results = [(subject, _checked(subject, overlays, known)) for subject in subjects]
    said = [*faults, *(finding for subject, report in results for finding in _findings(subject, report))]
    errors = sum(finding.severity is Severity.ERROR for finding in said)
    if given.json:
        print(json.dumps(_document(results, faults, errors, len(said)), indent=2, ensure_ascii=False))
    else:
        _show(results, faults, time.perf_counter() - began)
    return 1 if errors else 0


def _subject(name: str) -> _Subject:
    path = Path(name)
    if path.suffix == ".py":
        raise Unusable(
            f"{name} is a source, and not a workflow document (workflow.json); name the workflow instead: "
            f"baton check WORKFLOW; the workflows are {', '.join(WORKFLOWS)}"
        )
    if path.is_file():
        try:
            read = read_workflow(path.read_bytes(), name)
        except OSError as fault:
            raise Unusable(f"{name} cannot be read: {fault.strerror}") from fault
        return _Subject(name, read) if isinstance(read, Definition) else _Subject(name, None, read)
    if name in WORKFLOWS:
        return _Subject(name, WORKFLOWS[name])
    raise Unusable(f"{name!r} is no file, and no workflow; the workflows are {', '.join(WORKFLOWS)}")


def _overlays(
    given: argparse.Namespace, definitions: Sequence[Definition]
) -> tuple[Sequence[Policy] | None, tuple[Finding, ...]]:
    """The overlays that were asked for (None: those of this folder, for its own workflows), and what is wrong with their files."""
    if given.network is not None:
        from local.network import network

        if given.network < 1:
            raise Unusable("a network has at least one facility")
        try:
            return list(network(given.network, definitions)), ()
        except ValueError as why:
            raise Unusable(str(why)) from why
    if given.facilities is None:
        return None, ()
    documents = sorted(given.facilities.glob("*.json"))
    if not documents:
        raise Unusable(f"there is no overlay (*.json) in {given.facilities}")
    policies: list[Policy] = []
    faults: list[Finding] = []
    for document in documents:
        read = read_policy(document.read_bytes(), str(document))
        if isinstance(read, Policy):
            policies.append(read)
        else:
            faults += read
    return policies, tuple(faults)


def _checked(subject: _Subject, overlays: Sequence[Policy] | None, known: Mapping[str, Definition]) -> Report | None:
    if subject.definition is None:
        return None
    if overlays is None:  # a workflow that is not ours knows nothing of our facilities
        overlays = list(facilities().values()) if subject.definition.workflow in WORKFLOWS else ()
    others = {name: other for name, other in known.items() if name != subject.definition.workflow}
    return check(subject.definition, overlays, others=others)


def found(definition: Definition, known: Mapping[str, Definition]) -> tuple[Finding, ...]:
    """Every finding of a workflow under this folder's overlays, where it is one of its workflows, and under its own defaults."""
    subject = _Subject(definition.workflow, definition)
    under, alone = (_checked(subject, overlays, known) for overlays in (None, ()))
    findings = _findings(subject, under)
    there = {(each.code, replace(each.place, facilities=())) for each in findings}
    return (*findings, *(each for each in _findings(subject, alone) if (each.code, each.place) not in there))


def _findings(subject: _Subject, report: Report | None) -> tuple[Finding, ...]:
    return subject.faults if report is None else report.findings


def _document(
    results: Sequence[tuple[_Subject, Report | None]], faults: Sequence[Finding], errors: int, said: int
) -> dict[str, Any]:
    workflows = []
    for subject, report in results:
        entry: dict[str, Any] = {"source": subject.source}
        if report is not None:
            entry |= {
                "workflow": report.workflow,
                "version": report.version,
                "states": report.states,
                "transitions": report.arrows,
                "facilities": report.facilities,
                "distinct_machines": report.machines,
                "distinct_arrow_sets": report.variants,
                "solver_questions": report.questions,
            }
        workflows.append(entry | {"findings": [finding.as_dict() for finding in _findings(subject, report)]})
    return {
        "workflows": workflows,
        "overlays": [finding.as_dict() for finding in faults],
        "distinct_machines": sum(report.machines for _, report in results if report is not None),
        "errors": errors,
        "warnings": said - errors,
    }


def _show(results: Sequence[tuple[_Subject, Report | None]], faults: Sequence[Finding], seconds: float) -> None:
    for finding in faults:
        _say(finding)
    for subject, report in results:
        if report is None:
            print(f"{subject.source}: no workflow")
        else:
            under = _count(report.facilities, "facility", "facilities") if report.facilities else "its own defaults"
            print(
                f"{report.workflow} {report.version}: {report.states} states, {report.arrows} transitions, under {under}: "
                f"{_count(report.machines, 'distinct machine')}, {_count(len(report.findings), 'finding')}"
            )
        for finding in _findings(subject, report):
            _say(finding)
    machines = sum(report.machines for _, report in results if report is not None)
    said = [*faults, *(finding for subject, report in results for finding in _findings(subject, report))]
    errors = sum(finding.severity is Severity.ERROR for finding in said)
    print(
        f"{_count(machines, 'distinct machine')} checked in {seconds:.1f} s: {_count(errors, 'error')}, "
        f"{_count(len(said) - errors, 'warning')}"
    )


def _say(finding: Finding) -> None:
    print("\n".join(told(finding)))


def told(finding: Finding) -> list[str]:
    """A finding in lines: its code and sentence, its place, the course that shows it, and its mend."""
    place = finding.place
    lines = [("", f"{finding.code} {finding.severity}  {finding.sentence}")]
    if str(place):
        lines.append(("at", str(place)))
    if finding.trace:
        lines.append(("shown by", " → ".join(finding.trace)))
    lines.append(("mend", finding.mend))
    said: list[str] = []
    for label, text in lines:
        start = f"  {label + ':' if label else '':<10}" if label else "  "
        said += textwrap.wrap(text, WIDTH, initial_indent=start, subsequent_indent=" " * 12, break_on_hyphens=False)
    return said


def _count(number: int, what: str, several: str | None = None) -> str:
    return f"{number} {what if number == 1 else several or what + 's'}"
