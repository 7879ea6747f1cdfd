"""Everything on one machine: the embedded EMR and AWS, with the CDK app deployed and facilities registered."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Self

from functions.cases.facilities import register
from local.aws.embedded import EmbeddedAws
from local.connection import Connection
from local.deploy import deploy
from local.emr.embedded import EmbeddedEmr
from local.progress import step
from statemachines.policy import Policy


class LocalStack:
    """Started on entry, stopped on exit; nothing is left running. ``folder`` holds its data and logs.

    With ``persist`` the embedded AWS keeps what it holds when it is restarted, as the embedded EMR does in any case.
    """

    def __init__(self, folder: Path, policies: Iterable[Policy], *, fresh: bool = True, persist: bool = False) -> None:
        self.folder, self._policies = folder, tuple(policies)
        if fresh and folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        self.emr = EmbeddedEmr(folder / "emr")
        self.aws = EmbeddedAws(folder / "aws", persist=persist)
        self._connection: Connection | None = None

    @property
    def connection(self) -> Connection:
        """The connection to the deployed stack. Raises RuntimeError before it is deployed."""
        if self._connection is None:
            raise RuntimeError("the stack is not deployed yet")
        return self._connection

    def __enter__(self) -> Self:
        try:
            with step("start the embedded EMR (FHIR R4)"):
                self.emr.start()
            with step("start the embedded AWS"):
                self.aws.start()
            with step("cdk deploy"):
                outputs = deploy(self.aws, self.emr.base_url, self.folder / "cdk")
            self._connection = Connection(self.aws, outputs)
            with step(f"register {len(self._policies)} facilities"):
                versions = newest(self._connection)
                for policy in self._policies:
                    register(self._connection.table, policy, versions, self._connection.definitions)
            address = {"aws_port": self.aws.port, "aws_pid": self.aws.pid, "emr": self.emr.base_url, **asdict(outputs)}
            (self.folder / "address.json").write_text(json.dumps(address, indent=2) + "\n")
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End both servers and what they started."""
        try:
            self.aws.stop()
        finally:
            self.emr.stop()


def newest(connection: Connection) -> dict[str, int]:
    """The newest published version of every workflow."""
    versions: dict[str, int] = {}
    for definition in connection.definitions:
        versions[definition.workflow] = max(definition.version, versions.get(definition.workflow, 0))
    return versions
