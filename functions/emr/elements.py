"""FHIR elements as JSON: how Baton writes them, and when two of them say the same.

An EMR gives back what it was given in other words: another time zone, absolute references, added displays, codings and
identifiers. Comparing JSON, or hashes of it, would see changes that are none.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from functions.emr.identifiers import Identifier
from functions.emr.results import Resource


def date_time(value: datetime) -> str:
    """A dateTime in UTC to the second, which is what every EMR keeps."""
    return value.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"


def coding(system: str, code: str, display: str | None = None) -> Resource:
    """A Coding."""
    return {"system": system, "code": code} | ({"display": display} if display is not None else {})


def concept(*codings: Resource, text: str | None = None) -> Resource:
    """A CodeableConcept."""
    return {"coding": list(codings)} | ({"text": text} if text is not None else {})


def identifier_element(identifier: Identifier) -> Resource:
    """An Identifier."""
    return {"system": identifier.system, "value": identifier.value}


def literal_reference(resource_type: str, resource_id: str) -> Resource:
    """A Reference to a resource of the same server."""
    return {"reference": f"{resource_type}/{resource_id}"}


def logical_reference(resource_type: str | None, identifier: Identifier) -> Resource:
    """A Reference by identifier: it says who is meant without knowing the EMR's own id for them."""
    reference: Resource = {"type": resource_type} if resource_type is not None else {}
    return reference | {"identifier": identifier_element(identifier)}


def same_instant(one: Any, other: Any) -> bool:
    """Whether two dateTimes are the same second."""
    if not isinstance(one, str) or not isinstance(other, str):
        return one is None and other is None
    if one == other:
        return True
    try:
        first, second = datetime.fromisoformat(one), datetime.fromisoformat(other)
    except ValueError:
        return one == other
    if (first.utcoffset() is None) != (second.utcoffset() is None):
        return False
    return first.replace(microsecond=0) == second.replace(microsecond=0)


def same_identifier(one: Any, other: Any) -> bool:
    """Whether two Identifiers have the same system and value."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return one is None and other is None
    return (one.get("system"), one.get("value")) == (other.get("system"), other.get("value"))


def same_reference(one: Any, other: Any) -> bool:
    """Whether two References mean the same: by identifier if `other` has one, else by type and id."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return one is None and other is None
    if "identifier" in other:
        return same_identifier(one.get("identifier"), other["identifier"])
    return _type_and_id(one.get("reference")) == _type_and_id(other.get("reference"))


def same_codings(one: Any, other: Any) -> bool:
    """Whether a CodeableConcept has exactly the codings of `other` in the systems that those are from."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return one is None and other is None
    wanted = set(_codes(other))
    systems = {system for system, _ in wanted}
    return {code for code in _codes(one) if code[0] in systems} == wanted


def speaks_of(one: Any, system: str) -> bool:
    """Whether a CodeableConcept has a coding of this system."""
    return isinstance(one, dict) and any(code[0] == system for code in _codes(one))


def _codes(one: Resource) -> Iterator[tuple[Any, Any]]:
    for each in one.get("coding") or []:
        if isinstance(each, dict):
            yield each.get("system"), each.get("code")


def _type_and_id(reference: Any) -> str | None:
    # From "http://emr/fhir/Patient/1/_history/2" to "Patient/1".
    if not isinstance(reference, str):
        return None
    return "/".join(reference.split("/_history/", 1)[0].split("/")[-2:])
