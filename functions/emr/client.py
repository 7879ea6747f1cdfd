"""A FHIR R4 client for writes that matter: it tells apart what was done, what was not, and what nobody knows.

It never retries and never decides; see https://hl7.org/fhir/R4/http.html for the interactions.
"""

import json
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from functions.emr.answers import json_object, location_of, refusal, resource_in, version_of
from functions.emr.identifiers import Identifier, is_resource_id
from functions.emr.results import (
    Busy,
    Conflict,
    CreateResult,
    Found,
    Matches,
    Missing,
    ReadResult,
    Rejected,
    Resource,
    SearchResult,
    Unknown,
    UpdateResult,
    Written,
)
from functions.emr.transport import NoAnswer, NotSent, Response, Transport, Urllib3Transport

_MAX_PAGES: Final = 20
_PAGE_SIZE: Final = 50

_compact = json.JSONEncoder(separators=(",", ":")).encode


class FhirClient:
    """Talks to one EMR.

    `emr` names it in the ledger and stays the same when its address changes. `timeout_seconds` is how long to wait
    for a connection, and for an answer.
    """

    def __init__(
        self, base_url: str, *, emr: str, timeout_seconds: float = 10.0, transport: Transport | None = None
    ) -> None:
        self.emr = emr
        self._base_url = base_url.rstrip("/")
        self._timeout_seconds = timeout_seconds
        self._transport = transport if transport is not None else Urllib3Transport()

    def create(self, resource: Resource, *, if_none_exist: Identifier | None = None) -> CreateResult:
        """Creates a resource, unless one with this identifier exists; then that one is Found.

        EMRs that do not know If-None-Exist ignore it and create another.
        """
        resource_type = _type_of(resource)
        headers = {}
        if if_none_exist is not None:
            headers["If-None-Exist"] = urlencode({"identifier": if_none_exist.token})
        response = self._send("POST", resource_type, headers, resource)
        if not isinstance(response, Response):
            return response
        if response.status == 201:
            written = _written(response, resource_type)
            return written if written is not None else Unknown("created, but the answer does not say under which id")
        if response.status == 200:
            existing = _found(response, resource_type)
            # There is one already; where the answer does not show it, it has to be looked up like after a conflict.
            return existing if existing is not None else Conflict(200)
        if response.status < 300:
            return Unknown(f"status {response.status}")
        return refusal(response, is_write=True)

    def read(self, resource_type: str, resource_id: str) -> ReadResult:
        """Reads the current version of a resource."""
        response = self._send("GET", _path(resource_type, resource_id))
        if not isinstance(response, Response):
            return response
        if response.status in (404, 410):
            return Missing()
        if response.status == 200:
            found = _found(response, resource_type)
            if found is None or found.resource_id != resource_id:
                return Unknown("the answer is not the resource asked for")
            return found
        return _read_refusal(response)

    def update(self, resource: Resource, *, if_match: str | None) -> UpdateResult:
        """Replaces a resource, provided its version is still `if_match`; None only for EMRs without versions."""
        resource_type, resource_id = _type_of(resource), str(resource["id"])
        headers = {"If-Match": f'W/"{if_match}"'} if if_match is not None else {}
        response = self._send("PUT", _path(resource_type, resource_id), headers, resource)
        if not isinstance(response, Response):
            return response
        if response.status in (200, 201, 204):
            written = _written(response, resource_type)
            if written is not None and written.resource_id != resource_id:
                return Unknown("the answer is about another resource")
            return written or Written(resource_id, version_of(None, response.headers.get("etag")), None)
        if response.status in (404, 410):
            return Missing()
        if response.status < 300:
            return Unknown(f"status {response.status}")
        return refusal(response, is_write=True)

    def find(self, resource_type: str, identifier: Identifier) -> SearchResult:
        """All resources of a type that bear an identifier.

        What the EMR answers is checked: some ignore a search parameter they do not know, and answer with everything.
        """
        result = self.search(resource_type, [("identifier", identifier.token)])
        if not isinstance(result, Matches):
            return result
        return Matches(tuple(found for found in result.found if bears(found.body, identifier)))

    def search(self, resource_type: str, parameters: Iterable[tuple[str, str]]) -> SearchResult:
        """All resources of a type that match, from all pages."""
        target: str | None = f"{_path(resource_type)}?{urlencode([*parameters, ('_count', str(_PAGE_SIZE))])}"
        found: list[Found] = []
        for _ in range(_MAX_PAGES):
            if target is None:
                return Matches(tuple(found))
            response = self._send("GET", target)
            if not isinstance(response, Response):
                return response
            if response.status != 200:
                return _read_refusal(response)
            bundle = json_object(response.body)
            if bundle is None or bundle.get("resourceType") != "Bundle":
                return Unknown("the answer is not a Bundle")
            found += _matches(bundle, resource_type)
            following = _next_link(bundle)
            target = self._below_base(following) if following is not None else None
            if following is not None and target is None:
                return Unknown("the next page is not at this EMR")
        return Unknown(f"more than {_MAX_PAGES} pages")

    def _send(
        self, method: str, target: str, headers: dict[str, str] | None = None, resource: Resource | None = None
    ) -> Response | Busy | Unknown:
        sent = {"Accept": "application/fhir+json", **(headers or {})}
        body = None
        if resource is not None:
            body = _compact(resource).encode()
            # Epic answers a create with an empty body otherwise.
            sent |= {"Content-Type": "application/fhir+json", "Prefer": "return=representation"}
        url = f"{self._base_url}/{target}"
        try:
            return self._transport.send(method, url, sent, body, self._timeout_seconds)
        except NotSent:
            return Busy(None)
        except NoAnswer as error:
            return Unknown(str(error))

    def _below_base(self, url: str) -> str | None:
        # Whoever answers must not be able to send this client, and later its credentials, somewhere else.
        base, there = urlsplit(self._base_url), urlsplit(url)
        if there.netloc and (there.scheme, there.netloc) != (base.scheme, base.netloc):
            return None
        prefix = f"{base.path}/"
        if not there.path.startswith(prefix) or ".." in there.path:
            return None
        return f"{there.path.removeprefix(prefix)}?{there.query}"


