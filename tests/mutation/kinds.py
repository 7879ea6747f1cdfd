"""Tells what a guard is there for, by what it is and where it stands; each guard has one kind, the first that fits."""

from __future__ import annotations

import re
from typing import Final

from tests.mutation.mutation import Kind

SWEEPING: Final = frozenset(
    [
        "functions/cases/early.py",
        "functions/cases/leftover.py",
        "functions/cases/rerouting.py",
        "functions/cases/sweep.py",
        "functions/reconcile/handler.py",
    ]
)
"""Where the sweep's rules are."""

LEDGER: Final = frozenset(["functions/emr/ledger.py", "functions/emr/table_ledger.py"])

WHOLE: Final = {
    "functions/cases/generations.py": Kind.GENERATION,
    "functions/cases/marks.py": Kind.MARK,
    "functions/cases/settle.py": Kind.SETTLE,
}
"""Modules that are there for one thing."""

_CONDITION: Final = re.compile(
    r"no (NEW|counted|named|Condition\(|Check\()|none of |\w+: not if_(none_exist|match)"
    r"|not counted in the lock|the lock is not|the conditions are not"
)
"""Of the table's writes and of the EMR's."""
_MARK: Final = re.compile(r"\bmark(ed|_item)?\b|\bmarked\(|\bSeenBefore\b|\bseen\b|duplicate")
_PARK: Final = re.compile(r"park|Park\.order")
_GENERATION: Final = re.compile(r"(?!not done).*(generation|superseded|Superseded)")
_SETTLE: Final = re.compile(r"not done: (settle|follow|tell_relatives\w*|drain_early|_settle_opened)\(")
_LEDGER: Final = re.compile(r"\b(LedgerStatus|Held|Superseded|is_first|attempt\.(row|record))\b|_attempt\.record")
_DEAD_LETTERS: Final = re.compile(r"dead[_-]letter|\bletters\b|DeadLetters|destination_config|given up|RedrivePolicy")


def kind_of(file: str, function: str, what: str) -> Kind:
    """What the guard ``what`` in ``function`` of ``file`` is there for."""
    if file.startswith("cdk/"):
        return Kind.DEAD_LETTERS if _DEAD_LETTERS.search(f"{function}: {what}") else Kind.OTHER
    if _CONDITION.match(what):
        return Kind.CONDITION
    if file in SWEEPING:
        return Kind.SWEEP
    if file in LEDGER:
        return Kind.LEDGER
    for kind, words in (
        (Kind.PARK, _PARK),
        (Kind.SETTLE, _SETTLE),
        (Kind.MARK, _MARK),
        (Kind.GENERATION, _GENERATION),
    ):
        if words.search(what if kind is not Kind.PARK else f"{function}: {what}"):
            return kind
    if file in WHOLE:
        return WHOLE[file]
    return Kind.LEDGER if file.startswith("functions/emr/") and _LEDGER.search(what) else Kind.OTHER
