"""Dies at many points, and counts what was survived."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.crash.runs import Point, Run, pairs, record, run, survive
from tests.crash.scenarios import Scenario


@dataclass
class Deaths:
    """How many points there are, how many were survived, and what is wrong where they were not."""

    points: Counter[str] = field(default_factory=Counter)
    """By use case."""
    functions: Counter[str] = field(default_factory=Counter)
    """By function of the product through which the call is made."""
    played: Counter[str] = field(default_factory=Counter)
    survived: Counter[str] = field(default_factory=Counter)
    violated: int = 0
    """At so many points something that must hold did not; at the others not survived, the case only took another course."""
    runs: int = 0
    died: int = 0
    failures: dict[str, Sequence[str]] = field(default_factory=dict)

    def note(self, points: Sequence[Point], result: Run) -> None:
        """A run stands for these points."""
        wrong = result.wrong
        self.runs += 1
        self.died += result.crashed
        self.violated += len(points) if result.violations else 0
        for point in points:
            self.played[point.call.use_case] += 1
            self.survived[point.call.use_case] += not wrong
            if wrong:
                self.failures[str(point)] = wrong

    def report(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "points": self.points.total(),
            "played": self.played.total(),
            "survived": self.survived.total(),
            "violated": self.violated,
            "runs": self.runs,
            "died": self.died,
            "use_cases": {
                name: {"points": n, "played": self.played[name], "survived": self.survived[name]}
                for name, n in sorted(self.points.items())
            },
            "through": dict(sorted(self.functions.items())),
            "not_survived": {name: list(wrong) for name, wrong in self.failures.items()},
        }


def enumerate_points(scenarios: Iterable[Scenario], *, stride: int = 1, each: bool = False) -> Deaths:
    """Die at every moment of the scenarios, or every ``stride``-th of all; ``each``: at each point, also where two are one moment."""
    deaths = Deaths()
    number = 0
    for scenario in scenarios:
        recording = record(scenario)
        by_function: dict[str, int] = defaultdict(int)
        for point in recording.points():
            deaths.points[point.call.use_case] += 1
            for name in point.call.through:
                by_function[name] += 1
        deaths.functions.update(by_function)
        for moment in [(p,) for p in recording.points()] if each else recording.moments():
            number += 1
            if number % stride == 0:
                deaths.note(moment, survive(recording, moment[0]))
    return deaths


@dataclass
class Pairs:
    """Runs in which two processes die."""

    runs: int = 0
    both: int = 0
    """In so many of them the second one was reached."""
    violated: int = 0
    failures: dict[str, Sequence[str]] = field(default_factory=dict)

    def report(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "runs": self.runs,
            "two_died": self.both,
            "violated": self.violated,
            "survived": self.runs - len(self.failures),
            "not_survived": {name: list(wrong) for name, wrong in self.failures.items()},
        }


def twice(scenarios: Iterable[Scenario], seed: int, count: int) -> Pairs:
    """In ``count`` runs of each scenario two processes die, where the seed says."""
    found = Pairs()
    for scenario in scenarios:
        recording = record(scenario)
        for first, when, second, then in pairs(recording, seed, count):
            result = run(recording, {first: when, second: then})
            found.runs += 1
            found.both += result.crashed == 2
            found.violated += bool(result.violations)
            if result.wrong:
                found.failures[f"{scenario.name}:{first}:{when}+{second}:{then}"] = result.wrong
    return found
