"""`baton replay PATH`: real clinical data through the same path, and what became of every record."""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path

from events.unreadable import UnreadableReason
from local.replay.course import Assessments, Settings
from local.replay.deployed import Deployed, Lookup, Sink
from local.replay.in_memory import WATCHED_SECONDS, InMemory
from local.replay.ledger import Ledger
from local.replay.message import DEFAULT_KEY, Names
from local.replay.readers.record import Format
from local.replay.replay import MakeRunner, NothingToRead, Replay
from local.replay.runner import Runner
from local.replay.summary import Summary
from local.replay.times import NoOffset, Times, declared_offset
from statemachines import published
from statemachines.definition import Definition
from statemachines.facilities import facilities
from statemachines.policy import Policy

Connect = Callable[[], tuple[Sink, Lookup]]
"""Reaches the deployed stack."""

EPILOG = f"""\
PATH is a file or a folder. Known are: {", ".join(Format)};
each plain or .gz. Others are named, and not read.

A record is accounted for by its own event, the one it states. Some events are derived: an order before the first oxygen of
an encounter, documentation after its end. They are counted beside the records, by people named REPLAY-….

Such data is shifted in time. In memory, a clock of its own follows the data. A deployed stack has the real clock and takes
neither what is to come nor what is older than 30 days: --rebase moves each encounter as a whole, so that it ends now.

The exit code is 0 when every record is accounted for, 1 when not, 2 when the replay could not begin.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments and help."""
    parser.epilog = EPILOG
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    # argparse takes -05:00 for an option, since it is no negative number; here nothing that begins with -0 or -1 is one.
    parser._negative_number_matcher = re.compile(r"-\d")
    parser.add_argument("path", type=Path, metavar="PATH", help="clinical data: a file or a folder")
    parser.add_argument(
        "--in-memory",
        action="store_true",
        help="run the same use cases in this process, for large data; needs no stack",
    )
    parser.add_argument(
        "--offset",
        metavar="±HH:MM",
        help="offset from UTC under which times without one were written, such as -05:00",
    )
    parser.add_argument(
        "--facility", default="northfield", choices=sorted(facilities()), help="where it happens (northfield)"
    )
    parser.add_argument("--json", action="store_true", help="print the summary as JSON")
    parser.add_argument(
        "--trace", type=Path, metavar="FILE", help="write what became of each record, one line of JSON each"
    )
    parser.add_argument(
        "--rebase", action="store_true", help="move each encounter in time so that its newest record is now"
    )
    parser.add_argument(
        "--charted-ahead",
        choices=("deliver", "wait"),
        default="deliver",
        help="rows stored before the time they are charted for: deliver them when stored, as a live system would, so that "
        "intake sees a time in the future; or let them wait for their time (deliver)",
    )
    parser.add_argument("--rate", type=_positive, default=50.0, metavar="N", help="events a second, to a stack (50)")
    parser.add_argument(
        "--settle",
        type=_positive,
        default=120.0,
        metavar="SECONDS",
        help="wait so long for a stack's last outcomes (120)",
    )
    parser.add_argument(
        "--assessments",
        type=Assessments,
        default=Assessments.VENTILATOR,
        choices=list(Assessments),
        help="what counts as a therapist's assessment: ventilator checks, or any charted respiratory rate (ventilator)",
    )
    parser.add_argument(
        "--undocumented", action="store_true", help="derive no documentation, so that cases stay open after discharge"
    )
    parser.add_argument(
        "--assumed-age", type=int, default=65, metavar="YEARS", help="age of patients without a date of birth (65)"
    )
    parser.add_argument(
        "--watch", type=_positive, default=WATCHED_SECONDS / 3600, metavar="HOURS",
        help="in memory: let an encounter go so long after its last record (24)",
    )  # fmt: skip
    parser.add_argument(
        "--key-file", type=Path, metavar="FILE", help="secret for the ids of people; needed when they are real"
    )


def run(given: argparse.Namespace, connect: Connect | None = None) -> int:
    """Replay, print the summary, and say by the exit code whether every record is accounted for.

    ``connect`` reaches the stack; without it, the running one of this checkout. Raises what reaching it raises.
    """
    policy, definitions = facilities()[given.facility], newest()
    try:
        times = Times(declared_offset(given.offset) if given.offset is not None else None)
        names = Names(given.key_file.read_bytes() if given.key_file is not None else DEFAULT_KEY)
        trace = given.trace.open("w", encoding="utf-8") if given.trace is not None else nullcontext()
    except (ValueError, OSError) as problem:
        return _refused(problem)
    make = _in_memory(given, policy, definitions) if given.in_memory else _deployed(given, connect or _running)
    with trace as lines:
        replay = Replay(
            given.path,
            times,
            _settings(given, policy, definitions),
            names,
            newest_at=time.time() if given.rebase else None,
            charted_ahead_waits=given.charted_ahead == "wait",
            trace=lines,
            progress=_say if sys.stderr.isatty() else None,
        )
        try:
            summary = replay.run(make)
        except (NoOffset, NothingToRead, FileNotFoundError) as problem:
            return _refused(problem)
        finally:
            _say_no_more()
    summary.notes += _notes(given, summary)
    print(json.dumps(summary.as_json(), indent=2) if given.json else summary.as_text())
    return 0 if summary.adds_up else 1


def newest() -> list[Definition]:
    """Every published workflow in its newest version."""
    return [published.published(*version) for version in dict(published.versions()).items()]


def _settings(given: argparse.Namespace, policy: Policy, definitions: Iterable[Definition]) -> Settings:
    documented = [policy.resolve(definition).get("documentation") for definition in definitions]
    wanted = next((str(value) for value in documented if value is not None), None)
    return Settings(
        facility=policy.facility,
        documentation=None if given.undocumented else wanted,
        assumed_age=given.assumed_age,
        assessments=given.assessments,
    )


def _in_memory(given: argparse.Namespace, policy: Policy, definitions: Iterable[Definition]) -> MakeRunner:
    def make(ledger: Ledger, span: tuple[float, float]) -> Runner:
        return InMemory(definitions, policy, ledger, span=span, watched_seconds=given.watch * 3600)

    return make


def _deployed(given: argparse.Namespace, connect: Connect) -> MakeRunner:
    sink, lookup = connect()

    def make(ledger: Ledger, _: tuple[float, float]) -> Runner:
        return Deployed(sink, lookup, ledger, rate=given.rate, settle_seconds=given.settle)

    return make


def _running() -> tuple[Sink, Lookup]:
    from local.replay.stack import running

    return running()


def _notes(given: argparse.Namespace, summary: Summary) -> Iterator[str]:
    ahead = summary.outcomes["quarantined", str(UnreadableReason.TIME_IN_FUTURE)]
    if ahead and given.in_memory:
        yield f"{ahead:,} records were stored before the time they are charted for; --charted-ahead wait lets them wait for it"
    if not given.in_memory and not given.rebase:
        yield "without --rebase, a stack takes only what happened in the last 30 days"


def _refused(problem: Exception) -> int:
    print(f"baton replay: {problem}", file=sys.stderr)
    return 2


def _say(doing: str, done: int) -> None:
    print(f"\r  {done:,} {doing} …\033[K", end="\r", file=sys.stderr, flush=True)


def _say_no_more() -> None:
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError("must be above 0")
    return value
