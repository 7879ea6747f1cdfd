"""Registering a facility: its policy, kept for ever under its hash, and what it starts new cases with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

from functions.cases import keys
from functions.cases.table import NEW, Put, Table, WriteRefused
from statemachines import policy as policies
from statemachines.definition import Definition
from statemachines.policy import Policy


def register(table: Table, policy: Policy, workflows: Mapping[str, int], definitions: Iterable[Definition]) -> str:
    """Let a facility run these workflow versions under this policy from now on; returns the policy's version.

    Cases that are open keep the version and policy they began with. Raises UnknownInPolicy when the policy does not fit one
    of the workflows, LookupError when a version is not published, or opens cases of a workflow that shall not run here.
    """
    known = {(d.workflow, d.version): d for d in definitions}
    for workflow, version in workflows.items():
        if (workflow, version) not in known:
            raise LookupError(f"{workflow} version {version} is not published; `baton compile` publishes")
        policy.resolve(known[workflow, version])
        for state in known[workflow, version].states:
            if state.opens is not None and state.opens.workflow not in workflows:
                raise LookupError(f"{workflow} opens cases of {state.opens.workflow}, which must run here as well")
    version_of_policy = policies.digest(policy)
    at = keys.facility_policy(policy.facility, version_of_policy)
    with suppress(WriteRefused):  # the same policy is there already, by its hash
        table.write((Put({"pk": at.pk, "sk": at.sk, "document": policies.dump(policy)}, NEW),))
    active = keys.facility_active(policy.facility)
    row = {
        "pk": active.pk,
        "sk": active.sk,
        "workflows": dict(workflows),
        "policy": version_of_policy,
        "title": policy.title,
    }
    table.write((Put(row),))
    return version_of_policy
