"""The workflows, one file each."""

from collections.abc import Mapping

from statemachines.definition import Definition
from statemachines.workflows.critical_lab import CRITICAL_LAB
from statemachines.workflows.home_oxygen import HOME_OXYGEN
from statemachines.workflows.home_oxygen_order import HOME_OXYGEN_ORDER
from statemachines.workflows.oxygen import OXYGEN

WORKFLOWS: Mapping[str, Definition] = {
    definition.workflow: definition for definition in (OXYGEN, CRITICAL_LAB, HOME_OXYGEN_ORDER, HOME_OXYGEN)
}
"""Every workflow in its newest version, by name."""
