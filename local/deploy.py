"""Deploys the CDK app to the embedded AWS, by the real CDK command."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cdk.synth import assembly
from cdk.target import Target
from local.aws.running import ACCOUNT, REGION, RunningAws
from local.paths import CDK, CHECKOUT, NODE

STACK = "Baton"
_LAST_LINES = 25
_QUALIFIER = "hnb659fds"
"""CDK's default qualifier of bootstrap resources."""
_BOOTSTRAP_VERSION = "30"


class DeployFailed(RuntimeError):
    """The CDK command failed; the text holds its last lines and where the whole of it is."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """What the deployed stack says of itself."""

    table: str
    hmac_secret: str
    machine_prefix: str
    bus: str
    events_queue: str
    writeback_queue: str
    dead_letters: dict[str, str]


def deploy(aws: RunningAws, emr_base_url: str, folder: Path) -> Outputs:
    """Synthesise the app for this machine and deploy it. The log and the stack's outputs go to ``folder``. Raises DeployFailed."""
    folder.mkdir(parents=True, exist_ok=True)
    outputs = folder / "outputs.json"
    made = assembly(Target.LOCAL)
    _bootstrap(aws)
    _cdk(
        aws,
        folder,
        [
            "deploy", "--app", str(made), "--require-approval", "never", "--outputs-file", str(outputs),
            "--parameters", f"EmrBaseUrl={emr_base_url}", "--progress", "events", STACK,
        ],
    )  # fmt: skip
    return read_outputs(outputs)


def _bootstrap(aws: RunningAws) -> None:
    """What `cdk deploy` needs of a bootstrapped account: a bucket for assets and the version of the bootstrap stack.

    The roles that `cdk bootstrap` makes serve to deploy across accounts; without them the command uses its own credentials.
    """
    aws.client("s3").create_bucket(Bucket=f"cdk-{_QUALIFIER}-assets-{ACCOUNT}-{REGION}")
    aws.client("ssm").put_parameter(
        Name=f"/cdk-bootstrap/{_QUALIFIER}/version", Value=_BOOTSTRAP_VERSION, Type="String", Overwrite=True
    )


def read_outputs(path: Path) -> Outputs:
    """The outputs as the CDK command wrote them."""
    said: dict[str, str] = json.loads(path.read_text())[STACK]
    return Outputs(
        table=said["TableName"],
        hmac_secret=said["HmacSecretArn"],
        machine_prefix=said["StateMachineArnPrefix"],
        bus=said["BusName"],
        events_queue=said["EventsQueueUrl"],
        writeback_queue=said["WritebackQueueUrl"],
        dead_letters={
            k.removesuffix("DeadLettersUrl").lower(): v for k, v in said.items() if k.endswith("DeadLettersUrl")
        },
    )


def _cdk(aws: RunningAws, folder: Path, arguments: Sequence[str]) -> None:
    log = folder / "cdk.log"
    environment = aws.env(os.environ) | {"PATH": f"{NODE.parent}{os.pathsep}{os.environ.get('PATH', '')}", "CI": "1"}
    with log.open("a") as out:
        print(f"\n$ cdk {' '.join(arguments)}", file=out, flush=True)
        done = subprocess.run(
            [str(NODE), str(CDK), *arguments],
            cwd=CHECKOUT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        last = "\n".join(log.read_text().splitlines()[-_LAST_LINES:])
        raise DeployFailed(f"`cdk {arguments[0]}` failed; its last lines are below, all of it is in {log}\n{last}")
