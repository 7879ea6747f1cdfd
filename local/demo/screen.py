"""Shows what happens as it happens: every hand-off as a line, and on a terminal a table of who owns what."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table

from functions.cases.rows import CaseRow
from local.connection import Connection
from statemachines import published

_REFRESH_SECONDS = 0.5


class Screen:
    """Call ``tick`` often; it looks at the journals at most twice a second."""

    def __init__(self, connection: Connection, facilities: Iterable[str], console: Console) -> None:
        self._connection, self._facilities, self._console = connection, tuple(facilities), console
        self._seen: dict[str, int] = {}
        self._next = 0.0
        self._live = Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else None

    def __enter__(self) -> Screen:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.tick(now=True)
        if self._live is not None:
            self._live.stop()

    def say(self, text: str) -> None:
        """A line of the story."""
        self._console.print(f"\n[bold]{text}[/bold]", highlight=False)

    def tick(self, *, now: bool = False) -> None:
        """Show what is new."""
        if not now and time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _REFRESH_SECONDS
        rows = self._connection.cases(self._facilities)
        for row in rows:
            if self._seen.get(row.id, 0) < row.seq:
                for entry in self._connection.journal(row.id)[self._seen.get(row.id, 0) :]:
                    self._console.print(line(row, entry), highlight=False)
                    self._seen[row.id] = entry["seq"]
        if self._live is not None:
            self._live.update(owners(rows))


def clock(seconds: float | None) -> str:
    """A moment as local time of day."""
    return "" if seconds is None else datetime.fromtimestamp(seconds).astimezone().strftime("%H:%M:%S")


def line(row: CaseRow, entry: dict[str, Any]) -> str:
    """One journal entry as a line: when, where, what, whose it is now, and until when."""
    where = f"{row.facility:10} {row.id[:6]}"
    if entry["kind"] == "moved":
        source, target = entry.get("source", "·"), entry["target"]
        owner = f" → {entry['role']}{' ' + entry['person'] if 'person' in entry else ''}" if "role" in entry else ""
        until = f" until {clock(entry['due'])}" if "due" in entry and "role" in entry else ""
        color = "red" if entry.get("missed_deadline") else "yellow" if entry["reason"] == "override" else "green"
        arrow, because = f"[{color}]{entry['transition']:5}[/{color}]", escape(entry["because"])
        what = f"{arrow} {source} → [bold]{target}[/bold]{owner}{until}  ({because})"
    else:
        what = _told(entry)
    return f"{clock(entry['at'])}  {where}  {what}"


def _told(entry: dict[str, Any]) -> str:
    """What an entry that moves nothing tells, as a sentence."""
    event, because = f"[cyan]{entry['event']}[/cyan]", escape(entry["because"])
    who = entry.get("actor", "Baton") + (f" ({entry['actor_role']})" if "actor_role" in entry else "")
    to = f"{entry.get('role', 'nobody')}{' ' + entry['person'] if 'person' in entry else ''}"
    match entry["kind"]:
        case "claimed":
            return f"{who} [cyan]claims[/cyan] the step"
        case "reassigned":
            return f"{who} [cyan]hands the step on[/cyan] to {to}  ({because})"
        case "declined":
            return f"{who} [cyan]declines[/cyan] the step; it goes to {to}  ({because})"
        case "deferred":
            return f"{event} from {who} waits for a later state  ({because})"
        case "refused":
            return f"{event} from {who} is [red]refused[/red]  ({because})"
        case "recorded":
            return f"{event} from {who} is noted  ({because})"
        case "item_done":
            return f"{event} from {who} checks off an item  ({because})"
        case "repaired":
            return f"the execution is [cyan]repaired[/cyan]  ({because})"
        case "continued":
            return f"the execution is [cyan]continued[/cyan]  ({because})"
        case "rerouted":
            return f"the step is [cyan]routed again[/cyan], to {to}  ({because})"
        case other:
            return f"{other.replace('_', ' ')}: {event} from {who}  ({because})"


def owners(rows: list[CaseRow]) -> Table:
    """Who owns what, since when and until when."""
    table = Table(title="Who owns the next step", title_justify="left")
    for heading in ("facility", "case", "workflow", "state", "owner", "since", "until"):
        table.add_column(heading)
    for row in rows:
        state = published.published(row.workflow, row.version).state(row.state)
        task = row.task
        owner = (
            "nobody: ended" if task is None else task.role + (f" {task.person} ({task.status})" if task.person else "")
        )
        since = task.since if task is not None else row.ended_at
        table.add_row(row.facility, row.id[:6], row.workflow, state.title, owner, clock(since), clock(row.case.due))
    return table
