"""The synthesised templates, once per content: starting the CDK's Node takes seconds."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest

from cdk.synth import assembly
from cdk.target import Target
from tests.infrastructure.template import Template

STACK = "Baton"


@pytest.fixture(scope="session", params=list(Target))
def target(request: pytest.FixtureRequest) -> Target:
    """Each target."""
    aim: Target = request.param
    return aim


@pytest.fixture(scope="session")
def template_file(target: Target) -> Path:
    """The template for the target."""
    return assembly(target) / f"{STACK}.template.json"


@pytest.fixture(scope="session")
def _template(template_file: Path) -> Template:
    parsed: Template = json.loads(template_file.read_text())
    return parsed


@pytest.fixture
def template(_template: Template) -> Template:
    """The template for the target, a test's own copy."""
    return copy.deepcopy(_template)
