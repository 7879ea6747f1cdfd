"""Rows of ICU charting tables (MIMIC-III layout: chartevents, icustays, d_items) to statements.

| item | states | because |
| --- | --- | --- |
| SpO2 646, 220277; arterial SaO2 834, 220227 | saturation | LOINC 59408-5 and 2708-6: the event takes both |
| respiratory rate 618, 220210 | respiratory rate | counted by a nurse or a monitor; goes with the saturation of the same time |
| total rate 615, 224690 | ventilator rate | part of a respiratory therapist's ventilator check |
| spontaneous rate 614, 224689 | nothing | the patient's share of a ventilated rate |
| FiO2 190, 189, 727, 223835 | support | fraction or percentage, see `numbers.fraction` |
| oxygen flow 470, 223834; second source 471, 227287; BiPAP 67, 227582 | support | L/min, by source |
| device 467, 226732; second device 468 | support | the device's name as charted |
| alarm limits 5820, 8554, 223770, 223769; desaturation limit 226253 | nothing | limits of a monitor, not a care plan |
| PaO2 779, 220224; every other item | nothing | no event carries it |
| a stay's end | the encounter ended | the stay is the encounter |

A row is known when it was stored and true when it was charted for. What is charted for the next full hour is stored
before it is true; intake sees a time in the future.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from local.replay.mapping.numbers import fraction, number
from local.replay.reasons import NotApplicable
from local.replay.statements import Context, Kind, Statement
from local.replay.times import NotATime, Times


class _What(StrEnum):
    SATURATION = "saturation"
    RATE = "rate"
    TOTAL_RATE = "total rate"
    SPONTANEOUS_RATE = "spontaneous rate"
    FRACTION = "fraction"
    FLOW = "flow"
    DEVICE = "device"
    LIMIT = "limit"


class _Item(NamedTuple):
    what: _What
    source: int = 1


_ITEMS: Final[Mapping[str, _Item]] = {
    **dict.fromkeys(("646", "220277", "834", "220227"), _Item(_What.SATURATION)),
    **dict.fromkeys(("618", "220210"), _Item(_What.RATE)),
    **dict.fromkeys(("615", "224690"), _Item(_What.TOTAL_RATE)),
    **dict.fromkeys(("614", "224689"), _Item(_What.SPONTANEOUS_RATE)),
    **dict.fromkeys(("190", "189", "727", "223835"), _Item(_What.FRACTION)),
    **dict.fromkeys(("470", "223834"), _Item(_What.FLOW)),
    **dict.fromkeys(("471", "227287"), _Item(_What.FLOW, 2)),
    **dict.fromkeys(("67", "227582"), _Item(_What.FLOW, 3)),
    **dict.fromkeys(("467", "226732"), _Item(_What.DEVICE)),
    "468": _Item(_What.DEVICE, 2),
    **dict.fromkeys(("5820", "8554", "223770", "223769", "226253"), _Item(_What.LIMIT)),
}

# What the dictionary's label of such an item says at least, so that another hospital's numbers are not misread.
_LABELS: Final[Mapping[_What, re.Pattern[str]]] = {
    _What.SATURATION: re.compile(r"spo2|sao2|o2 sat"),
    _What.RATE: re.compile(r"resp.* rate"),
    _What.TOTAL_RATE: re.compile(r"resp.* rate.*total"),
    _What.SPONTANEOUS_RATE: re.compile(r"resp.* rate.*spont"),
    _What.FRACTION: re.compile(r"fio2|inspired o2"),
    _What.FLOW: re.compile(r"flow|o2 lpm"),
    _What.DEVICE: re.compile(r"device"),
    _What.LIMIT: re.compile(r"alarm|limit"),
}


def chart_event(row: Mapping[str, str], times: Times, label: str | None) -> Statement | NotApplicable:
    """What a charted value states. ``label`` is the item's in the dictionary beside it, if there is one. Raises NoOffset."""
    item = _ITEMS.get(row["itemid"].strip())
    if item is None:
        return NotApplicable.OTHER_ITEM
    if label is not None and not _LABELS[item.what].search(label.lower()):
        return NotApplicable.ITEM_RENAMED
    if row.get("error") == "1":
        return NotApplicable.WITHDRAWN
    if item.what is _What.LIMIT:
        return NotApplicable.ALARM_LIMIT
    if item.what is _What.SPONTANEOUS_RATE:
        return NotApplicable.SPONTANEOUS_RATE
    if not row["value"].strip():
        return NotApplicable.NO_VALUE
    if not row["subject_id"].strip() or not row["icustay_id"].strip():
        return NotApplicable.NO_ENCOUNTER
    stated = _stated(item, row)
    if isinstance(stated, NotApplicable):
        return stated
    kind, values = stated
    try:
        true_at = times.read(row["charttime"])
        known_at = times.read(row.get("storetime") or row["charttime"])
    except NotATime:
        return NotApplicable.NO_TIME
    return Statement(
        kind,
        patient="subject/" + row["subject_id"].strip(),
        encounter=_encounter(row),
        true_at=true_at,
        known_at=known_at,
        identity=f"chartevents/{row.get('row_id', '')}/{row['itemid'].strip()}",
        values=values,
    )


def _stated(item: _Item, row: Mapping[str, str]) -> tuple[Kind, dict[str, str | float]] | NotApplicable:
    if item.what is _What.DEVICE:
        return Kind.SUPPORT, {"device": row["value"].strip().lower(), "source": item.source}
    value = number(row.get("valuenum") or row["value"])
    if value is None:
        return NotApplicable.NOT_A_NUMBER
    if item.what is _What.FLOW:
        return Kind.SUPPORT, {"flow_l_min": value, "source": item.source}
    if value == 0:
        return NotApplicable.IMPLAUSIBLE_ZERO
    match item.what:
        case _What.FRACTION:
            return Kind.SUPPORT, {"fio2": fraction(value), "source": 1}
        case _What.SATURATION:
            return Kind.SATURATION, {"spo2_percent": value}
        case _What.TOTAL_RATE:
            return Kind.VENTILATOR_RATE, {"respiratory_rate": value}
        case _:
            return Kind.RESPIRATORY_RATE, {"respiratory_rate": value}


def stay(row: Mapping[str, str], times: Times) -> tuple[Statement | NotApplicable, list[Context]]:
    """What an ICU stay states: its end, and which unit the patient lay in. Raises NoOffset."""
    if not row["subject_id"].strip() or not row["icustay_id"].strip():
        return NotApplicable.NO_ENCOUNTER, []
    context = [Context("unit", _encounter(row), row["first_careunit"])] if row.get("first_careunit") else []
    if not row["outtime"].strip():
        return NotApplicable.NOT_ENDED, context
    try:
        ended = times.read(row["outtime"])
    except NotATime:
        return NotApplicable.NO_TIME, context
    patient = "subject/" + row["subject_id"].strip()
    identity = "icustays/" + row["icustay_id"].strip()
    return Statement(Kind.ENDED, patient, _encounter(row), ended, ended, identity), context


def item(row: Mapping[str, Any]) -> list[Context]:
    """What a row of the item dictionary says about the rows of others."""
    return [Context("item", row["itemid"].strip(), row["label"])] if row["itemid"].strip() in _ITEMS else []


def _encounter(row: Mapping[str, str]) -> str:
    return "icustay/" + row["icustay_id"].strip()
