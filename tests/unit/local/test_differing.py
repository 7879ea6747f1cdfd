"""Places in which two documents differ are named as people look for them."""

from __future__ import annotations

from typing import Any

import pytest

from local.differing import places

ARROW = {"id": "T-1", "when": None, "by": ["RT"]}
OTHER = {"id": "T-2", "when": None, "by": ["RN"]}


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ({"a": 1, "b": 2}, {"a": 1, "b": 2}, []),
        ({"a": 1}, {"a": 2}, ["a"]),
        ({"a": 1}, {"a": 1, "b": 2}, ["b"]),
        ({"transitions": [ARROW]}, {"transitions": [{**ARROW, "when": 1}]}, ["transitions[T-1].when"]),
        ({"transitions": [ARROW, OTHER]}, {"transitions": [OTHER]}, ["transitions[T-1]"]),
        ({"transitions": [ARROW, OTHER]}, {"transitions": [OTHER, ARROW]}, ["transitions (order)"]),
        ({"roles": ["RT", "RN"]}, {"roles": ["RT", "MD"]}, ["roles[1]"]),
        (1, 2, ["(everything)"]),
    ],
)
def test_a_difference_is_named(before: Any, after: Any, named: list[str]) -> None:
    assert list(places(before, after)) == named
