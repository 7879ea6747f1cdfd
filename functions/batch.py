"""How a handler takes a batch: each record by itself, a failed one is logged and delivered again, the others are not held up.

Lambda counts no error of such an invocation, because the function itself ends well. So each failed item is counted here: by
function to look at, and altogether for the alarm, which can watch one series only.
"""

from __future__ import annotations

import logging
from typing import Any, cast

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, SqsFifoPartialProcessor
from aws_lambda_powertools.utilities.batch.base import FailureResponse
from aws_lambda_powertools.utilities.batch.exceptions import ExceptionInfo, SQSFifoMessageGroupCircuitBreakerError

from functions.cases.telemetry import Measure, Telemetry

telemetry = Telemetry()


def batch(kind: EventType, logger: Logger) -> BatchProcessor:
    """A processor for a batch without order, or of a stream. Failures are logged by type and text, never with a payload."""
    processor = CountingProcessor(kind, raise_on_entire_batch_failure=False, logger=cast(logging.Logger, logger))
    processor.function = logger.service
    return processor


def fifo_batch(logger: Logger) -> SqsFifoPartialProcessor:
    """A processor for a FIFO queue: a failed message holds back its own group only."""
    processor = CountingFifoProcessor(skip_group_on_error=True, logger=cast(logging.Logger, logger))
    # Its constructor does not take this: a batch of which every message failed is answered like any other.
    processor.raise_on_entire_batch_failure = False
    processor.function = logger.service
    return processor


class CountingProcessor(BatchProcessor):
    """Counts each item that fails in ``function``."""

    function = ""

    def failure_handler(self, record: Any, exception: ExceptionInfo) -> FailureResponse:
        """See BasePartialProcessor.failure_handler."""
        telemetry.emit(failed(self.function))
        return super().failure_handler(record, exception)


class CountingFifoProcessor(SqsFifoPartialProcessor):
    """Counts each item that fails in ``function``, but not those that are held back for it."""

    function = ""

    def failure_handler(self, record: Any, exception: ExceptionInfo) -> FailureResponse:
        """See SqsFifoPartialProcessor.failure_handler."""
        if exception[0] is not SQSFifoMessageGroupCircuitBreakerError:
            telemetry.emit(failed(self.function))
        return super().failure_handler(record, exception)


def failed(function: str) -> list[Measure]:
    """The measures of an item that failed in a function."""
    return [Measure("ItemsFailed", 1, "Count", {"function": function}), Measure("ItemsFailed", 1, "Count", {})]
