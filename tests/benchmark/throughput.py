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
WARM_UP = 48
ROUNDS = 3
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
    """Rounds of Baton and right after it bare, each with workers that were warmed up just before.

    The round with the median ratio counts: what else the machine does meanwhile concerns both runs of a round about alike.
    """
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

    def of_baton() -> Passed:
        baton_run(hospitals.lanes(WARM_UP))
        return baton_run(hospitals.lanes(cases))

    def of_bare() -> Passed:
        bare_run(bare.lanes(WARM_UP, len(HAND_OFFS)))
        return bare_run(bare.lanes(cases, len(HAND_OFFS)))

    rounds = [Throughput(of_baton(), of_bare()) for _ in range(ROUNDS)]
    return sorted(rounds, key=lambda each: each.ratio)[ROUNDS // 2]
