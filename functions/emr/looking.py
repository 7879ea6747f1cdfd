"""Finds what the EMR has of something before anything is written, and takes duplicates out of the way."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from functions.emr.attempt import EmrUnavailable, Wait
from functions.emr.client import FhirClient
from functions.emr.elements import same_identifier
from functions.emr.identifiers import RETIRED_SUFFIX, Identifier
from functions.emr.results import Busy, Found, Matches, Missing, Rejected, Resource, Unknown, Written

_ENTERED_IN_ERROR: Final = "entered-in-error"
_MAX_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Look:
    """What the EMR has: the one resource that counts, or None; and how many more there were, and were retired."""

    found: Found | None
    duplicates: int = 0
    retired: int = 0


def read_known(client: FhirClient, resource_type: str, resource_id: str) -> Found | Missing | Rejected:
    """Reads a resource whose id the ledger knows. Raises EmrUnavailable."""
    match client.read(resource_type, resource_id):
        case Busy(retry_after):
            raise EmrUnavailable("the EMR is busy", retry_after)
        case Unknown(why):
            raise EmrUnavailable(why)
        case known:
            return known


def look_for(
    client: FhirClient,
    resource_type: str,
    identifier: Identifier,
    *,
    known_id: str | None = None,
) -> Look | Rejected:
    """Searches by identifier; of several resources one is kept and the others are marked entered-in-error.

    Kept is one that is not in error already, rather the one that the ledger knows, else the one longest unchanged. What could
    not be retired now stays for the next look. Raises EmrUnavailable.
    """
    found = search_for(client, resource_type, identifier)
    if isinstance(found, Rejected):
        return found
    if not found:
        return Look(None)
    kept, *duplicates = ranked(found, known_id)
    retired = [one for one in duplicates if retire(client, one, identifier)]
    return Look(kept, duplicates=len(duplicates), retired=len(retired))


def search_for(client: FhirClient, resource_type: str, identifier: Identifier) -> tuple[Found, ...] | Rejected:
    """Everything that a search by identifier shows. Raises EmrUnavailable."""
    match client.find(resource_type, identifier):
        case Busy(retry_after):
            raise EmrUnavailable("the EMR is busy", retry_after)
        case Unknown(why):
            raise EmrUnavailable(why)
        case Rejected() as rejected:
            return rejected
        case Matches(found):
            return found


def ranked(found: tuple[Found, ...], known_id: str | None) -> list[Found]:
    """First those not in error; of them the one that the ledger knows, then the one longest unchanged."""
    return sorted(found, key=lambda one: _rank(one, known_id))


def take_back(
    client: FhirClient, resource_type: str, resource_id: str, taken_back: Callable[[Resource], Resource], wait: Wait
) -> None:
    """Makes sure that nobody goes by a resource that was created too late; ``taken_back`` is how it looks then.

    Raises EmrUnavailable when the EMR would not have it in several tries.
    """
    for number in range(_MAX_TRIES):
        if number:
            wait(float(number))
        match client.read(resource_type, resource_id):
            case Found(_, version, body):
                after = taken_back(body)
                if after == body or isinstance(client.update(after, if_match=version), Written):
                    return
            case Missing():
                return
            case Busy() | Unknown() | Rejected():
                continue
    raise EmrUnavailable(f"a {resource_type} that is one too many could not be taken back")


def _rank(one: Found, known_id: str | None) -> tuple[bool, bool, str, str]:
    meta = one.body.get("meta")
    changed = str(meta.get("lastUpdated", "")) if isinstance(meta, dict) else ""
    return one.body.get("status") == _ENTERED_IN_ERROR, one.resource_id != known_id, changed, one.resource_id


def retire(client: FhirClient, duplicate: Found, identifier: Identifier) -> bool:
    """Takes one that is one too many out of the way; False when it may still be in the way."""
    result = client.update(as_duplicate(duplicate.body, identifier), if_match=duplicate.version)
    return isinstance(result, Written | Missing)


def as_duplicate(resource: Resource, identifier: Identifier) -> Resource:
    """A resource that is one too many: marked entered-in-error, and no search for the identifier finds it any more."""
    retired = copy.deepcopy(resource)
    retired["status"] = _ENTERED_IN_ERROR
    ours = {"system": identifier.system, "value": identifier.value}
    for one in retired["identifier"]:
        if same_identifier(one, ours):
            one["system"] = f"{identifier.system}{RETIRED_SUFFIX}"
    return retired
