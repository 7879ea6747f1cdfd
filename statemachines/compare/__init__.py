"""Two versions of a workflow: what changed in meaning, and whether cases in flight can move.

``diff(old, new, policies)`` → :class:`Diff`; ``plan(old, new, policies, mapping)`` → :class:`MigrationPlan`.
"""

from statemachines.compare.change import Change, Diff, Facility, Subject, VersionName
from statemachines.compare.comparison import diff
from statemachines.compare.migration import MigrationPlan, Obstacle, Refusal, StateMove, UnknownInMapping, Verdict
from statemachines.compare.planning import plan

__all__ = [
    "Change",
    "Diff",
    "Facility",
    "MigrationPlan",
    "Obstacle",
    "Refusal",
    "StateMove",
    "Subject",
    "UnknownInMapping",
    "Verdict",
    "VersionName",
    "diff",
    "plan",
]
