"""Runs chosen tests in the copy that is its working directory, each time in a fork: what takes long to import is imported once.

It reads one job per line (JSON: the tests, where the result goes, how long it may take) and answers with a line when it is done.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import sys
import time
from typing import Any

THIRD_PARTY = [
    "pytest",
    "hypothesis",
    "hypothesis.stateful",
    "pydantic",
    "boto3",
    "botocore.session",
    "moto",
    "moto.dynamodb",
    "moto.core",
    "aws_lambda_powertools",
    "aws_lambda_powertools.utilities.batch",
    "aws_xray_sdk.core",
    "requests",
    "responses",
    "z3",
    "jsonschema",
]


def main() -> None:
    """Serve until there are no more jobs."""
    os.nice(5)
    for name in THIRD_PARTY:
        try:
            importlib.import_module(name)
        except ImportError:
            continue  # slower, not wrong
    for line in sys.stdin:
        job = json.loads(line)
        print(json.dumps({"seconds": _run(job)}), flush=True)


def _run(job: dict[str, Any]) -> float:
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        _test(job)
    while time.monotonic() - began < job["timeout"]:
        ended, _ = os.waitpid(child, os.WNOHANG)
        if ended:
            return round(time.monotonic() - began, 1)
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)  # the child's own group: itself, and what it started
    os.waitpid(child, 0)
    return round(time.monotonic() - began, 1)


def _test(job: dict[str, Any]) -> None:
    os.setsid()
    log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.update(job["environment"])
    import pytest

    try:
        code = pytest.main(
            [
                "-q",
                "-p",
                "tests.mutation.watch",
                "-p",
                "no:cacheprovider",
                "--no-header",
                *job["options"],
                *job["files"],
            ]
        )
    except BaseException:
        code = 3
        raise
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(code))


if __name__ == "__main__":
    main()
