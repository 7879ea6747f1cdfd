"""Starts and stops the embedded AWS."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from local.aws.running import HOST, RunningAws

_SERVER = Path(__file__).with_name("server") / "serve.py"
_INTERPRETER = Path(__file__).resolve().parents[2] / ".ministack" / "bin" / "python"
_EXIT_PORT_IN_USE = 3
_START_SECONDS = 60.0
_STOP_SECONDS = 20.0
_OUT_OF_TIME = "killing worker"
"""What the server's log says, once, of each invocation that was ended at its timeout."""


class AwsNotStarted(RuntimeError):
    """The embedded AWS could not be started; the message says what to do."""


class EmbeddedAws(RunningAws):
    """MiniStack in a process of its own, with IAM enforced and the wrappers that make it behave like AWS.

    `state_dir` holds its log, its temporary files and, with `persist`, all its resources from one clean stop to the
    next start; one process at a time may use it. Port 0 takes a free port at the first start and keeps it for later
    ones. `without` names wrappers to leave out, for tests that show what they are for. Used as a context manager it is
    started on entry and stopped on exit. It ends by itself, with all Lambda workers, when this process dies.
    """

    def __init__(
        self,
        state_dir: Path,
        port: int = 0,
        *,
        persist: bool = False,
        without: Collection[str] = (),
        log: str = "WARNING",
    ) -> None:
        super().__init__(port, None)
        self._state_dir = state_dir
        self._options = ["--log-level", log]
        self._persist = persist
        self._options += ["--persist"] if persist else []
        self._options += [f"--without={name}" for name in without]
        self._process: subprocess.Popen[bytes] | None = None
        self._lock: IO[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The server's process id while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    @property
    def log(self) -> Path:
        """The file that the server writes its log to."""
        return self._state_dir / "server.log"

    def out_of_time(self) -> int:
        """How many invocations were ended at their function's timeout since the server started, as its log says.

        What such an invocation held, the whole batch, comes again when it becomes visible.
        """
        return self.log.read_text(errors="replace").count(_OUT_OF_TIME)

    def start(self) -> None:
        """Start the server and return when it serves. Raises AwsNotStarted."""
        if self.alive():
            raise AwsNotStarted("the embedded AWS runs already")
        if not _INTERPRETER.is_file():
            raise AwsNotStarted("the environment of the embedded AWS is missing; run `make setup`")
        self._forget()  # what an earlier process that ended by itself left open
        self._lock = self._locked()
        self._ready.unlink(missing_ok=True)
        command = [str(_INTERPRETER), str(_SERVER), "--die-with-parent", "--port", str(self._port)]
        command += ["--state-dir", str(self._state_dir), *self._options]
        with self.log.open("wb") as log:
            # A session of its own: Ctrl-C is for this process, which then stops the server in order. The open standard
            # input is how the server notices that this process is gone.
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True
            )
        try:
            self._port = self._announced_port()
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """End the server and its Lambda workers; do nothing when it does not run. With `persist` it saves what it holds."""
        self._end(signal.SIGTERM if self._persist else signal.SIGKILL)  # with nothing to save, nothing to wait for

    def restart(self) -> None:
        """Stop the server and start it again on the same port; with `persist`, with all that it held. Raises AwsNotStarted.

        What was at work stops where it is, as in an outage: an invocation is never answered, its message or its record
        comes again; an execution has failed, and its end is told.
        """
        self.stop()
        self.start()

    def kill(self) -> None:
        """End the server and its Lambda workers at once, as a crash of the machine would."""
        self._end(signal.SIGKILL)

    @property
    def _ready(self) -> Path:
        return self._state_dir / "ready.json"

    def _announced_port(self) -> int:
        assert self._process is not None
        end = time.monotonic() + _START_SECONDS
        while time.monotonic() < end:
            if self._ready.exists():
                return int(json.loads(self._ready.read_text())["port"])
            try:
                code = self._process.wait(0.02)
            except subprocess.TimeoutExpired:
                continue
            if code == _EXIT_PORT_IN_USE:
                raise AwsNotStarted(f"port {self._port} of {HOST} is in use; stop what uses it, or choose another port")
            raise AwsNotStarted(f"the embedded AWS did not start; it said: {self._said()}")
        raise AwsNotStarted(f"the embedded AWS was not ready in {_START_SECONDS:.0f} s; it said: {self._said()}")

    def _said(self) -> str:
        return self.log.read_text(errors="replace").strip()[-2000:] or "nothing"

    def _locked(self) -> IO[bytes]:
        self._state_dir.mkdir(parents=True, exist_ok=True)
        lock = (self._state_dir / "lock").open("wb")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise AwsNotStarted(f"another embedded AWS uses {self._state_dir}") from None
        return lock

    def _end(self, how: signal.Signals) -> None:
        process = self._process
        if process is not None:
            if process.poll() is None:
                # In a session of its own: the group is the server and its workers. In order, it ends them itself.
                (os.kill if how == signal.SIGTERM else os.killpg)(process.pid, how)
            try:
                process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(_STOP_SECONDS)
            self._ready.unlink(missing_ok=True)
            shutil.rmtree(self._state_dir / "tmp", ignore_errors=True)
        self._forget()

    def _forget(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        if self._lock is not None:
            self._lock.close()
        self._process = self._lock = None
