"""Made-up clinical data in the formats that a replay reads. Nobody in it exists."""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

START = datetime(2150, 3, 2, 8, 0)  # noqa: DTZ001 - wall-clock time, as such tables have it
SPO2, RATE, TOTAL_RATE, FIO2, FLOW, SECOND_FLOW, DEVICE, SECOND_DEVICE = (
    "220277", "220210", "224690", "223835", "223834", "227287", "226732", "468",
)  # fmt: skip
CHART_COLUMNS = (
    "row_id", "subject_id", "hadm_id", "icustay_id", "itemid", "charttime", "storetime", "cgid", "value", "valuenum",
    "valueuom", "warning", "error", "resultstatus", "stopped",
)  # fmt: skip
STAY_COLUMNS = (
    "row_id", "subject_id", "hadm_id", "icustay_id", "dbsource", "first_careunit", "last_careunit", "first_wardid",
    "last_wardid", "intime", "outtime", "los",
)  # fmt: skip


def clock(minutes: float) -> str:
    """A wall-clock time so many minutes after the start."""
    return str(START + timedelta(minutes=minutes))


def epoch(minutes: float) -> float:
    """The same as epoch seconds, when it was written under UTC."""
    return (START + timedelta(minutes=minutes)).replace(tzinfo=UTC).timestamp()


def charted(item: str, value: object, at: float = 0, *, stay: str = "S-1", row: int = 0, **more: str) -> dict[str, str]:
    """A charted value, ``at`` minutes after the start, stored when it was true unless ``stored`` says otherwise."""
    stored = more.pop("stored", clock(at))
    number = value if isinstance(value, (int, float)) else ""
    said = {
        "row_id": str(row or zlib.crc32(repr((item, value, at, stay)).encode())),
        "subject_id": stay.replace("S", "P"),
        "icustay_id": stay,
        "itemid": item,
        "charttime": clock(at),
        "storetime": stored,
        "value": str(value),
        "valuenum": str(number),
        **more,
    }
    return {name: said.get(name, "") for name in CHART_COLUMNS}


def stayed(until: float, *, stay: str = "S-1", unit: str = "MICU") -> dict[str, str]:
    """A stay from the start until so many minutes after it."""
    said = {
        "subject_id": stay.replace("S", "P"),
        "icustay_id": stay,
        "first_careunit": unit,
        "intime": clock(0),
        "outtime": clock(until),
    }
    return {name: said.get(name, "") for name in STAY_COLUMNS}


def write_table(path: Path, rows: Iterable[Mapping[str, str]], columns: Iterable[str] = CHART_COLUMNS) -> Path:
    """A CSV table."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(columns))
        writer.writeheader()
        writer.writerows(rows)
    return path


def observation(
    code: str,
    value: float | None,
    at: float = 0,
    *,
    unit: str = "%",
    encounter: str = "E-1",
    id: str = "o-1",
    **more: Any,
) -> dict[str, Any]:
    """A FHIR R4 Observation; without a value it says that none was taken."""
    measured: dict[str, Any] = (
        {"valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}}
        if value is not None
        else {"dataAbsentReason": {"text": "not taken"}}
    )
    return {
        "resourceType": "Observation",
        "id": id,
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "subject": {"reference": "Patient/P-1"},
        "encounter": {"reference": f"Encounter/{encounter}"},
        "effectiveDateTime": (START + timedelta(minutes=at)).replace(tzinfo=UTC).isoformat(),
        **measured,
        **more,
    }


def encounter(until: float, *, id: str = "E-1", **more: Any) -> dict[str, Any]:
    """A finished FHIR R4 Encounter."""
    begin, end = ((START + timedelta(minutes=minutes)).replace(tzinfo=UTC).isoformat() for minutes in (0, until))
    return {
        "resourceType": "Encounter",
        "id": id,
        "status": "finished",
        "class": {"code": "EMER"},
        "subject": {"reference": "Patient/P-1"},
        "period": {"start": begin, "end": end},
        **more,
    }


def write_lines(path: Path, resources: Iterable[Mapping[str, Any]]) -> Path:
    """Resources one a line, compressed when the name ends so."""
    text = "".join(json.dumps(each) + "\n" for each in resources).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return path


def write_bundle(path: Path, resources: Iterable[Mapping[str, Any]], **top: Any) -> Path:
    """A transaction Bundle, laid out on many lines."""
    entries = [{"fullUrl": f"urn:uuid:{each['id']}", "resource": each} for each in resources]
    path.write_text(json.dumps({"resourceType": "Bundle", "type": "transaction", **top, "entry": entries}, indent=2))
    return path
