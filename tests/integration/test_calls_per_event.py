"""How many calls an event costs on AWS: each is latency and money, and a call more is a change that somebody should notice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from functions.cases import wiring
from tests.support.aws import READS, SIGNALS, WRITES, Calls, counted
from tests.support.deployment import Deployment

MD, RN, RT = "MD-OAK:PROVIDER", "RN-ASH:RN", "RT-LINDEN:RT"


def calls_of(act: Callable[[], object]) -> Calls:
    clients = [wiring.client(name) for name in ("dynamodb", "stepfunctions", "secretsmanager", "sqs", "events")]
    with counted(*clients) as calls:
        act()
    assert calls.made["Scan"] == 0
    return calls


def warm(baton: Deployment) -> None:
    """A case whose execution is parked, in a container that has seen an event before."""
    baton.staff()
    baton.intake(baton.message("oxygen_ordered", by=MD, order_id="O1", age_years=70))
    baton.now += 60
    baton.intake(baton.message("oxygen_changed", by=RN, flow_l_min=2))
    baton.call("follow", parking(baton))
    baton.now += 60


def parking(baton: Deployment) -> dict[str, Any]:
    row = baton.case()
    return {
        "action": "park",
        "case": row.id,
        "generation": 1,
        "visit": row.visit,
        "entry": 0,
        "attempt": 0,
        "token": "t",
    }


def test_an_event_that_moves_a_case_costs_three_reads_one_transaction_and_one_signal(baton: Deployment) -> None:
    warm(baton)
    calls = calls_of(lambda: baton.intake(baton.message("assessment_completed", by=RT)))
    assert baton.case().state == "assessed"
    assert calls.of(READS) <= 3, calls.made
    assert calls.made["TransactWriteItems"] == calls.of(WRITES) == 1, calls.made
    assert calls.made["SendTaskSuccess"] == calls.of(SIGNALS) == 1, calls.made


def test_an_event_that_moves_nothing_costs_two_reads_and_one_write(baton: Deployment) -> None:
    warm(baton)
    calls = calls_of(lambda: baton.intake(baton.message("spo2_observed", spo2_percent=95)))
    assert baton.case().case.facts["spo2"].value == 95
    assert calls.of(READS) <= 2, calls.made
    assert calls.of(WRITES) == 1, calls.made
    assert calls.of(SIGNALS) == 0, calls.made


def test_an_event_that_opens_a_case_costs_no_more(baton: Deployment) -> None:
    warm(baton)
    calls = calls_of(
        lambda: baton.intake(baton.message("oxygen_ordered", by=MD, encounter="E-2", order_id="O2", age_years=70))
    )
    assert calls.of(READS) <= 3, calls.made
    assert calls.of(WRITES) == calls.made["TransactWriteItems"] == 1, calls.made
    assert calls.made["StartExecution"] == calls.of(SIGNALS) == 1, calls.made


def test_an_event_for_no_case_costs_one_read_and_one_write(baton: Deployment) -> None:
    warm(baton)
    calls = calls_of(lambda: baton.intake(baton.message("spo2_observed", encounter="E-9", spo2_percent=95)))
    assert (calls.of(READS), calls.of(WRITES), calls.of(SIGNALS)) == (1, 1, 0), calls.made


def test_parking_costs_one_write(baton: Deployment) -> None:
    warm(baton)
    baton.intake(baton.message("assessment_completed", by=RT))
    asked = parking(baton)
    calls = calls_of(lambda: baton.call("follow", asked))
    assert calls.made == {"UpdateItem": 1}


def test_a_deadline_costs_one_transaction_and_no_signal(baton: Deployment) -> None:
    warm(baton)
    row = baton.case()
    assert row.case.due is not None
    baton.now = row.case.due
    asked: dict[str, Any] = {"action": "deadline", "case": row.id, "generation": 1, "visit": row.visit, "entry": 0}
    calls = calls_of(lambda: baton.call("follow", asked))
    assert baton.case().state == "escalated"
    assert calls.of(READS) <= 3, calls.made
    assert calls.of(WRITES) == calls.made["TransactWriteItems"] == 1, calls.made
    assert calls.of(SIGNALS) == 0, calls.made
