"""Records traces of published versions: ``python -m tests.traces.record [--again] [workflow ...]``.

A version is recorded once: its traces say what was decided for the cases that run under it. Only when that is meant to change
are they recorded ``--again``: with the same events, so that the files' difference is the change in what they lead to. Of another
definition than the released one nothing is ever recorded.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from statemachines.definition import Definition, digest
from statemachines.facilities import facilities
from statemachines.policy import Policy
from statemachines.published import ChangedAfterPublishing, published, released, versions
from tests.traces.trace import FOLDER, Recording, Trace, arrows, dump, folder, happen_again, recordings
from tests.traces.walk import Walker

COMMAND = "python -m tests.traces.record"


class RecordedAlready(FileExistsError):
    """The version has traces, and its definition is still the one they were recorded with."""


class ReleasedOtherwise(ValueError):
    """The version is released with another definition, under which cases may run: what they do is recorded already."""


def record(
    definition: Definition,
    at: Iterable[Policy],
    *,
    again: bool = False,
    within: Path = FOLDER,
    releases: Mapping[tuple[str, int], str] | None = None,
) -> list[Recording]:
    """Record a version at facilities, and write the files; ``releases`` (None: this checkout's) has the released digests.

    Raises RecordedAlready, unless ``again``, and ReleasedOtherwise.
    """
    kept_to = (released() if releases is None else releases).get((definition.workflow, definition.version))
    if kept_to not in (None, digest(definition)):
        raise ReleasedOtherwise(
            f"{definition.workflow} {definition.version} is released with the digest {kept_to}: give it a new version"
        )
    before = recordings(definition.workflow, definition.version, within)
    if before and all(each.digest == digest(definition) for each in before):
        if not again:
            raise RecordedAlready(f"{definition.workflow} {definition.version} is recorded already (--again)")
        kept = [happen_again(each, definition) for each in before]
    else:
        kept = []  # there is nothing, or it is of another definition, which was not released
    found = _completed(kept, definition, list(at))
    place = folder(definition.workflow, definition.version, within)
    place.mkdir(parents=True, exist_ok=True)
    for file in place.glob("*.json"):
        file.unlink()
    for each in found:
        (place / f"{each.policy.facility}.json").write_text(dump(each), encoding="utf-8")
    return found


def _completed(kept: Sequence[Recording], definition: Definition, at: Sequence[Policy]) -> list[Recording]:
    """With walks that take what none of those kept takes."""
    found = {each.policy.facility: each for each in kept}
    many = sum(len(each.traces) for each in kept)
    taken = frozenset(arrow for each in kept for arrow in each.taken)
    for policy, trace in Walker(definition, at, taken).walks(first=many):
        empty = Recording(definition.workflow, definition.version, digest(definition), policy, ())
        so_far = found.get(policy.facility, empty)
        found[policy.facility] = replace(so_far, traces=(*so_far.traces, trace))
    return [found[facility] for facility in sorted(found)]


def told(definition: Definition, found: Sequence[Recording]) -> str:
    """How much was recorded, and which arrows no case takes."""
    traces: list[Trace] = [trace for each in found for trace in each.traces]
    outcomes = Counter(step.led_to["outcome"] for trace in traces for step in trace.steps)
    every = arrows(definition)
    missing = every - {arrow for each in found for arrow in each.taken}
    steps = ", ".join(f"{many} {outcome}" for outcome, many in sorted(outcomes.items()))
    transitions = {id for id, _ in every - missing}
    lines = [
        f"{definition.workflow} {definition.version}: {len(traces)} cases at {', '.join(e.policy.facility for e in found)}",
        f"  {outcomes.total()} steps: {steps}",
        f"  {len(every - missing)} of {len(every)} arrows taken, {len(transitions)} of {len(definition.transitions)} transitions",
    ]
    return "\n".join(
        [*lines, *(f"  not taken: {id} from {source or 'nowhere'}" for id, source in sorted(missing, key=str))]
    )


def main(arguments: Sequence[str]) -> int:
    """Record what is not recorded; 1 when a workflow that was asked for is recorded already, or one is not as released."""
    parser = argparse.ArgumentParser(prog=COMMAND, description="Record traces of published versions.")
    parser.add_argument("workflow", nargs="*", help="all, if none is named")
    parser.add_argument("--again", action="store_true", help="also versions that are recorded already: same events")
    given = parser.parse_args(arguments)
    unknown = set(given.workflow) - {name for name, _ in versions()}
    if unknown:
        parser.error(f"not published: {', '.join(sorted(unknown))}")
    refused = changed = 0
    for name, version in versions():
        if given.workflow and name not in given.workflow:
            continue
        try:
            definition = published(name, version)
            print(told(definition, record(definition, facilities().values(), again=given.again)))
        except RecordedAlready as there:
            print(f"kept: {there}", file=sys.stderr)
            refused += 1
        except (ReleasedOtherwise, ChangedAfterPublishing) as other:
            print(f"refused: {other}", file=sys.stderr)
            changed += 1
    return 1 if changed or (given.workflow and refused) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
