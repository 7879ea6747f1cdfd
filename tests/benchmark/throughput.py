"""Hand-offs a second through the whole embedded stack, beside the same AWS operations made by functions that think nothing."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from local.stack import LocalStack
from tests.benchmark.load.bare import Bare
from tests.benchmark.load.baton import HAND_OFFS, Hospitals
from tests.benchmark.load.lanes import Passed, drive, read_rows

AT_ONCE = 24
"""Cases under way side by side: each sends its next event when the one before has been followed, so no burst builds up."""
CASES = 72
WARM_UP = 24
LONGEST_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class Throughput:
    """What passed of Baton's hand-offs, and of the bare operations; each event was followed by its execution."""

    baton: Passed
    bare: Passed

    @property
    def ratio(self) -> float:
        """Hand-offs for each bare one."""
        return self.baton.rate / self.bare.rate


def measure(stack: LocalStack, facilities: int = 4, cases: int = CASES) -> Throughput:
    """Both with warm workers, one after the other: Baton, bare, Baton again; of Baton's two runs the slower counts."""
    hospitals = Hospitals(stack.connection, facilities)
    bare = Bare(stack.aws, stack.emr.base_url)
    baton_run = partial(
        drive,
        at_once=AT_ONCE,
        put=stack.connection.put,
        read=partial(read_rows, stack.aws, stack.connection.outputs.table),
        longest_seconds=LONGEST_SECONDS,
    )
    bare_run = partial(
        drive,
        at_once=AT_ONCE,
        put=bare.put,
        read=partial(read_rows, stack.aws, bare.table),
        longest_seconds=LONGEST_SECONDS,
    )
    baton_run(hospitals.lanes(WARM_UP))
    first = baton_run(hospitals.lanes(cases))
    bare_run(bare.lanes(WARM_UP, len(HAND_OFFS)))
    alone = bare_run(bare.lanes(cases, len(HAND_OFFS)))
    second = baton_run(hospitals.lanes(cases))
    return Throughput(min(first, second, key=lambda passed: passed.rate), alone)
