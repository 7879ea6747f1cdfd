"""What the EMR has twice of what Baton filed and sent for a case: looked for when everybody is done, as the sweep looks for Tasks.

An attempt that Step Functions gave up can be at work beside its own successor. Where the EMR does not know If-None-Exist, and
that attempt dies before it takes back what it made, only a search shows the second one.
"""

from collections.abc import Callable
from datetime import datetime

from functions.emr.client import FhirClient
from functions.emr.documentation import DocumentId
from functions.emr.filing import DOCUMENT_TYPE, retire_doubles
from functions.emr.home_oxygen import OrderId
from functions.emr.ledger import Ledger, LedgerKey
from functions.emr.ordering import ORDER_TYPE, revoke_doubles


def take_doubles_back(
    client: FhirClient,
    ledger: Ledger,
    case_id: str,
    facility: str,
    *,
    at: datetime,
    counts_on: Callable[[LedgerKey], bool] = lambda _: False,
) -> int:
    """Leaves one of each document and order of a case, none of what was retracted or recalled; how many were too many.

    Of what was refused, and is there all the same, one is left if the case ``counts_on`` it, else none. Raises
    EmrUnavailable when the same has to be tried again.
    """
    begins = f"{case_id}."
    too_many = 0
    for key in ledger.announced(client.emr, DOCUMENT_TYPE, case_id):
        visit = int(key.source_id.removeprefix(begins))
        too_many += retire_doubles(client, ledger, DocumentId(case_id, visit), at=at, counted_on=counts_on(key))
    for key in ledger.announced(client.emr, ORDER_TYPE, case_id):
        order = OrderId(case_id, facility, key.source_id.removeprefix(begins))
        too_many += revoke_doubles(client, ledger, order, at=at, counted_on=counts_on(key))
    return too_many
