"""Reads a synthesised CloudFormation template: resources by type, references, roles."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, TypeAlias

Template: TypeAlias = dict[str, Any]
Resource: TypeAlias = dict[str, Any]


def of_type(template: Template, kind: str) -> dict[str, Resource]:
    """The properties of all resources of a type, by logical id."""
    return {
        name: resource.get("Properties", {})
        for name, resource in template["Resources"].items()
        if resource["Type"] == kind
    }


def named(value: Any) -> str | None:
    """The logical id that a Ref or Fn::GetAtt names; None for anything else."""
    if isinstance(value, Mapping):
        if "Ref" in value:
            return str(value["Ref"])
        if "Fn::GetAtt" in value:
            return str(value["Fn::GetAtt"][0])
    return None


def text(value: Any) -> str:
    """A value as one string: references become <logical id> or <logical id.attribute>, joins are joined."""
    if isinstance(value, Mapping):
        if "Fn::Join" in value:
            separator, parts = value["Fn::Join"]
            return str(separator).join(text(part) for part in parts)
        if "Fn::GetAtt" in value:
            return f"<{'.'.join(value['Fn::GetAtt'])}>"
        if "Ref" in value:
            return f"<{value['Ref']}>"
    return str(value)


def many(value: Any) -> list[Any]:
    """A policy's one or many, as a list."""
    return value if isinstance(value, list) else [value]


class Allowed(NamedTuple):
    """One verb that a role allows on one resource, as text."""

    verb: str
    resource: str


def allowed(role: Resource) -> Iterator[Allowed]:
    """All that a role's inline policies allow."""
    for policy in role.get("Policies", []):
        for statement in policy["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow"
            for verb in many(statement["Action"]):
                for resource in many(statement["Resource"]):
                    yield Allowed(verb, text(resource))


def role_of(template: Template, function: Resource) -> Resource:
    """The role of a function or a state machine."""
    role = named(function.get("Role", function.get("RoleArn")))
    assert role is not None
    found: Resource = template["Resources"][role]["Properties"]
    return found


def statements(template: Template, kind: str, target: str, attribute: str) -> list[dict[str, Any]]:
    """The statements of the resource policies of type `kind` that are about the resource `target`."""
    return [
        statement
        for policy in of_type(template, kind).values()
        if target in {named(each) for each in policy[attribute]}
        for statement in policy["PolicyDocument"]["Statement"]
    ]


def differences(one: Any, other: Any, at: str = "") -> Iterator[str]:
    """The paths at which two documents differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted({*one, *other}):
            if key in one and key in other:
                yield from differences(one[key], other[key], f"{at}/{key}")
            else:
                yield f"{at}/{key}"
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for number, (left, right) in enumerate(zip(one, other, strict=True)):
            yield from differences(left, right, f"{at}/{number}")
    elif one != other:
        yield at


def strings(value: Any) -> Iterator[str]:
    """Every string in a document."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, below in value.items():
            yield str(key)
            yield from strings(below)
    elif isinstance(value, list):
        for below in value:
            yield from strings(below)


def words(text: str) -> set[str]:
    """The words of a name, in lower case: HmacSecretArn, hmac_secret and hmac-secret alike."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+", text)}
