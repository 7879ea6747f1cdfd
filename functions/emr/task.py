"""The FHIR R4 Task that shows a case in the EMR (https://hl7.org/fhir/R4/task.html).

Role → performerType, person → owner, the orchestrator's Device → requester, deadline → restriction.period.end, case →
groupIdentifier and identifier, trigger → focus, state → businessStatus (never a status code), explanation →
statusReason. R4B's model serves R4: Task has the same elements in both.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fhir.resources.R4B.task import Task

from functions.emr.elements import (
    coding,
    concept,
    date_time,
    identifier_element,
    literal_reference,
    logical_reference,
    same_codings,
    same_identifier,
    same_instant,
    same_reference,
    speaks_of,
)
from functions.emr.identifiers import (
    BUSINESS_STATUS_SYSTEM,
    CASE_SYSTEM,
    DEVICE_SYSTEM,
    EVENT_SYSTEM,
    FACILITY_SYSTEM,
    ORCHESTRATOR,
    PERSON_SYSTEM,
    ROLE_SYSTEM,
    STATE_SYSTEM,
    WORKFLOW_SYSTEM,
    Identifier,
    task_identifier,
)
from functions.emr.mirror import TaskMirror
from functions.emr.results import Resource
from functions.emr.validity import require_valid


def task_resource(mirror: TaskMirror) -> Resource:
    """The Task as JSON, as it is created in an EMR that has none yet."""
    task: Resource = {
        "resourceType": "Task",
        "identifier": [identifier_element(task_identifier(mirror.case_id))],
        "instantiatesUri": f"{WORKFLOW_SYSTEM}/{mirror.workflow}/{mirror.version}",
        "groupIdentifier": identifier_element(Identifier(CASE_SYSTEM, mirror.case_id)),
        "status": mirror.status.value,
        "businessStatus": concept(
            coding(BUSINESS_STATUS_SYSTEM, mirror.business_status.code, mirror.business_status.display),
            coding(STATE_SYSTEM, mirror.state),
            text=mirror.business_status.display,
        ),
        "intent": "order",
        "code": concept(coding(WORKFLOW_SYSTEM, mirror.workflow)),
        "for": literal_reference("Patient", mirror.patient),
        "encounter": literal_reference("Encounter", mirror.encounter),
        "authoredOn": date_time(mirror.authored_on),
        "lastModified": date_time(mirror.last_modified),
        "requester": logical_reference("Device", Identifier(DEVICE_SYSTEM, ORCHESTRATOR)),
        "performerType": [concept(coding(ROLE_SYSTEM, mirror.role))],
        "location": logical_reference("Location", Identifier(FACILITY_SYSTEM, mirror.facility)),
    }
    if mirror.focus is not None:
        task["focus"] = logical_reference(None, Identifier(EVENT_SYSTEM, mirror.focus))
    if mirror.person is not None:
        task["owner"] = logical_reference("Practitioner", Identifier(PERSON_SYSTEM, mirror.person))
    if mirror.due is not None:
        task["restriction"] = {"period": {"end": date_time(mirror.due)}}
    if mirror.reason is not None:
        task["statusReason"] = {"text": mirror.reason}
    require_valid(Task, task)
    return task


def task_differs(existing: Resource, mirror: TaskMirror) -> bool:
    """Whether a Task in the EMR says something else about the case than the mirror does."""
    return says_otherwise(existing, task_resource(mirror))


def says_otherwise(existing: Resource, wanted: Resource) -> bool:
    """Whether a Task in the EMR says something else about the case than the wanted one does.

    lastModified alone is no difference: some EMRs set it themselves.
    """
    return any(
        not _same(element, existing.get(element.name), wanted.get(element.name))
        for element in _ELEMENTS
        if element.name != "lastModified"
    )


def merge(existing: Resource, wanted: Resource) -> Resource:
    """The Task in the EMR with what the wanted one says put right, and everything that others added to it kept.

    It shares its elements with the two: none of them is ever changed, only replaced.
    """
    merged = dict(existing)
    for element in _ELEMENTS:
        present, value = merged.get(element.name), wanted.get(element.name)
        if _same(element, present, value):
            continue
        replacement = element.replace(present, value)
        if replacement is None:
            merged.pop(element.name, None)
        else:
            merged[element.name] = replacement
    return merged


@dataclass(frozen=True, slots=True)
class _Element:
    """An element of Task that follows the case: when two values say the same, and what replaces one that does not."""

    name: str
    same: Callable[[Any, Any], bool]
    replace: Callable[[Any, Any], Any]


def _same(element: _Element, present: Any, wanted: Any) -> bool:
    # Most EMRs give most elements back as they got them, and what is equal says the same.
    return present == wanted or element.same(present, wanted)


def _by_the_wanted(_present: Any, wanted: Any) -> Any:
    return wanted


def _equal(one: Any, other: Any) -> bool:
    return bool(one == other)


def _has_our_identifier(present: Any, wanted: Any) -> bool:
    return any(same_identifier(one, wanted[0]) for one in present or [])


def _with_our_identifier(present: Any, wanted: Any) -> Any:
    return [*wanted, *(present or [])]


def _same_role(present: Any, wanted: Any) -> bool:
    ours = [one for one in present or [] if speaks_of(one, ROLE_SYSTEM)]
    return len(ours) == 1 and same_codings(ours[0], wanted[0])


def _with_our_role(present: Any, wanted: Any) -> Any:
    return [*wanted, *(one for one in present or [] if not speaks_of(one, ROLE_SYSTEM))]


def _end_of(restriction: Any) -> Any:
    return ((restriction or {}).get("period") or {}).get("end")


def _same_deadline(present: Any, wanted: Any) -> bool:
    return same_instant(_end_of(present), _end_of(wanted))


def _with_deadline(present: Any, wanted: Any) -> Any:
    # The restriction's repetitions and recipients, and the period's start, are not ours.
    period = {name: value for name, value in ((present or {}).get("period") or {}).items() if name != "end"}
    rest = {name: value for name, value in (present or {}).items() if name != "period"}
    if wanted is not None:
        period["end"] = _end_of(wanted)
    return (rest | ({"period": period} if period else {})) or None


def _same_reason(present: Any, wanted: Any) -> bool:
    return bool((present or {}).get("text") == (wanted or {}).get("text"))


_ELEMENTS = (
    _Element("identifier", _has_our_identifier, _with_our_identifier),
    _Element("instantiatesUri", _equal, _by_the_wanted),
    _Element("groupIdentifier", same_identifier, _by_the_wanted),
    _Element("status", _equal, _by_the_wanted),
    _Element("statusReason", _same_reason, _by_the_wanted),
    _Element("businessStatus", same_codings, _by_the_wanted),
    _Element("intent", _equal, _by_the_wanted),
    _Element("code", same_codings, _by_the_wanted),
    _Element("focus", same_reference, _by_the_wanted),
    _Element("for", same_reference, _by_the_wanted),
    _Element("encounter", same_reference, _by_the_wanted),
    _Element("authoredOn", same_instant, _by_the_wanted),
    _Element("lastModified", same_instant, _by_the_wanted),
    _Element("requester", same_reference, _by_the_wanted),
    _Element("performerType", _same_role, _with_our_role),
    _Element("owner", same_reference, _by_the_wanted),
    _Element("location", same_reference, _by_the_wanted),
    _Element("restriction", _same_deadline, _with_deadline),
)
