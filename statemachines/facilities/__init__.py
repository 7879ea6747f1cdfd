"""Facilities: one overlay document each, as an example of three policies that mean different things by "documented"."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

from statemachines.policy import Policy, load


@cache
def facilities() -> Mapping[str, Policy]:
    """Every overlay in this folder, by facility. Raises pydantic.ValidationError for a document that is none."""
    documents = sorted(Path(__file__).parent.glob("*.json"))
    return {policy.facility: policy for policy in (load(path.read_bytes()) for path in documents)}
