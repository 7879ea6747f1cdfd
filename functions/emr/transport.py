"""How a request reaches the EMR, and the one question that matters when it fails: can it have arrived?"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import urllib3
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP answer; header names in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class NotSent(Exception):
    """No connection was made, so the request cannot have had any effect."""


class NoAnswer(Exception):
    """The request was, or may have been, sent, and no whole answer came."""


class Transport(Protocol):
    """Sends one request once: no retry, no redirect. Raises NotSent and NoAnswer."""

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_seconds: float
    ) -> Response: ...


class Urllib3Transport:
    """The real thing, with connections kept open for the life of the process."""

    def __init__(self) -> None:
        # A retry or a redirect would repeat a write, or send it elsewhere, without anybody having decided so.
        self._http = urllib3.PoolManager(retries=False, maxsize=4)

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_seconds: float
    ) -> Response:
        """Sends one request; the time-out covers each of connecting and waiting for bytes. Raises NotSent, NoAnswer."""
        try:
            response = self._http.request(
                method, url, headers=dict(headers), body=body, timeout=timeout_seconds, redirect=False
            )
        except (NewConnectionError, ConnectTimeoutError) as error:
            raise NotSent(type(error).__name__) from error
        except HTTPError as error:
            raise NoAnswer(type(error).__name__) from error
        lowered = {name.lower(): value for name, value in response.headers.items()}
        return Response(status=response.status, headers=lowered, body=response.data)
