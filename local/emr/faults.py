"""Asks the embedded EMR to misbehave the way real EMRs and the networks before them do."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import urllib3


class FaultMode(StrEnum):
    """What goes wrong with a request that a fault concerns."""

    STATUS = "status"
    """The EMR answers with an error status and does nothing."""
    TIMEOUT_BEFORE = "timeout_before"
    """The EMR does nothing and never answers."""
    TIMEOUT_AFTER_COMMIT = "timeout_after_commit"
    """The EMR does what was asked, and the answer never comes."""
    EMPTY_201 = "empty_201"
    """The answer to a create has no body and no ETag, only Location."""
    IGNORE_HEADERS = "ignore_headers"
    """The EMR does not know some request headers, such as If-None-Exist."""
    EMPTY_SEARCH = "empty_search"
    """A search finds nothing, like an index that lags behind the writes."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault in force, and how many requests met it so far."""

    id: int
    mode: FaultMode
    injected: int


class FaultRefused(ValueError):
    """The EMR does not understand the description of a fault."""


class Faults:
    """Adds, lists and clears the faults of one embedded EMR."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._http = urllib3.PoolManager(timeout=10, retries=False)

    def add(
        self,
        mode: FaultMode,
        *,
        status: int | None = None,
        retry_after: float | None = None,
        headers: Sequence[str] | None = None,
        hold_seconds: float | None = None,
        method: str | None = None,
        resource_type: str | None = None,
        count: int | None = None,
        seconds: float | None = None,
    ) -> int:
        """Puts a fault in force and returns its id.

        It concerns the requests of the method and resource type (all, when not given), and ends after `count` of them
        or after `seconds`, or else when cleared. `status` and `retry_after` (seconds) go with STATUS, `headers` with
        IGNORE_HEADERS, and `hold_seconds` with the time-outs: how long until the connection is broken off (60 when
        not given, 0 at once).

        Raises FaultRefused.
        """
        description = {
            "mode": mode,
            "status": status,
            "retry_after": retry_after,
            "headers": headers,
            "hold_seconds": hold_seconds,
            "method": method,
            "resource_type": resource_type,
            "count": count,
            "seconds": seconds,
        }
        answer = self._call("POST", {name: value for name, value in description.items() if value is not None})
        return int(answer["id"])

    def list(self) -> tuple[Fault, ...]:
        """The faults still in force."""
        return tuple(
            Fault(id=fault["id"], mode=FaultMode(fault["mode"]), injected=fault["injected"])
            for fault in self._call("GET")["faults"]
        )

    def injected(self) -> Mapping[FaultMode, int]:
        """How many requests met each mode since the EMR started, also by faults that are over."""
        return {FaultMode(mode): count for mode, count in self._call("GET")["injected"].items()}

    def clear(self) -> None:
        """Ends every fault, and breaks off the requests that they hold."""
        self._call("DELETE")

    def _call(self, method: str, description: Mapping[str, object] | None = None) -> dict[str, Any]:
        body = None if description is None else json.dumps(description)
        response = self._http.request(method, self._url, body=body)
        answer: dict[str, Any] = response.json()
        if response.status >= 400:
            raise FaultRefused(answer["error"])
        return answer
