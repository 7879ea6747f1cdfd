"""Follow and work as the differential test deploys them: the real code, for workflows that are rows of the table.

Packed into the functions' zip under its own name; the test itself never imports it.
"""

from __future__ import annotations

import time
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from functions.cases import wiring
from functions.cases.ports import Reading
from functions.cases.work import perform
from functions.follow.handler import handler
from tests.support.scripted import Scripted, TableLibrary, stumble


@cache
def reading() -> Reading:
    """As ``wiring.reading``, with a library that finds its workflows in the table."""
    return Reading(table=wiring.table(), library=TableLibrary(wiring.table()), now=time.time)


wiring.reading = reading


def follow(event: dict[str, Any], context: LambdaContext) -> dict[str, Any] | None:
    """The function ``follow``, which stumbles where the test says so."""
    stumble(wiring.table(), event["case"], int(event["visit"]), event["action"])
    answer: dict[str, Any] | None = handler(event, context)
    return answer


def work(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:  # noqa: ARG001 - Lambda's signature
    """The function ``work``, whose step does as the test says."""
    case, generation, visit = event["case"], int(event["generation"]), int(event["visit"])
    return dict(perform(wiring.services(), case, generation, visit, event["work"], Scripted(wiring.table())))
