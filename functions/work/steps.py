"""The system steps by the name that workflows call them by."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from functions.cases.ports import Services
from functions.cases.work import Step
from functions.emr.client import FhirClient
from functions.emr.ledger import Ledger
from functions.work.documentation import ConfirmDocumentation, FileDocumentation
from functions.work.orders import ConfirmOrder, RecallOrder, SendOrder

_STEPS: Mapping[str, Callable[[Services, FhirClient, Ledger], Step]] = {
    "file_documentation": FileDocumentation,
    "confirm_documentation": ConfirmDocumentation,
    "confirm_order": ConfirmOrder,
    "send_order": SendOrder,
    "recall_order": RecallOrder,
}


def step(name: str, services: Services, client: FhirClient, ledger: Ledger) -> Step:
    """The step of that name. Raises LookupError when Baton has no such step."""
    if name not in _STEPS:
        raise LookupError(f"no system step is called {name!r}; there are {', '.join(sorted(_STEPS))}")
    return _STEPS[name](services, client, ledger)
