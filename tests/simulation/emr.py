"""An EMR in memory that behaves as badly as EMRs do: busy, away, answers lost after the work was done, edited by others."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from functions.emr.transport import NoAnswer, NotSent, Response
from tests.simulation.clock import PATIENCE_SECONDS, Clock
from tests.simulation.dice import Fault
from tests.simulation.outages import Service

BASE_URL = "https://emr.example/fhir/R4"
SEARCH_LAG_SECONDS = 20.0
REFUSED_ORDERS, SOON_DELIVERED = 0.12, 0.15
"""Shares of the orders for devices that the EMR refuses, and that the vendor delivers within the hour."""

Resource = dict[str, Any]
_OURS = frozenset({"Task", "DocumentReference", "DeviceRequest"})
_OFF = frozenset({"entered-in-error", "revoked"})


def _case(source: str) -> str:
    return source.partition(".")[0]


class Emr:
    """A transport with an EMR behind it. Resources are kept as text, so nobody shares one."""

    needs_version = True
    """An update that does not name the version that it replaces is refused."""

    def __init__(self, clock: Clock, *, knows_if_none_exist: bool) -> None:
        self._clock = clock
        self._knows_if_none_exist = knows_if_none_exist
        self._stored: dict[tuple[str, str], tuple[str, int, float]] = {}
        self._names: dict[tuple[str, str], tuple[str, ...]] = {}
        self._named: dict[tuple[str, str], set[str]] = {}
        self._count = 0
        self.notes: Counter[str] = Counter()

    def all(self, kind: str) -> list[Resource]:
        """Every resource of a type, as it is now."""
        return [self._load(*key) for key in self._stored if key[0] == kind]

    def doubled(self) -> set[tuple[str, str]]:
        """What is there twice, by type and case: a Task, a document, or an order that somebody may act upon."""
        found: set[tuple[str, str]] = set()
        for (kind, token), ids in self._named.items():
            system, _, value = token.rpartition("|")
            if len(ids) < 2 or not system or kind not in _OURS:
                continue
            standing = [one for id in self._bearing(kind, token) if (one := self._load(kind, id))["status"] not in _OFF]
            of = [one["groupIdentifier"]["value"] if kind == "DeviceRequest" else _case(value) for one in standing]
            found.update((kind, case) for case, times in Counter(of).items() if times > 1)
        return found

    def order_by_hand(self, number: str, patient: str, status: str) -> None:
        """Somebody orders something in the EMR, under a number of its own; once for a patient."""
        subject = {"reference": f"Patient/{patient}"}
        if any(
            self._load("ServiceRequest", id)["subject"] == subject for id in self._bearing("ServiceRequest", number)
        ):
            return
        identifier = [{"system": f"{BASE_URL}/orders", "value": number}]
        order = {"resourceType": "ServiceRequest", "status": status, "intent": "order", "identifier": identifier}
        self._store({**order, "subject": subject})

    def _deliver(self, id: str) -> None:
        """A vendor has done what was ordered."""
        order = self._load("DeviceRequest", id)
        if order["status"] == "active":
            self._store({**order, "status": "completed"})

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None,
        timeout_seconds: float,
    ) -> Response:
        """See Transport.send."""
        clock, parts = self._clock, urlsplit(url.removeprefix(f"{BASE_URL}/"))
        what = f"{method} {parts.path}"
        clock.reach(what)
        if clock.away(Service.EMR):
            if clock.worker is not None and clock.worker.calls % 3 == 0:
                clock.stand_still(timeout_seconds)
                raise NoAnswer("time is over")
            raise NotSent("no connection")
        if clock.hit(Fault.EMR_BUSY, what):
            return Response(503, {"retry-after": "5"}, b"")
        if clock.hit(Fault.EMR_FAILS, what):
            if clock.worker is not None and clock.worker.calls % 2:
                raise NotSent("no connection")
            return Response(500, {}, b"")
        kind, _, id = parts.path.partition("/")
        if method != "GET" and clock.worker is not None and clock.hit(Fault.EMR_SLOW, what):
            clock._others_act(PATIENCE_SECONDS * clock.dice.part(clock.worker.key, clock.worker.calls))
        if method == "PUT" and (kind, id) in self._stored and clock.hit(Fault.EMR_EDITED, what):
            seen = self._load(kind, id)
            self._store({**seen, "note": [*seen.get("note", ()), {"text": "seen"}]})
            self.notes[id] += 1
        answer = self._serve(method, kind, id, parts.query, headers, json.loads(body) if body else None)
        if method != "GET":
            if clock.hit(Fault.EMR_UNKNOWN, what):
                raise NoAnswer("time is over")
            clock.reached(what)
        return answer

    def _serve(
        self, method: str, kind: str, id: str, query: str, headers: Mapping[str, str], body: Resource | None
    ) -> Response:
        match method, id:
            case "POST", "":
                assert body is not None
                condition = headers.get("If-None-Exist")
                if condition is not None and self._knows_if_none_exist:
                    matches = self._bearing(kind, unquote(condition).removeprefix("identifier="))
                    if len(matches) > 1:
                        return Response(412, {}, b"")
                    if matches:
                        return self._answer(200, kind, matches[0])
                if kind != "DeviceRequest":
                    return self._answer(201, kind, self._store(body))
                part = self._clock.dice.part(zlib.crc32(body["identifier"][0]["value"].encode()), 0)
                if part < REFUSED_ORDERS:
                    return Response(422, {}, b"")
                made = self._store(body)
                if part < REFUSED_ORDERS + SOON_DELIVERED:
                    self._clock.at(self._clock.now + 4 * 3600 * part, lambda: self._deliver(made), idle=True)
                return self._answer(201, kind, made)
            case "GET", "":
                token = parse_qs(query)["identifier"][0]
                found = self._bearing(kind, token)
                if self._clock.hit(Fault.EMR_SEARCH_LAGS, kind):
                    shown = self._clock.now - SEARCH_LAG_SECONDS
                    found = [one for one in found if self._stored[kind, one][2] <= shown]
                entries = [{"resource": self._load(kind, one), "search": {"mode": "match"}} for one in found]
                bundle = {"resourceType": "Bundle", "type": "searchset", "entry": entries}
                return Response(200, {}, json.dumps(bundle).encode())
            case "GET", _:
                return self._answer(200, kind, id) if (kind, id) in self._stored else Response(404, {}, b"")
            case "PUT", _:
                assert body is not None
                if (kind, id) not in self._stored:
                    return Response(404, {}, b"")
                if (self.needs_version or "If-Match" in headers) and headers.get(
                    "If-Match"
                ) != f'W/"{self._stored[kind, id][1]}"':
                    return Response(412, {}, b"")
                return self._answer(200, kind, self._store(body))
        raise AssertionError(method)

    def _store(self, resource: Resource) -> str:
        self._count += 1
        kind = str(resource["resourceType"])
        id = str(resource.setdefault("id", f"r{self._count}"))
        first = self._stored[kind, id][2] if (kind, id) in self._stored else self._clock.now
        resource["meta"] = {"versionId": str(self._count), "lastUpdated": f"2026-01-01T00:00:00.{self._count:06}Z"}
        self._stored[kind, id] = (json.dumps(resource), self._count, first)
        tokens: list[str] = []
        for identifier in resource.get("identifier", ()):
            tokens += (f"{identifier['system']}|{identifier['value']}", identifier["value"])
        self._names[kind, id] = tuple(tokens)
        for token in tokens:
            self._named.setdefault((kind, token), set()).add(id)
        return id

    def _load(self, kind: str, id: str) -> Resource:
        resource: Resource = json.loads(self._stored[kind, id][0])
        return resource

    def _bearing(self, kind: str, token: str) -> list[str]:
        return [id for id in sorted(self._named.get((kind, token), ())) if token in self._names[kind, id]]

    def _answer(self, status: int, kind: str, id: str) -> Response:
        text, version, _ = self._stored[kind, id]
        return Response(status, {"etag": f'W/"{version}"'}, text.encode())
