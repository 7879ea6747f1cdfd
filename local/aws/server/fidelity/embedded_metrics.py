"""Log lines in CloudWatch's embedded metric format become metrics.

AWS: a log event that is a JSON object with `_aws.CloudWatchMetrics` yields, for each metric directive, dimension set
and metric name, the number or numbers of that member (CloudWatch user guide, "Specification: Embedded metric
format").
MiniStack: keeps the line and extracts nothing.
Baton: all its telemetry is printed in this format.
"""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ministack import app
from ministack.services import cloudwatch, lambda_svc

logger = logging.getLogger("embedded_metrics")

# Limits of the specification.
LONGEST_ARRAY = 100
MOST_DIMENSIONS = 30
MOST_METRICS = 100

STORING_TAKES_AT_MOST = 30.0

# MiniStack looks at every point of every metric for every alarm, on the thread that serves all requests. AWS evaluates
# an alarm once a minute, or every 10 seconds for one of high resolution (CloudWatch user guide, "Alarm evaluation").
ALARMS_EVALUATED_EVERY = 2.0

_alarms_evaluated_at = float("-inf")
_evaluation_due = False


class MalformedMetricError(ValueError):
    """A line that claims to hold metrics and does not keep to the format."""


@dataclass(frozen=True, slots=True)
class Datum:
    """What one metric of one dimension set says: its values at one time, in seconds since the epoch."""

    namespace: str
    name: str
    dimensions: dict[str, str]
    at: float
    unit: str
    values: list[float]


def apply() -> None:
    """Read the lines where MiniStack writes them to the log group."""
    emit_lambda_logs = lambda_svc._emit_lambda_logs

    def emit(function: Any, request_id: str, text: str, *rest: Any, **options: Any) -> None:
        emit_lambda_logs(function, request_id, text, *rest, **options)
        data: list[Datum] = []
        for line in (text or "").splitlines():
            try:
                data += list(metrics(line))
            except (MalformedMetricError, KeyError, TypeError) as problem:
                # AWS counts these as EMFParsingErrors and goes on.
                logger.warning("not in the embedded metric format: %r", problem)
        if data:
            on_the_event_loop(data)

    lambda_svc._emit_lambda_logs = emit


def metrics(line: str) -> Iterator[Datum]:
    """The data that a log line holds, none for an ordinary line. Raises MalformedMetricError."""
    if '"_aws"' not in line:
        return
    try:
        document = json.loads(line)
    except json.JSONDecodeError:
        return
    if not isinstance(document, dict) or not isinstance(document.get("_aws"), dict):
        return
    meta = document["_aws"]
    at = meta.get("Timestamp")
    if not isinstance(at, int):
        raise MalformedMetricError("_aws.Timestamp is not a number of milliseconds")
    for directive in meta.get("CloudWatchMetrics", ()):
        if len(directive["Metrics"]) > MOST_METRICS:
            raise MalformedMetricError(f"more than {MOST_METRICS} metrics")
        for names in directive["Dimensions"]:
            dimensions = dimension_values(names, document)
            for metric in directive["Metrics"]:
                name, unit = metric["Name"], metric.get("Unit", "None")
                yield Datum(directive["Namespace"], name, dimensions, at / 1000, unit, values(name, document))


def dimension_values(names: list[str], document: dict[str, Any]) -> dict[str, str]:
    """The dimension set with its values. Raises MalformedMetricError."""
    if len(names) > MOST_DIMENSIONS:
        raise MalformedMetricError(f"more than {MOST_DIMENSIONS} dimensions")
    for name in names:
        if not isinstance(document.get(name), str) or not document[name]:
            raise MalformedMetricError(f"dimension {name!r} is not a string in the document")
    return {name: document[name] for name in names}


def values(name: str, document: dict[str, Any]) -> list[float]:
    """The values of the metric `name`. Raises MalformedMetricError."""
    given = document.get(name)
    listed = given if isinstance(given, list) else [given]
    numbers = [float(number) for number in listed if isinstance(number, int | float) and not isinstance(number, bool)]
    if not 0 < len(numbers) <= LONGEST_ARRAY or len(numbers) < len(listed):
        raise MalformedMetricError(f"metric {name!r} is not a number or up to {LONGEST_ARRAY} numbers in the document")
    return numbers


def on_the_event_loop(data: list[Datum]) -> None:
    """Store `data` on the thread that also reads and evicts metrics, so that none is lost in between; wait for it."""
    stored = threading.Event()

    def store() -> None:
        for datum in data:
            cloudwatch._store_datum(
                datum.namespace, datum.name, datum.dimensions, datum.at, datum.unit, None, datum.values, None, None
            )
        stored.set()
        evaluate_alarms_soon()

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        # The account and the region of the function go along: the callback runs in a copy of this thread's context.
        app._MAIN_LOOP.call_soon_threadsafe(store)
    else:
        store()
    if not stored.wait(STORING_TAKES_AT_MOST):
        logger.error("metrics were not stored within %s s", STORING_TAKES_AT_MOST)


def evaluate_alarms_soon() -> None:
    """Evaluate all alarms now, or as soon as their last evaluation is long enough ago. On the event loop only."""
    global _evaluation_due
    if _evaluation_due:
        return
    wait = _alarms_evaluated_at + ALARMS_EVALUATED_EVERY - time.monotonic()
    if wait <= 0:
        evaluate_alarms()
    else:
        _evaluation_due = True
        asyncio.get_running_loop().call_later(wait, evaluate_alarms)


def evaluate_alarms() -> None:
    """Evaluate all alarms; the time that this takes is not counted against the next time."""
    global _alarms_evaluated_at, _evaluation_due
    _evaluation_due = False
    cloudwatch._evaluate_all_alarms()
    _alarms_evaluated_at = time.monotonic()
