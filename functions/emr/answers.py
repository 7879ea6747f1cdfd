"""Reads an EMR's answers: which resource it speaks of, and what a refusal means.

Sources: FHIR R4 RESTful API (https://hl7.org/fhir/R4/http.html), RFC 9110 for Retry-After.
"""

import json
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

from functions.emr.identifiers import is_resource_id
from functions.emr.results import Busy, Conflict, Rejected, Resource, Unknown
from functions.emr.transport import Response

_MAX_RETRY_AFTER_SECONDS: Final = 3600.0
_MAX_ISSUES: Final = 5
_ISSUE_CODE = re.compile(r"[a-z-]{1,40}")
_ELEMENT_PATH = re.compile(r"[A-Z][A-Za-z]{1,60}(\.[a-z][A-Za-z]{0,60}(\[(x|\d{1,4})\])?){0,10}")
_ETAG = re.compile(r'(?:W/)?"([^"]*)"')


def json_object(body: bytes) -> dict[str, Any] | None:
    """The body as a JSON object, or None when it is empty or anything else."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def resource_in(response: Response, resource_type: str) -> Resource | None:
    """The resource of this type in the answer's body; None when there is none, or one without an id."""
    resource = json_object(response.body)
    if resource is None or resource.get("resourceType") != resource_type:
        return None
    return resource if is_resource_id(str(resource.get("id", ""))) else None


def version_of(resource: Resource | None, headers_etag: str | None = None) -> str | None:
    """The version to name in If-Match: of the ETag where the answer has one, else of the resource's meta."""
    if headers_etag is not None and (match := _ETAG.fullmatch(headers_etag.strip())):
        return match[1] or None
    meta = resource.get("meta") if resource is not None else None
    version = meta.get("versionId") if isinstance(meta, dict) else None
    return version if isinstance(version, str) and version else None


def location_of(response: Response, resource_type: str) -> tuple[str, str | None] | None:
    """Id and version named by Location (`[base]/[type]/[id]/_history/[vid]`), or None."""
    segments = response.headers.get("location", "").split("?", 1)[0].rstrip("/").split("/")
    if resource_type not in segments:
        return None
    # The last one: the base path may contain the same word.
    place = len(segments) - 1 - segments[::-1].index(resource_type)
    rest = segments[place + 1 :]
    if not rest or not is_resource_id(rest[0]):
        return None
    has_version = len(rest) == 3 and rest[1] == "_history" and rest[2] != ""
    return rest[0], rest[2] if has_version else None


def retry_after(response: Response) -> float | None:
    """Seconds that Retry-After asks for, as a number or a date, up to an hour; None when absent or unreadable."""
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        seconds = float(value[:9])
    else:
        try:
            until = parsedate_to_datetime(value)
            sent = parsedate_to_datetime(response.headers["date"]) if "date" in response.headers else datetime.now(UTC)
            seconds = (until - sent).total_seconds()
        except (TypeError, ValueError):
            return None
    return min(max(seconds, 0.0), _MAX_RETRY_AFTER_SECONDS)


def refusal(response: Response, *, is_write: bool) -> Conflict | Rejected | Busy | Unknown:
    """What an answer that is no success means.

    A write may be repeated blindly only after 429, or 503 with Retry-After: any other 5xx can come from something
    between here and the EMR, after the EMR did the work. 409 and 412 are used for the same thing by different EMRs.
    """
    wait = retry_after(response)
    match response.status:
        case 409 | 412:
            return Conflict(response.status)
        case 429:
            return Busy(wait)
        case 503 if wait is not None or not is_write:
            return Busy(wait)
        case 408:
            return Unknown("status 408")
        case status if 300 <= status < 500:
            return Rejected(status, diagnostics(response))
        case status:
            return Unknown(f"status {status}")


def diagnostics(response: Response) -> str:
    """The codes and element paths of an OperationOutcome.

    Its texts are left out: they can quote what was sent, and this ends up in logs and journals.
    """
    outcome = json_object(response.body) or {}
    issues = outcome.get("issue")
    said = []
    for issue in issues[:_MAX_ISSUES] if isinstance(issues, list) else []:
        if not isinstance(issue, dict):
            continue
        code = issue.get("code")
        paths = issue.get("expression")
        words = [code] if isinstance(code, str) and _ISSUE_CODE.fullmatch(code) else []
        words += [
            path
            for path in (paths[:_MAX_ISSUES] if isinstance(paths, list) else [])
            if isinstance(path, str) and _ELEMENT_PATH.fullmatch(path)
        ]
        if words:
            said.append(" ".join(words))
    return "; ".join(said)
