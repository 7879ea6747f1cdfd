"""The running stack of this checkout as a replay sees it."""

from __future__ import annotations

import json
from typing import Any

import urllib3

from local.connection import Connection
from local.replay.deployed import Lookup, Sink
from local.replay.lookup import TableLookup
from local.running import addresses, connect


class NotAdmitted(RuntimeError):
    """The EMR did not take a patient or an encounter; the text says why."""


class StackSink:
    """Puts events on the stack's bus, and patients and encounters into its EMR."""

    def __init__(self, connection: Connection, emr: str) -> None:
        self._connection, self._emr = connection, emr.rstrip("/")
        self._http = urllib3.PoolManager(timeout=10, retries=False)

    def admit(self, patient: str, encounter: str) -> None:
        """Write them under their ids. Raises NotAdmitted."""
        self._write({"resourceType": "Patient", "id": patient})
        self._write(
            {
                "resourceType": "Encounter",
                "id": encounter,
                "status": "in-progress",
                "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
                "subject": {"reference": f"Patient/{patient}"},
            }
        )

    def _write(self, resource: dict[str, Any]) -> None:
        url = f"{self._emr}/{resource['resourceType']}/{resource['id']}"
        answer = self._http.request(
            "PUT", url, body=json.dumps(resource), headers={"Content-Type": "application/fhir+json"}
        )
        if answer.status not in (200, 201):
            raise NotAdmitted(f"the EMR answered {answer.status} to a {resource['resourceType']}")

    def send(self, events: list[dict[str, Any]]) -> None:
        """See Sink.send."""
        self._connection.put(
            [
                {
                    "Source": event["source"],
                    "DetailType": event["detail-type"],
                    "Detail": json.dumps(event["detail"]),
                }
                for event in events
            ]
        )


def running() -> tuple[Sink, Lookup]:
    """The stack that `baton up` started. Raises NotUp."""
    connection = connect()
    return StackSink(connection, addresses()["emr"]), TableLookup(connection.services)
