"""The report as people read it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table

from local.agreement import Report
from local.demo.screen import clock


def show(report: Report, console: Console) -> None:
    """Print the report: paths, owners, deadlines, what the EMR says, what became of every event, metrics, agreement."""
    for case in report.cases:
        console.print(
            f"\n[bold]{case.facility}[/bold]  case {case.case[:12]}…  {case.workflow}  now: [bold]{case.state}[/bold]",
            highlight=False,
        )
        path = " ".join(f"—{t}→ {s}" for t, s in zip(case.transitions, case.journal_path, strict=True))
        console.print(f"  path       {path}", highlight=False)
        for owner in case.owners:
            who = owner["role"] + (f" {owner['person']}" if owner["person"] else "")
            why = "; ".join(owner["why"]) if isinstance(owner["why"], list) else owner["why"]
            until = f" until {clock(owner['until'])}" if owner["until"] else ""
            console.print(
                f"  owner      {clock(owner['at'])} {owner['state']:22} {who}{until}  [dim]{why}[/dim]", highlight=False
            )
        console.print(f"  deadlines  {case.deadlines_met} met, {case.deadlines_missed} missed", highlight=False)
        shown = "; ".join(f"Task/{t['id']} {t['status']}, {t['businessStatus']}" for t in case.emr)
        filed = "; ".join(f"DocumentReference/{d['id']} {d['status']}" for d in case.documents)
        console.print(f"  EMR        {shown}{'; ' + filed if filed else ''}", highlight=False)
        for difference in case.differences:
            console.print(f"  [red]differs[/red]    {difference}", highlight=False)
    _table(console, "What became of every event", ("outcome", "events"), sorted(report.events.items()))
    _table(console, "Why", ("outcome: reason", "events"), sorted(report.reasons.items()))
    _table(
        console,
        "Metrics against the journal",
        ("metric", "journal", "emitted"),
        [(name, f"{m['journal']:.0f}", f"{m['emitted']:.0f}") for name, m in report.metrics.items()],
    )
    for line in report.unshown:
        console.print(f"[red]not shown[/red] {line}", highlight=False)
    for line in (*report.differences, *(f"lost: {event}" for event in report.lost)):
        console.print(f"[red]differs[/red] {line}", highlight=False)
    for name, count in report.dead_letters.items():
        if count:
            console.print(f"[red]{count} dead letters[/red] of {name}", highlight=False)
    verdict = (
        "[bold green]journal, executions, EMR and metrics agree; no event is unaccounted for[/bold green]"
        if report.agrees
        else "[bold red]they do not agree; see what differs above[/bold red]"
    )
    console.print(f"\n{verdict}")


def _table(console: Console, title: str, headings: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    table = Table(title=title, title_justify="left")
    for heading in headings:
        table.add_column(heading)
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    console.print(table)
