"""What the functions ask of AWS, held against AWS's own model of its services: the functions' clients leave that to AWS."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pytest
from botocore.validate import ParamValidator

from functions.cases import wiring
from tests.support.deployment import Deployment, failed, sqs_record

MD, RN, RT = "MD-OAK:PROVIDER", "RN-ASH:RN", "RT-LINDEN:RT"
SERVICES = ("dynamodb", "events", "secretsmanager", "sqs", "stepfunctions")
ASKED = {
    "DescribeExecution",
    "GetItem",
    "GetSecretValue",
    "PutEvents",
    "PutItem",
    "Query",
    "SendMessage",
    "SendTaskSuccess",
    "StartExecution",
    "TransactWriteItems",
    "UpdateItem",
}
"""Every operation that a function asks for."""


class Model:
    """Holds every call of the functions' clients against the service's model."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.wrong: list[str] = []

    def check(self, params: dict[str, Any], model: Any, **_: object) -> None:
        """See botocore's event before-parameter-build; what it is given is what the adapter gave."""
        self.asked[model.name] += 1
        report = ParamValidator().validate(params, model.input_shape)
        names = sorted(set(params) - set(model.input_shape.members))
        if report.has_errors() or names:
            self.wrong.append(f"{model.name}: {report.generate_report()} {names}")


@pytest.fixture
def model(baton: Deployment) -> Model:  # noqa: ARG001 - the clients are made anew for each deployment
    """The model, asked at every call."""
    held = Model()
    for service in SERVICES:
        wiring.client(service).meta.events.register("before-parameter-build", held.check)
    return held


def test_whatever_the_functions_ask_is_what_aws_knows(baton: Deployment, model: Model) -> None:
    wiring.keyring.cache_clear()
    wiring.services.cache_clear()
    baton.staff()
    early = baton.message("oxygen_changed", by=RN, flow_l_min=2)
    raw = baton.message("oxygen_ordered", by=MD, order_id="O1", age_years=70)
    assert baton.intake(early, "{", raw, raw) == []
    row = baton.case()
    park = {
        "action": "park",
        "case": row.id,
        "generation": 1,
        "visit": row.visit,
        "entry": 0,
        "attempt": 0,
        "token": "t",
    }
    baton.call("follow", park)
    for type, by, data in (
        ("spo2_observed", None, {"spo2_percent": 95}),
        ("oxygen_discontinued", RN, {}),
        ("note_written", RT, {"note_id": "N1"}),
        ("note_signed", RT, {"note_id": "N1"}),
    ):
        baton.now += 60
        assert baton.intake(baton.message(type, by=by, **data)) == []
    assert baton.relay(baton.journal()) == []
    records = [sqs_record(f"w-{n}", m["Body"], group="c") for n, m in enumerate(baton.queued())]
    assert failed(baton.call("writeback", {"Records": records})) == []
    row = baton.case()
    step = {"case": row.id, "generation": 1, "visit": row.visit, "entry": 0}
    baton.call("work", {"action": "work", "work": "file_documentation", **step})
    for detail in ({"name": f"{row.id}-1"}, {}):
        assert failed(baton.call("reconcile", {"Records": [sqs_record("r-1", json.dumps({"detail": detail}))]})) == []
        baton.now += 100_000
    assert model.wrong == []
    assert set(model.asked) >= ASKED, sorted(ASKED - set(model.asked))


def test_a_call_that_aws_does_not_know_is_noticed(baton: Deployment, model: Model) -> None:  # noqa: ARG001
    client = wiring.client("dynamodb")
    for wrong in ({"Key": {"pk": {"S": 1}}}, {"Key": {}, "Konsistent": True}):
        client.meta.events.emit(
            "before-parameter-build.dynamodb.GetItem",
            params={"TableName": "baton-table", **wrong},
            model=client.meta.service_model.operation_model("GetItem"),
            context={},
        )
    assert len(model.wrong) == 2
