"""A FHIR server small enough to read, which misbehaves on command."""

import copy
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from functions.emr.transport import Response

BASE_URL = "https://emr.example/fhir/R4"


@dataclass
class Happening:
    """What happens to one request instead of, or after, its being served."""

    method: str
    result: Response | Exception
    after_commit: bool = False


@dataclass
class Sent:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: dict[str, Any] | None


@dataclass
class FakeEmr:
    """A transport with an EMR behind it."""

    knows_if_none_exist: bool = True
    knows_versions: bool = True
    search_sees_everything: bool = True
    resources: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    sent: list[Sent] = field(default_factory=list)
    before: Callable[[str, str], None] | None = None
    """Called with method and path before a request is served: what somebody else does in that moment."""
    _happenings: deque[Happening] = field(default_factory=deque)
    _clock: int = 0

    def will(self, method: str, result: Response | Exception, *, times: int = 1, after_commit: bool = False) -> None:
        self._happenings.extend([Happening(method, result, after_commit)] * times)

    def all(self, resource_type: str, *, status: str | None = None) -> list[dict[str, Any]]:
        return [
            resource
            for (kind, _), resource in self.resources.items()
            if kind == resource_type and status in (None, resource["status"])
        ]

    def count(self, method: str) -> int:
        return sum(request.method == method for request in self.sent)

    def store(self, resource: Mapping[str, Any]) -> dict[str, Any]:
        """Stores a resource as anybody who is not Baton would."""
        self._clock += 1
        stored = copy.deepcopy(dict(resource))
        stored.setdefault("id", f"id-{self._clock}")
        stored["meta"] = {"lastUpdated": f"2026-01-01T00:00:{self._clock:02}Z"}
        if self.knows_versions:
            stored["meta"]["versionId"] = str(self._clock)
        self.resources[stored["resourceType"], stored["id"]] = stored
        return stored

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_seconds: float
    ) -> Response:
        assert timeout_seconds > 0
        assert url.startswith(f"{BASE_URL}/")
        parts = urlsplit(url.removeprefix(f"{BASE_URL}/"))
        lowered = {name.lower(): value for name, value in headers.items()}
        request = Sent(method, parts.path, parse_qs(parts.query), lowered, json.loads(body) if body else None)
        self.sent.append(request)
        if self.before is not None:
            self.before(method, parts.path)
        happening = self._take(method)
        if happening is not None and not happening.after_commit:
            return _raised_or_returned(happening.result)
        response = self._serve(request)
        return response if happening is None else _raised_or_returned(happening.result)

    def _take(self, method: str) -> Happening | None:
        if self._happenings and self._happenings[0].method == method:
            return self._happenings.popleft()
        return None

    def _serve(self, request: Sent) -> Response:
        resource_type, _, resource_id = request.path.partition("/")
        match request.method, resource_id:
            case "POST", "":
                return self._create(resource_type, request)
            case "GET", "":
                return self._search(resource_type, request.query["identifier"][0])
            case "GET", _:
                return self._read(resource_type, resource_id)
            case "PUT", _:
                return self._update(resource_type, resource_id, request)
        raise AssertionError(request)

    def _create(self, resource_type: str, request: Sent) -> Response:
        assert request.body is not None
        condition = request.headers.get("if-none-exist")
        if condition is not None and self.knows_if_none_exist:
            matches = self._bearing(resource_type, unquote(condition).removeprefix("identifier="))
            if len(matches) > 1:
                return answer(412)
            if matches:
                return self._resource(200, matches[0])
        return self._resource(201, self.store(request.body))

    def _search(self, resource_type: str, token: str) -> Response:
        found = self._bearing(resource_type, token) if self.search_sees_everything else []
        entries = [{"resource": resource, "search": {"mode": "match"}} for resource in found]
        return answer(200, {"resourceType": "Bundle", "type": "searchset", "entry": entries})

    def _read(self, resource_type: str, resource_id: str) -> Response:
        resource = self.resources.get((resource_type, resource_id))
        return answer(404) if resource is None else self._resource(200, resource)

    def _update(self, resource_type: str, resource_id: str, request: Sent) -> Response:
        assert request.body is not None
        current = self.resources.get((resource_type, resource_id))
        if current is None:
            return answer(404)
        wanted = request.headers.get("if-match")
        if wanted is not None and self.knows_versions and wanted != f'W/"{current["meta"]["versionId"]}"':
            return answer(412)
        return self._resource(200, self.store(request.body))

    def _bearing(self, resource_type: str, token: str) -> list[dict[str, Any]]:
        system, divided, value = token.rpartition("|")
        return [
            resource
            for resource in self.all(resource_type)
            if any(
                one["value"] == value and (not divided or one.get("system") == system)
                for one in resource.get("identifier", [])
            )
        ]

    def _resource(self, status: int, resource: dict[str, Any]) -> Response:
        etag = {"etag": f'W/"{resource["meta"]["versionId"]}"'} if self.knows_versions else {}
        return answer(status, resource, **etag)


def answer(status: int, body: object = None, **headers: str) -> Response:
    """An HTTP answer; `_` in the headers' names stands for `-`."""
    content = b"" if body is None else json.dumps(body).encode()
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, content)


def _raised_or_returned(result: Response | Exception) -> Response:
    if isinstance(result, Exception):
        raise result
    return result
