"""Metrics as data, and their way out: CloudWatch's embedded metric format on standard output.

Dimensions are workflow, version, transition or state or role, and facility; never a patient, a case or a person.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

NAMESPACE = "Baton"


class Measure(NamedTuple):
    """One measured value: its metric's name, CloudWatch unit and dimensions."""

    name: str
    value: float
    unit: str
    dimensions: Mapping[str, str]


class Telemetry:
    """Emits measures, grouped by their dimensions."""

    def emit(self, measures: Iterable[Measure]) -> None:
        """Write the measures to standard output, one document per set of dimensions."""
        groups: dict[tuple[tuple[str, str], ...], list[Measure]] = defaultdict(list)
        for measure in measures:
            groups[tuple(sorted(measure.dimensions.items()))].append(measure)
        for dimensions, group in groups.items():
            metrics = EphemeralMetrics(namespace=NAMESPACE)
            metrics.service = ""  # which function counted is no dimension of what happened
            for name, value in dimensions:
                metrics.add_dimension(name=name, value=value)
            for measure in group:
                metrics.add_metric(name=measure.name, unit=MetricUnit(measure.unit), value=measure.value)
            metrics.flush_metrics()
