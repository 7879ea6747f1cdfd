"""How a handler takes a batch: each record by itself, a failed one is logged and delivered again, the others are not held up."""

from __future__ import annotations

import logging
from typing import cast

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, SqsFifoPartialProcessor


def batch(kind: EventType, logger: Logger) -> BatchProcessor:
    """A processor for a batch without order, or of a stream. Failures are logged by type and text, never with a payload."""
    return BatchProcessor(kind, raise_on_entire_batch_failure=False, logger=cast(logging.Logger, logger))


def fifo_batch(logger: Logger) -> SqsFifoPartialProcessor:
    """A processor for a FIFO queue: a failed message holds back its own group only."""
    processor = SqsFifoPartialProcessor(skip_group_on_error=True, logger=cast(logging.Logger, logger))
    # Its constructor does not take this: a batch of which every message failed is answered like any other.
    processor.raise_on_entire_batch_failure = False
    return processor
