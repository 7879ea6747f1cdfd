"""What a graph draws of what Baton counts: single metrics, and searches for whatever was counted, each called by words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from functions.cases.telemetry import NAMESPACE

PERIOD_SECONDS: Final = 300


@dataclass(frozen=True, slots=True)
class Line:
    """One metric by its dimensions: the statistic that is drawn, and what the line is called."""

    metric: str
    statistic: str
    label: str
    dimensions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Search:
    """A metric, a line for each set of values of the dimensions ``by``, as far as it was counted in the last two weeks.

    ``label`` tells the lines apart (see ``value``); without one, CloudWatch calls lines of several searches alike. ``where``
    narrows the search. The syntax, and a search's limits (1,024 characters, 500 lines to a graph), are CloudWatch's:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/search-expression-syntax.html.
    """

    metric: str
    statistic: str
    label: str
    by: tuple[str, ...]
    where: str = ""

    @property
    def expression(self) -> str:
        """The search as CloudWatch takes it."""
        terms = " ".join(filter(None, (f'MetricName="{self.metric}"', self.where)))
        return f"SEARCH('{{{','.join((NAMESPACE, *self.by))}}} {terms}', '{self.statistic}', {PERIOD_SECONDS})"


def value(dimension: str) -> str:
    """What stands in a label for the dimension's value of each line that a search finds.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/graph-dynamic-labels.html
    """
    return f"${{PROP('Dim.{dimension}')}}"


def at_facilities(metric: str, statistic: str, words: str) -> Search:
    """A metric at every facility. Facilities register with a running system, so they are searched for, not listed.

    Every metric that is counted by a case's course has these two dimensions; never a patient, a case or a person.
    """
    label = f"{words}, {value('workflow')} at {value('facility')}"
    return Search(metric, statistic, label, ("facility", "workflow"))


def counted_by(metric: str, dimension: str, words: str) -> Search:
    """How often each value of a metric's only dimension was counted."""
    return Search(metric, "Sum", f"{words}{value(dimension)}", (dimension,))
