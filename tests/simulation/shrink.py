"""From a failing seed to the least that still fails: events, commands and faults are left out while it does."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TypeVar

from tests.simulation.run import ALL, Part, hospital_of, played, run
from tests.simulation.story import tell

MOST_RUNS = 500
T = TypeVar("T")


def alike(wrong: str) -> str:
    """A violation without the ids, numbers and times in it, so that the same one is known again in a smaller run."""
    return re.sub(r"\b[0-9a-f]{6,}\b|\d+(\.\d+)?", "#", wrong)[:80]


def shrunk(seed: int, *, most: int = MOST_RUNS) -> Part:
    """The smallest part found that fails as the seed does. Raises ValueError when the seed does not fail."""
    whole = run(seed)
    if not whole.wrong:
        raise ValueError(f"seed {seed} does not fail")
    same = alike(whole.wrong[0])
    runs = 0

    def fails(part: Part) -> bool:
        nonlocal runs
        runs += 1
        return any(alike(wrong) == same for wrong in run(seed, part).wrong)

    def fewer_throws(names: Sequence[str], throws: Sequence[int]) -> Sequence[int]:
        return _less(throws, lambda kept: fails(Part(frozenset(names), frozenset(kept))), lambda: runs < most)

    def fewer_names(names: Sequence[str], throws: Sequence[int]) -> Sequence[str]:
        return _less(names, lambda kept: fails(Part(frozenset(kept), frozenset(throws))), lambda: runs < most)

    names: Sequence[str] = tell(seed).names
    throws: Sequence[int] = whole.throws
    for _ in range(3):
        before = len(names) + len(throws)
        throws = fewer_throws(names, throws)
        names = fewer_names(names, throws)
        if len(names) + len(throws) == before:
            break
    return Part(frozenset(names), frozenset(throws))


def _less(items: Sequence[T], fails: Callable[[Sequence[T]], bool], goes_on: Callable[[], bool]) -> Sequence[T]:
    """Leave out ever smaller pieces while it still fails (Zeller and Hildebrandt, 2002: ddmin)."""
    kept = list(items)
    size = len(kept)
    while size >= 1:
        at = 0
        while at < len(kept) and goes_on():
            fewer = kept[:at] + kept[at + size :]
            if fails(fewer):
                kept = fewer
            else:
                at += size
        size //= 2
    return kept


def story_of(seed: int, part: Part) -> str:
    """What happens in a part of a run, line by line, and what is wrong at its end."""
    hospital = hospital_of(seed, part, told=True)
    wrong = played(hospital)
    sent = [f"{s.at:.3f} sent {s.name} ({s.kind}): {s.raw}" for s in hospital.story.sent]
    given = [f"{g.at:.3f} command {g}" for g in hospital.story.given]
    lines = sorted([*sent, *given, *(hospital.clock.history or ())], key=lambda line: float(line.partition(" ")[0]))
    return "\n".join([*lines, *(f"WRONG {line}" for line in wrong)])


def command(seed: int, part: Part = ALL) -> str:
    """The command that repeats exactly this."""
    words = ["python -m tests.simulation --runs 1", f"--seed {seed}"]
    if part.names is not None:
        words.append(f"--only {','.join(sorted(part.names)) or 'nothing'}")
    if part.throws is not None:
        words.append(f"--throws {','.join(map(str, sorted(part.throws))) or 'none'}")
    return " ".join(words) + (" --story" if part != ALL else "")
