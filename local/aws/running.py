"""Talks to an embedded AWS that runs on this machine, whoever started it."""

from __future__ import annotations

import json
import os
import re
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import psutil
import urllib3
from botocore.config import Config

HOST = "127.0.0.1"
REGION = "us-east-1"
ACCOUNT = "000000000000"

_CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}
_LONGEST_PERIOD = 24 * 3600


class AwsNotRunning(RuntimeError):
    """No embedded AWS runs where one was expected; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One CloudWatch metric: how many values it got and their sum, over the time that was asked for."""

    name: str
    dimensions: Mapping[str, str]
    unit: str
    count: float
    total: float


class RunningAws:
    """An embedded AWS that serves on a port of 127.0.0.1."""

    def __init__(self, port: int, pid: int | None) -> None:
        self._port = port
        self._pid = pid
        self._clients: dict[tuple[int, str], Any] = {}

    @property
    def port(self) -> int:
        """The port it serves on; 0 before a free one was taken."""
        return self._port

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._pid if self._pid is not None and _is_server(self._pid) else None

    @property
    def endpoint(self) -> str:
        """The address of every service."""
        return f"http://{HOST}:{self._port}"

    def alive(self) -> bool:
        """Whether the server runs."""
        return self.pid is not None

    def env(self, base: Mapping[str, str] | None = None) -> dict[str, str]:
        """`base` as the environment of a program that is to use this AWS and no other: nothing of the caller's is left.

        The key `test` is the account's root, which every permission is granted to.
        """
        kept = {name: value for name, value in (base or {}).items() if not name.startswith("AWS_")}
        return kept | {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": _CREDENTIALS["aws_access_key_id"],
            "AWS_SECRET_ACCESS_KEY": _CREDENTIALS["aws_secret_access_key"],
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str) -> Any:
        """The boto3 client of `service`, as the account's root; made once, and safe to use from several threads."""
        key = (self._port, service)
        if key not in self._clients:
            settings = Config(
                connect_timeout=5, read_timeout=120, retries={"total_max_attempts": 1}, max_pool_connections=32
            )
            self._clients[key] = boto3.client(
                service,  # type: ignore[call-overload] # the name is not a literal here
                endpoint_url=self.endpoint,
                region_name=REGION,
                config=settings,
                **_CREDENTIALS,
            )
        return self._clients[key]

    def reset(self) -> None:
        """Empty the account: every resource of every service is gone. Raises AwsNotRunning."""
        try:
            response = urllib3.request("POST", f"{self.endpoint}/_ministack/reset", timeout=60, retries=False)
        except urllib3.exceptions.HTTPError as problem:
            raise AwsNotRunning(f"no embedded AWS answers at {self.endpoint}") from problem
        if response.status >= 400:
            raise RuntimeError(f"reset: {response.status} {response.data.decode(errors='replace')[:500]}")

    def workers(self, function: str) -> list[int]:
        """The process ids of a function's sandboxes."""
        if self.pid is None:
            return []
        # Each runs from a folder of its own, which is named after the function.
        folder = re.compile(rf"/ministack-lambda-{re.escape(function)}-[a-z0-9_]{{8}}/_worker\.py$")
        return [pid for pid, command in _children(self.pid) if any(folder.search(part) for part in command)]

    def kill_worker(self, function: str) -> list[int]:
        """End a function's sandboxes at once, as a crash would; return their process ids, none if it has none."""
        killed = self.workers(function)
        for pid in killed:
            os.kill(pid, signal.SIGKILL)
        return killed

    def metrics(self, namespace: str, since: datetime | None = None) -> list[Metric]:
        """All metrics of a namespace that got a value since then, by default in the last day."""
        cloudwatch = self.client("cloudwatch")
        now = datetime.now(UTC)
        start = (since or now - timedelta(seconds=_LONGEST_PERIOD)).replace(second=0, microsecond=0)
        found = []
        for listed in cloudwatch.list_metrics(Namespace=namespace)["Metrics"]:
            points = cloudwatch.get_metric_statistics(
                Namespace=namespace,
                MetricName=listed["MetricName"],
                Dimensions=listed["Dimensions"],
                StartTime=start,
                EndTime=now + timedelta(minutes=2),
                Period=_LONGEST_PERIOD,
                Statistics=["Sum", "SampleCount"],
            )["Datapoints"]
            if points:
                found.append(
                    Metric(
                        name=listed["MetricName"],
                        dimensions={part["Name"]: part["Value"] for part in listed["Dimensions"]},
                        unit=points[0]["Unit"],
                        count=sum(point["SampleCount"] for point in points),
                        total=sum(point["Sum"] for point in points),
                    )
                )
        return found


def running(state_dir: Path) -> RunningAws:
    """The embedded AWS that uses `state_dir`. Raises AwsNotRunning."""
    try:
        said = json.loads((state_dir / "ready.json").read_text())
    except FileNotFoundError:
        raise AwsNotRunning("no embedded AWS runs here; start one with `baton up`") from None
    aws = RunningAws(int(said["port"]), int(said["pid"]))
    if not aws.alive():
        raise AwsNotRunning("the embedded AWS ended without being stopped; start it again with `baton up`")
    return aws


def _is_server(pid: int) -> bool:
    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and any("serve.py" in part for part in process.cmdline())
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return False


def _children(pid: int) -> Iterator[tuple[int, list[str]]]:
    try:
        children = psutil.Process(pid).children()
    except psutil.NoSuchProcess:
        return
    for child in children:
        try:
            yield child.pid, child.cmdline()
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
