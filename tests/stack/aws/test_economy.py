"""What the embedded AWS saves itself, and that nothing tells the difference."""

from __future__ import annotations

import time
from pathlib import Path

from local.aws.embedded import EmbeddedAws
from tests.stack.aws import support

WHERE = """
import os
def handler(event, context):
    return {"pid": os.getpid(), "code": os.path.realpath(__file__), "root": os.path.dirname(__file__)}
"""

COUNTED = """
import json
def handler(event, context):
    metric = {"Namespace": event, "Dimensions": [["at"]], "Metrics": [{"Name": "Faults", "Unit": "Count"}]}
    stamp = {"Timestamp": %d, "CloudWatchMetrics": [metric]}
    print(json.dumps({"_aws": stamp, "at": "north", "Faults": 1}))
"""


def test_sandboxes_share_one_copy_of_their_code_and_a_new_code_has_its_own(aws: EmbeddedAws) -> None:
    function = support.function(aws, WHERE)
    first = support.invoke(aws, function)
    aws.kill_worker(function)
    # An invocation that meets a dying sandbox fails with it, here as on AWS.
    support.eventually(lambda: "errorType" not in support.invoke(aws, function))
    second = support.invoke(aws, function)
    assert (first["pid"], first["root"]) != (second["pid"], second["root"])
    assert first["code"] == second["code"]

    changed = support.function(aws, WHERE + "\n# another version\n")
    third = support.invoke(aws, changed)
    assert third["code"] != first["code"]
    assert Path(third["code"]).read_text().rstrip().endswith("# another version")
    # Ending a sandbox takes nothing away from the others.
    assert Path(first["code"]).exists()


def test_an_alarm_rings_for_an_embedded_metric_however_many_came_before(aws: EmbeddedAws) -> None:
    namespace, name = support.name("Baton"), support.name("alarm")
    function = support.function(aws, COUNTED % int(time.time() * 1000))
    cloudwatch = aws.client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName=name,
        Namespace=namespace,
        MetricName="Faults",
        Dimensions=[{"Name": "at", "Value": "north"}],
        Statistic="Sum",
        Period=300,
        EvaluationPeriods=1,
        Threshold=3,
        ComparisonOperator="GreaterThanOrEqualToThreshold",
    )

    def state() -> str:
        return str(cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]["StateValue"])

    support.invoke(aws, function, namespace)
    support.eventually(lambda: state() == "OK")
    for _ in range(2):
        support.invoke(aws, function, namespace)
    support.eventually(lambda: state() == "ALARM")
