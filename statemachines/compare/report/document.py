"""For machines: plain values for JSON. Names and codes here are stable."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from statemachines.compare.change import Change, Diff, VersionName
from statemachines.compare.migration import MigrationPlan, StateMove


def diff_document(diff: Diff) -> dict[str, Any]:
    """The comparison."""
    return {
        "old": _version(diff.old),
        "new": _version(diff.new),
        "changes": [_change(change) for change in diff.changes],
        "facilities": [
            {"facility": f.name, "title": f.title, "touched": list(f.touched), "unfit": f.unfit}
            for f in diff.facilities
        ],
        "migration": plan_document(diff.migration),
    }


def plan_document(plan: MigrationPlan) -> dict[str, Any]:
    """The plan."""
    return {
        "workflow": plan.workflow,
        "old": {"version": plan.old, "digest": plan.old_digest},
        "new": {"version": plan.new, "digest": plan.new_digest},
        "complete": plan.complete,
        "states": [_move(move) for move in plan.moves],
    }


def _version(version: VersionName) -> dict[str, Any]:
    return {"workflow": version.workflow, "version": version.version, "digest": version.digest}


def _change(change: Change) -> dict[str, Any]:
    return {
        "code": change.code,
        "place": change.place,
        "title": change.title,
        "sentence": change.sentence,
        "before": change.before,
        "after": change.after,
        "details": list(change.details),
        "facilities": list(change.facilities),
        "wording": change.wording,
    }


def _move(move: StateMove) -> dict[str, Any]:
    return {
        "state": move.state,
        "target": move.target,
        "verdict": str(move.verdict),
        "facilities": list(move.facilities),
        "moving": list(move.moving),
        "refusals": [{**asdict(refusal), "obstacle": str(refusal.obstacle)} for refusal in move.refusals],
        "proof": asdict(move.proof) if move.proof is not None else None,
        "notes": list(move.notes),
    }
