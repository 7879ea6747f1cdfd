"""What the functions are bundled for: AWS, or the embedded AWS on this machine."""

from __future__ import annotations

import platform
import sys
import tomllib
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class Target(StrEnum):
    """Where the app is deployed to, as `cdk -c target=…` says it."""

    AWS = "aws"
    LOCAL = "local"


@dataclass(frozen=True, slots=True)
class Runtime:
    """The machine a bundle runs on: Python's minor version, such as 3.13, and Lambda's name of the processor."""

    python: str
    architecture: str


_LAMBDA_NAMES = {"aarch64": "arm64", "arm64": "arm64", "x86_64": "x86_64", "AMD64": "x86_64"}


def runtime(target: Target) -> Runtime:
    """The runtime of `target`: for AWS what pyproject.toml names, for the embedded AWS this host's.

    Raises KeyError on a processor that Lambda does not have.
    """
    if target is Target.LOCAL:
        return Runtime(f"{sys.version_info.major}.{sys.version_info.minor}", _LAMBDA_NAMES[platform.machine()])
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["baton"]["lambda"]
    return Runtime(named["python"], _LAMBDA_NAMES[named["architecture"]])
