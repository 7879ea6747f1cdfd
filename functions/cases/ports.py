"""What the use cases need of the outside, besides the table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from functions.cases.keys import Keyring
from functions.cases.library import Library
from functions.cases.lifespan import LIFESPAN, Lifespan
from functions.cases.table import Table

if TYPE_CHECKING:
    from functions.cases.telemetry import Measure

Clock: TypeAlias = Callable[[], float]
"""Now, in epoch seconds."""

Pause: TypeAlias = Callable[[int], None]
"""Wait a little before try number n, jittered, so that contenders spread out."""

Count: TypeAlias = Callable[[Iterable["Measure"]], None]
"""Count something that no alarm may miss, wherever it happens."""

Signal: TypeAlias = Mapping[str, Any]
"""The input of an execution's next step: ids and seconds, nothing else."""


class Executions(Protocol):
    """The executions that follow cases."""

    def start(self, workflow: str, version: int, case: str, generation: int, signal: Signal) -> None:
        """Start the execution of a case's generation; harmless when it has been started already."""

    def succeed(self, token: str, signal: Signal) -> None:
        """Hand a parked execution its next input; harmless when the token is spent or timed out."""

    def status(self, workflow: str, version: int, case: str, generation: int) -> str | None:
        """RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED; None when it was never started."""


class Mirrors(Protocol):
    """Those who make the EMR show what a case says."""

    def ask(self, case: str, entry: str) -> None:
        """Ask for a case to be mirrored as it is now; ``entry`` names the reason, so that the same is asked once."""

    def check(self, case: str, entry: str) -> None:
        """Ask for the same, and to look for what somebody deleted, doubled or changed in the EMR."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What is needed to read cases. ``now`` is the only clock."""

    table: Table
    library: Library
    now: Clock


def uncounted(_: Iterable[Measure]) -> None:
    """Nobody listens: on the machine of a person, who sees what happens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Services(Reading):
    """Everything a use case that changes cases reaches the world through."""

    executions: Executions
    keys: Keyring
    pause: Pause
    lifespan: Lifespan = LIFESPAN
    count: Count = uncounted
