"""The templates: that they are made offline, that they are valid, and in what the two targets differ."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cdk.published import versions
from cdk.synth import assembly
from cdk.target import ROOT, Target, runtime
from tests.infrastructure.conftest import STACK
from tests.infrastructure.template import Template, differences, of_type

ABSENT_LOCALLY: frozenset[str] = frozenset()
"""Types of resources that the embedded AWS cannot create and that only the template for AWS has: none so far."""

MAY_DIFFER = re.compile(r"/Resources/\w+/Properties/(Code/S3Key|Runtime|Architectures/0)")


def _read(target: Target) -> Template:
    parsed: Template = json.loads((assembly(target) / f"{STACK}.template.json").read_text())
    return parsed


def test_the_targets_differ_only_in_what_the_bundles_run_on() -> None:
    aws, local = _read(Target.AWS), _read(Target.LOCAL)
    only_on_aws = {name for name, resource in aws["Resources"].items() if resource["Type"] in ABSENT_LOCALLY}
    for name in only_on_aws:
        del aws["Resources"][name]
    found = list(differences(aws, local))
    assert [path for path in found if not MAY_DIFFER.fullmatch(path)] == []
    if runtime(Target.AWS) != runtime(Target.LOCAL):  # else one machine serves both
        assert any(path.endswith(("/Runtime", "/Architectures/0")) for path in found)
        assert any(path.endswith("/Code/S3Key") for path in found)


def test_functions_run_on_the_target_s_runtime(target: Target, template: Template) -> None:
    wanted = runtime(target)
    for function in of_type(template, "AWS::Lambda::Function").values():
        assert function["Runtime"] == f"python{wanted.python}"
        assert function["Architectures"] == [wanted.architecture]


def test_functions_on_aws_run_on_arm64() -> None:
    assert runtime(Target.AWS).architecture == "arm64"


def test_cfn_lint_has_nothing_to_say(template_file: Path) -> None:
    lint = Path(sys.executable).with_name("cfn-lint")
    said = subprocess.run(
        [lint, "--regions", "us-east-1", "--", template_file], capture_output=True, text=True, check=False
    )
    assert (said.returncode, said.stdout + said.stderr) == (0, "")


def test_an_equal_app_is_not_synthesised_again(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    made = assembly(target)

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("synthesised again")

    monkeypatch.setattr("cdk.synth.subprocess.run", refused)
    assert assembly(target) == made


def test_another_context_is_synthesised_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    class Asked(Exception):
        pass

    def asked(*_: object, **__: object) -> None:
        raise Asked

    assembly(Target.LOCAL)
    monkeypatch.setattr("cdk.synth.subprocess.run", asked)
    with pytest.raises(Asked):
        assembly(Target.LOCAL, emr_base_url="https://another.example")


@pytest.mark.slow
def test_the_cdk_command_synthesises_offline(tmp_path: Path) -> None:
    cdk = ROOT / "node_modules" / ".bin" / "cdk"
    nowhere = "http://127.0.0.1:9"  # whoever asks AWS or a registry, is refused
    environment = {
        "PATH": f"{ROOT / '.venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        **dict.fromkeys(("AWS_ENDPOINT_URL", "HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"), nowhere),
    }
    command = [str(cdk), "synth", "--quiet", "-c", "target=local", "--output", str(tmp_path / "out")]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = json.loads((tmp_path / "out" / f"{STACK}.template.json").read_text())
    assert list(differences(made, _read(Target.LOCAL))) == []


@pytest.mark.parametrize(
    ("url", "accepted"),
    [
        ("https://emr.example/fhir/R4", True),
        ("http://127.0.0.1:8103/fhir/R4", True),
        ("http://localhost:8103", True),
        ("http://emr.example/fhir/R4", False),  # patients' data in the clear
        ("http://127.0.0.1.evil.example/fhir", False),
        ("https://emr.example/fhir/R4/", False),
        ("", False),
    ],
)
def test_the_emr_is_reached_over_tls_or_not_beyond_this_machine(template: Template, url: str, accepted: bool) -> None:
    pattern = template["Parameters"]["EmrBaseUrl"]["AllowedPattern"]
    assert bool(re.fullmatch(pattern, url)) is accepted


def test_work_ends_before_its_steps_run_out_of_time(template: Template) -> None:
    """Else a try that is made again could be at work beside the one before it."""
    functions = of_type(template, "AWS::Lambda::Function").values()
    (work,) = [each for each in functions if str(each["FunctionName"]).endswith("-work")]
    steps = [seconds for version in versions() for seconds in version.work_seconds]
    assert steps
    assert work["Timeout"] < min(steps)
