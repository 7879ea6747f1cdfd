"""Each rule of the page on events in disorder is shown by a test that exists."""

from __future__ import annotations

import re

import pytest

from local.paths import CHECKOUT

PAGE = CHECKOUT / "docs" / "events-in-disorder.md"
SHOWN = re.findall(r"\| `(tests/[\w/]+\.py)(?:::(\w+))?` \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


def test_every_rule_has_its_proof() -> None:
    rules = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    headings = [line for line in rules if line.endswith("shown by |") or set(line) <= set("| -")]
    assert len(SHOWN) == len(rules) - len(headings) > 15


@pytest.mark.parametrize(("file", "test"), SHOWN, ids=[test or file for file, test in SHOWN])
def test_the_proof_is_there(file: str, test: str) -> None:
    text = (CHECKOUT / file).read_text(encoding="utf-8")
    assert not test or re.search(rf"^ *def {test}\(", text, re.MULTILINE), f"{file} has no {test}"
