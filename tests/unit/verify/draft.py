"""A good workflow's document, to be changed in one place: a faulty workflow, or one that only looks faulty."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import BaseModel

from statemachines.definition import Definition
from statemachines.policy import Policy
from statemachines.verify import Finding, verify
from statemachines.verify.document import read_workflow
from tests.unit.verify.good import FETCH, GOOD, POLICIES


def _plain(value: Any) -> Any:
    """Parts written in the language as the document has them."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    return [_plain(part) for part in value] if isinstance(value, (list, tuple)) else value


class Draft:
    """The document of a workflow, its facilities' policies and the workflows beside it. Every change returns the draft."""

    def __init__(self, base: Definition = GOOD, policies: Sequence[Policy] = POLICIES) -> None:
        self.document: dict[str, Any] = base.model_dump(mode="json")
        self.policies: list[dict[str, Any]] = [policy.model_dump(mode="json") for policy in policies]
        self.others: dict[str, dict[str, Any]] = {"fetch": FETCH.model_dump(mode="json")}
        self._text: bytes | None = None

    # ── parts ────────────────────────────────────────────────────────────────────────────────────────────────────────────
    def _part(self, kind: str, key: str, name: str) -> dict[str, Any]:
        found = [part for part in self.document[kind] if part[key] == name]
        assert found, f"there is no {name} among the {kind}"
        part: dict[str, Any] = found[0]
        return part

    def set(self, **changes: Any) -> Self:
        """Change the workflow itself."""
        self.document.update(_plain(changes))
        return self

    def state(self, name: str, /, **changes: Any) -> Self:
        """Change a state."""
        self._part("states", "name", name).update(_plain(changes))
        return self

    def emr(self, name: str, /, **changes: Any) -> Self:
        """Change what the EMR shows of a state."""
        self._part("states", "name", name)["emr"].update(changes)
        return self

    def arrow(self, id: str, /, **changes: Any) -> Self:
        """Change a transition."""
        self._part("transitions", "id", id).update(_plain(changes))
        return self

    def role(self, code: str, /, **changes: Any) -> Self:
        """Change a role."""
        self._part("roles", "code", code).update(_plain(changes))
        return self

    def fact(self, name: str, /, **changes: Any) -> Self:
        """Change a fact."""
        self._part("facts", "name", name).update(_plain(changes))
        return self

    def parameter(self, name: str, /, **changes: Any) -> Self:
        """Change a parameter."""
        self._part("parameters", "name", name).update(_plain(changes))
        return self

    def policy(self, number: int, /, **changes: Any) -> Self:
        """Change a facility's policy."""
        self.policies[number].update(_plain(changes))
        return self

    def shift(self, facility: int, number: int, *staffed: str) -> Self:
        """Say who is on a shift."""
        self.policies[facility]["shifts"][number]["staffed"] = list(staffed)
        return self

    def setting(self, facility: int, **values: Any) -> Self:
        """Set parameters at a facility."""
        self.policies[facility]["parameters"].setdefault(self.document["workflow"], {}).update(values)
        return self

    # ── more and fewer ───────────────────────────────────────────────────────────────────────────────────────────────────
    def copy_of(self, kind: str, key: str, name: str, new: str, **changes: Any) -> Self:
        """Add a part like another one."""
        self.document[kind].append({**copy.deepcopy(self._part(kind, key, name)), key: new, **_plain(changes)})
        return self

    def new_state(self, name: str, like: str, **changes: Any) -> Self:
        """Add a state like another, with a status of its own."""
        shown = {"business_status": name.replace("_", "-"), "display": name.replace("_", " ").capitalize()}
        status = self._part("states", "name", like)["emr"] | shown
        return self.copy_of("states", "name", like, name, **({"title": name, "emr": status} | changes))

    def new_arrow(self, id: str, sources: Sequence[str], on: str, target: str | None, **more: Any) -> Self:
        """Add a transition."""
        self.document["transitions"].append(
            _plain({"id": id, "sources": sources, "on": on, "target": target, "because": "planted", **more})
        )
        return self

    def drop(self, kind: str, key: str, *names: str) -> Self:
        """Remove parts."""
        for name in names:
            self._part(kind, key, name)
        self.document[kind] = [part for part in self.document[kind] if part[key] not in names]
        return self

    def drop_arrow(self, *ids: str) -> Self:
        """Remove transitions."""
        return self.drop("transitions", "id", *ids)

    def drop_state(self, *names: str) -> Self:
        """Remove states, and them from every arrow; arrows to them go too."""
        self.drop("states", "name", *names)
        kept = []
        for arrow in self.document["transitions"]:
            sources = [name for name in arrow["sources"] if name not in names]
            if arrow["target"] not in names and (sources or not arrow["sources"]):
                kept.append({**arrow, "sources": sources})
        self.document["transitions"] = kept
        return self

    def answer(self, event: str, how: str | None, *states: str) -> Self:
        """Let states record, ignore, defer or refuse an event; None: say nothing of it."""
        for name in states:
            state = self._part("states", "name", name)
            for answer in ("records", "ignores", "defers", "refuses"):
                state[answer].pop(event, None)
            if how is not None:
                state[how][event] = "planted"
        return self

    def also(self, name: str, definition: Definition | Draft) -> Self:
        """Put a workflow beside this one."""
        document = definition.document if isinstance(definition, Draft) else definition.model_dump(mode="json")
        self.others[name] = document
        return self

    def alone(self) -> Self:
        """Without any facility's policy."""
        self.policies = []
        return self

    def text(self, text: bytes) -> Self:
        """A document that is whatever this is."""
        self._text = text
        return self

    def as_text(self) -> str:
        """The document."""
        return json.dumps(self.document)

    # ── judgement ────────────────────────────────────────────────────────────────────────────────────────────────────────
    def findings(self) -> tuple[Finding, ...]:
        """What the verifier finds in it."""
        read = read_workflow(self._text if self._text is not None else self.as_text().encode(), "planted.json")
        if not isinstance(read, Definition):
            return read
        policies = [Policy.model_validate(policy) for policy in self.policies]
        others = {name: Definition.model_validate(document) for name, document in self.others.items()}
        return verify(read, policies, others=others)
