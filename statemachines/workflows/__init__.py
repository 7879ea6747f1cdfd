"""The workflows, one file each."""

from collections.abc import Mapping

from statemachines.definition import Definition
from statemachines.workflows.oxygen import OXYGEN

WORKFLOWS: Mapping[str, Definition] = {definition.workflow: definition for definition in (OXYGEN,)}
"""Every workflow in its newest version, by name."""
