"""Every alarm says where in the runbook it is explained, and the runbook explains no alarm that there is not."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from cdk.alarms import RUNBOOK, STUCK
from cdk.grants import FUNCTIONS
from cdk.queues import LONGEST, WAITS
from cdk.target import ROOT
from functions.cases.quarantine import REDRIVEN_KEPT_SECONDS
from functions.cases.sweep import FAULT_SECONDS, LOOK_FOR_MIRROR_SECONDS, MAX_REPAIRS
from functions.cases.undertakings import MAX_RETURNS
from local.command import parser
from tests.infrastructure.template import Template, of_type

TEXT = Path(ROOT, RUNBOOK).read_text()
DAY = 24 * 3600


def sections() -> dict[str, str]:
    """The text of each alarm's section, by the anchor that its heading has."""
    _, _, alarms = TEXT.partition("\n## Alarms\n")
    found = re.split(r"^### (.+)$", alarms, flags=re.MULTILINE)[1:]
    return {title.replace(" ", "-"): text for title, text in zip(found[::2], found[1::2], strict=True)}


def explained(template: Template) -> dict[str, str]:
    """Where each alarm says that it is explained."""
    return {
        name: str(alarm.get("AlarmDescription", "")).partition(f"{RUNBOOK}#")[2]
        for name, alarm in of_type(template, "AWS::CloudWatch::Alarm").items()
    }


def test_every_alarm_has_its_section_and_every_section_its_alarm(template: Template) -> None:
    where = explained(template)
    assert {name: anchor for name, anchor in where.items() if anchor not in sections()} == {}
    assert set(sections()) - set(where.values()) == set()


def test_an_alarm_without_a_section_is_found(template: Template) -> None:
    template["Resources"]["Later"] = {"Type": "AWS::CloudWatch::Alarm", "Properties": {"AlarmDescription": "Later"}}
    assert explained(template)["Later"] not in sections()


@pytest.mark.parametrize("anchor", sorted(sections()))
def test_a_section_says_what_it_means_what_to_look_at_do_and_not_do(anchor: str) -> None:
    text = sections()[anchor]
    assert re.findall(r"^\*\*(.+?):\*\*", text, flags=re.MULTILINE) == ["Means", "Look", "Do", "Do not"]
    assert re.search(r"^    aws ", text, flags=re.MULTILINE), "no command"


def test_every_dead_letter_queue_is_redriven_to_its_own_queue(template: Template) -> None:
    letters = {name.removesuffix("DeadLettersUrl") for name in template["Outputs"] if name.endswith("DeadLettersUrl")}
    assert letters
    for name in letters:
        text = sections()[f"{name.lower()}-given-up"]
        if f"{name}QueueUrl" in template["Outputs"]:
            move = f'--source-arn "$(arn "$(out {name}DeadLettersUrl)")" --destination-arn "$(arn "$(out {name}QueueUrl)")"'
            assert f"aws sqs start-message-move-task {move}" in text
        else:
            assert f"{name}DeadLettersUrl" in text, "it holds no message that could be moved"


def test_commands_name_what_there_is(template: Template) -> None:
    assert set(re.findall(r"\$\(out (\w+)\)", TEXT)) <= set(template["Outputs"])
    named = set(re.findall(r"\$STACK-([a-z]+)\b", TEXT))
    assert named <= {str(function) for function in FUNCTIONS}
    for function in FUNCTIONS:
        assert f"`{function}`" in sections()["function-failing"]


def test_baton_takes_the_commands_as_they_stand() -> None:
    commands = re.findall(r"^    (baton .+)$", TEXT, flags=re.MULTILINE)
    assert len(commands) >= 8
    for command in commands:
        assert parser().parse_args(shlex.split(command)[1:]).stack == "Baton"


def test_times_are_those_that_are_configured() -> None:
    said = re.sub(r"\s+", " ", TEXT)
    assert f"What was redriven, for {REDRIVEN_KEPT_SECONDS / DAY:.0f} days" in said
    assert f"Dead letters for {LONGEST.to_days():.0f} days" in said
    assert f"messages in the queues before them for {WAITS.to_days():.0f}" in said
    assert f"and {MAX_RETURNS} executions could not" in said
    assert f"after {MAX_REPAIRS} the case is not followed any more" in said
    assert FAULT_SECONDS == LOOK_FOR_MIRROR_SECONDS == 5 * 60, "five minutes, it says"
    assert f"within {STUCK.to_minutes():.0f} minutes to look at a case" in said
