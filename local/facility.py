"""`baton facility`: which facilities run which workflows under which policy, and registering one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from functions.cases.facilities import register as register_facility
from functions.cases.table import Table
from local.problem import Problem
from statemachines.definition import Definition
from statemachines.policy import Policy, load


def read(path: Path) -> Policy:
    """The policy in a file. Raises Problem, which locates every fault."""
    try:
        return load(path.read_bytes())
    except OSError as fault:
        raise Problem(f"{path} cannot be read: {fault.strerror}") from fault
    except ValidationError as faults:
        lines = [
            f"{path}: {'.'.join(str(part) for part in fault['loc']) or 'document'}: {fault['msg']}"
            for fault in faults.errors(include_url=False)
        ]
        raise Problem("\n".join(lines)) from faults


def register(table: Table, policy: Policy, newest: Mapping[str, int], definitions: Iterable[Definition]) -> str:
    """Let the facility start the newest workflow versions under the policy; says so. Raises UnknownInPolicy."""
    version = register_facility(table, policy, newest, definitions)
    runs = ", ".join(f"{workflow} version {number}" for workflow, number in sorted(newest.items()))
    return f"{policy.facility} is registered with policy {version}; new cases: {runs}"


def listed(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Registered facilities, a line each."""
    return [
        f"{row['facility']:16} {row.get('title', ''):34} policy {row['policy']}  "
        + ", ".join(f"{workflow} {int(version)}" for workflow, version in sorted(row["workflows"].items()))
        for row in rows
    ]
