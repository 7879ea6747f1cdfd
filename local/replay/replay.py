"""One replay from files to summary: read, put in order, turn into events, deliver, account."""

from __future__ import annotations

import json
import resource as process
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from local.replay.course import Course, Settings
from local.replay.ledger import Ledger
from local.replay.mapping import chart_events, fhir
from local.replay.message import Names
from local.replay.readers.files import records, sources
from local.replay.readers.record import BrokenFile, Format, Record
from local.replay.reasons import NotApplicable
from local.replay.runner import Runner
from local.replay.staging import Staging
from local.replay.statements import Context, Statement
from local.replay.summary import NOT_APPLICABLE, FileRead, Summary
from local.replay.times import NoOffset, Times

Progress = Callable[[str, int], None]
"""Told now and then how far a replay is: what it is doing, and how many it has done."""

MakeRunner = Callable[[Ledger, tuple[float, float]], Runner]
"""Makes the runner, given the ledger and when the first and the last statement become known."""

PROGRESS_EVERY = 5000


class NothingToRead(Exception):
    """There is no file of a known kind; the text says which kinds there are."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What to replay, and how.

    ``newest_at`` and ``charted_ahead_waits``: see Staging.arrange. ``trace``: one line of JSON a record goes there.
    """

    path: Path
    times: Times
    settings: Settings
    names: Names
    newest_at: float | None = None
    charted_ahead_waits: bool = False
    trace: IO[str] | None = None
    progress: Progress | None = None

    def run(self, make_runner: MakeRunner) -> Summary:
        """Replay everything. Raises FileNotFoundError, NothingToRead, and NoOffset with file and line."""
        started = time.monotonic()
        summary = Summary()
        with tempfile.TemporaryDirectory(prefix="baton-replay-") as folder:
            staging = Staging(Path(folder) / "statements.sqlite")
            try:
                self._read(staging, summary)
                staging.arrange(
                    newest_at=self.newest_at,
                    aftermath=self.settings.aftermath,
                    charted_ahead_waits=self.charted_ahead_waits,
                )
                ledger = Ledger(staging.database)
                self._deliver(staging, ledger, make_runner, summary)
                ledger.arranged()
                for outcome, reason, count in ledger.records():
                    summary.outcomes[outcome, reason] += count
                summary.events = list(ledger.events())
                for file, line, outcome, reason, event in ledger.traced() if self.trace else ():
                    self._trace(summary.files[file].name, line, outcome, reason, event)
            finally:
                staging.close()
        summary.seconds = time.monotonic() - started
        # Kilobytes on Linux, bytes on macOS.
        peak = process.getrusage(process.RUSAGE_SELF).ru_maxrss
        summary.peak_memory_mb = peak / (1024 * 1024 if sys.platform == "darwin" else 1024)
        return summary

    # ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, staging: Staging, summary: Summary) -> None:
        found = sources(self.path)
        if all(source.format is None for source in found):
            raise NothingToRead(f"nothing under {self.path} is {', '.join(Format)}")
        done = 0
        for number, source in enumerate(found):
            name = source.path.name if source.path == self.path else str(source.path.relative_to(self._base()))
            file = FileRead(name, source.format)
            summary.files.append(file)
            try:
                for record in records(source):
                    file.records += 1
                    done += 1
                    self._tell("records read", done)
                    self._take(staging, summary, number, record)
            except BrokenFile as broken:
                file.broken = str(broken)

    def _base(self) -> Path:
        return self.path if self.path.is_dir() else self.path.parent

    def _tell(self, doing: str, done: int) -> None:
        if self.progress is not None and done % PROGRESS_EVERY == 0:
            self.progress(doing, done)

    def _take(self, staging: Staging, summary: Summary, file: int, record: Record) -> None:
        read = summary.files[file]
        try:
            stated, contexts = self._stated(staging, read.format, record)
        except NoOffset as naive:
            raise NoOffset(f"{read.name}, line {record.line}: {naive}") from None
        for context in contexts:
            staging.explain(context)
        if isinstance(stated, Statement):
            staging.add(file, record.line, stated)
            return
        summary.outcomes[NOT_APPLICABLE, str(stated)] += 1
        self._trace(read.name, record.line, NOT_APPLICABLE, str(stated), None)

    def _stated(
        self, staging: Staging, format: str | None, record: Record
    ) -> tuple[Statement | NotApplicable, list[Context]]:
        content = record.content
        if content is None:
            return NotApplicable.INVALID_RECORD, []
        match format:
            case Format.CHART_EVENTS:
                label = staging.context("item", content["itemid"].strip())
                return chart_events.chart_event(content, self.times, label), []
            case Format.STAYS:
                return chart_events.stay(content, self.times)
            case Format.ITEMS:
                return NotApplicable.CONTEXT, chart_events.item(content)
            case Format.BUNDLE:
                inner = content.get("resource")
                url = content.get("fullUrl")
                if not isinstance(inner, dict):
                    return NotApplicable.INVALID_RECORD, []
                return fhir.resource(inner, self.times, url if isinstance(url, str) else "")
        return fhir.resource(content, self.times)

    # ── delivering ───────────────────────────────────────────────────────────────────────────────────────────────────────

    def _deliver(self, staging: Staging, ledger: Ledger, make_runner: MakeRunner, summary: Summary) -> None:
        span = staging.span()
        if span is None:
            return
        runner = make_runner(ledger, span)
        course = Course(self.settings, self.names, staging.context)
        for done, message in enumerate(course.messages(staging.in_order(), staging.dismiss), start=1):
            runner.deliver(message)
            self._tell("events delivered", done)
        summary.cases = runner.finish()
        summary.assumed_ages = course.assumed_ages

    def _trace(self, file: str, line: int, outcome: str, reason: str, event: str | None) -> None:
        if self.trace is None:
            return
        said: Mapping[str, Any] = {"file": file, "line": line, "outcome": outcome, "reason": reason, "event": event}
        self.trace.write(json.dumps({name: value for name, value in said.items() if value is not None}) + "\n")
