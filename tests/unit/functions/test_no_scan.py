"""Nothing that runs on AWS reads a whole table: it would cost, and slow down, with every case there ever was."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import functions
from cdk.grants import GRANTS

SOURCES = sorted(Path(functions.__path__[0]).rglob("*.py"))


def scans(source: str) -> Iterator[int]:
    """The lines on which a client's scan is called, by method or by the name of the operation."""
    for node in ast.walk(ast.parse(source)):
        named = isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.lower() == "scan"
        if named or (isinstance(node, ast.Attribute) and node.attr == "scan"):
            yield getattr(node, "lineno", 0)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(SOURCES[0].parent)))
def test_no_function_scans(source: Path) -> None:
    assert list(scans(source.read_text())) == []


def test_no_role_may_scan() -> None:
    assert [grant for grant in GRANTS if grant.verb.lower().endswith(":scan")] == []


@pytest.mark.parametrize(
    "source",
    ["client.scan(TableName='t')", "client.get_paginator('scan').paginate()", "getattr(client, 'Scan')()"],
)
def test_a_scan_would_be_found(source: str) -> None:
    assert list(scans(source)) == [1]