def bears(resource: Resource, identifier: Identifier) -> bool:
    """Whether a resource has this identifier."""
    identifiers = resource.get("identifier")
    return isinstance(identifiers, list) and any(
        isinstance(one, dict) and one.get("system") == identifier.system and one.get("value") == identifier.value
        for one in identifiers
    )


def _type_of(resource: Resource) -> str:
    return str(resource["resourceType"])


def _path(resource_type: str, resource_id: str | None = None) -> str:
    if resource_id is None:
        return quote(resource_type, safe="")
    if not is_resource_id(resource_id):
        raise ValueError("not a FHIR id")
    return f"{quote(resource_type, safe='')}/{resource_id}"


def _written(response: Response, resource_type: str) -> Written | None:
    body = resource_in(response, resource_type)
    etag = response.headers.get("etag")
    if body is not None:
        return Written(str(body["id"]), version_of(body, etag), body)
    location = location_of(response, resource_type)
    if location is None:
        return None
    resource_id, version = location
    return Written(resource_id, version_of(None, etag) or version, None)


def _found(response: Response, resource_type: str) -> Found | None:
    body = resource_in(response, resource_type)
    return None if body is None else Found(str(body["id"]), version_of(body, response.headers.get("etag")), body)


def _read_refusal(response: Response) -> Rejected | Busy | Unknown:
    result = refusal(response, is_write=False)
    if isinstance(result, Conflict):
        return Rejected(result.status, "")  # there is nothing that a read could be in conflict with
    return result


def _matches(bundle: Resource, resource_type: str) -> Iterable[Found]:
    for entry in bundle.get("entry") or []:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if (
            isinstance(resource, dict)
            and resource.get("resourceType") == resource_type
            and is_resource_id(str(resource.get("id", "")))
            and (entry.get("search") or {}).get("mode", "match") == "match"
        ):
            yield Found(str(resource["id"]), version_of(resource), resource)


def _next_link(bundle: Resource) -> str | None:
    for link in bundle.get("link") or []:
        if isinstance(link, dict) and link.get("relation") == "next" and isinstance(link.get("url"), str):
            return str(link["url"])
    return None
