"""FHIR R4 resources to statements.

| resource | states | because |
| --- | --- | --- |
| Observation 2708-6, 59408-5 (LOINC), % | saturation | oxygen saturation in arterial blood; by pulse oximetry |
| … with components 3151-8 (L/min), 3150-6 (%) | support, with the saturation it achieves | as in US Core's pulse oximetry |
| Observation 3151-8, 3150-6 | support | inhaled oxygen flow rate; inhaled oxygen concentration |
| Observation 9279-1, /min | respiratory rate | goes with the saturation of the same time |
| Encounter, finished, with an end | the encounter ended, or the patient died | by its discharge disposition |
| Patient | nothing | read for the date of birth; a death date names no encounter |
| everything else | nothing | no event comes from it |

An Observation is true at its effective time and known when it was issued, if it says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from local.replay.mapping.numbers import fraction, number
from local.replay.reasons import NotApplicable
from local.replay.statements import Context, Kind, Statement
from local.replay.times import NotATime, Times

_LOINC: Final = "http://loinc.org"
_SATURATION: Final = frozenset({"2708-6", "59408-5"})
_RATE: Final = "9279-1"
_FLOW: Final = "3151-8"
_CONCENTRATION: Final = "3150-6"
_UNITS: Final[Mapping[str, frozenset[str]]] = {
    **dict.fromkeys((*_SATURATION, _CONCENTRATION), frozenset({"%"})),
    _FLOW: frozenset({"L/min", "l/min"}),
    _RATE: frozenset({"/min", "{breaths}/min", "{Breaths}/min", "breaths/min", "breaths/minute"}),
}
_ZERO_IS_POSSIBLE: Final = frozenset({_FLOW})
_DEAD: Final = frozenset({"exp", "expired", "died"})
"""Discharge dispositions that say so: HL7's own code, and those of the demonstration data sets."""

Stated = Statement | NotApplicable


def resource(content: Mapping[str, Any], times: Times, full_url: str = "") -> tuple[Stated, list[Context]]:
    """What a resource states. ``full_url`` is its Bundle entry's, to which references may point. Raises NoOffset."""
    kind = content.get("resourceType")
    if not isinstance(kind, str):
        return NotApplicable.INVALID_RECORD, []
    identity = _identity(full_url) or str(content.get("id", ""))
    match kind:
        case "Observation":
            return _observation(content, identity, times), []
        case "Encounter":
            return _encounter(content, identity, times), []
        case "Patient":
            born = content.get("birthDate")
            return NotApplicable.CONTEXT, [Context("birth", identity, born)] if isinstance(born, str) else []
    return NotApplicable.OTHER_RESOURCE, []


def _observation(content: Mapping[str, Any], identity: str, times: Times) -> Stated:
    code = _loinc(content)
    if code not in _UNITS:
        return NotApplicable.OTHER_OBSERVATION
    status = content.get("status")
    if status in ("entered-in-error", "cancelled"):
        return NotApplicable.WITHDRAWN
    if status == "registered":
        return NotApplicable.NOT_FINAL
    patient, encounter = _reference(content, "subject"), _reference(content, "encounter")
    if not patient or not encounter:
        return NotApplicable.NO_ENCOUNTER
    values: dict[str, str | float] = {}
    measured = _measured(content, code)
    if not isinstance(measured, NotApplicable):
        values |= measured
    for component in _each(content.get("component")):
        part = _loinc(component)
        if code in _SATURATION and part in (_FLOW, _CONCENTRATION):
            setting = _measured(component, part)
            values |= {} if isinstance(setting, NotApplicable) else setting
    if not values and isinstance(measured, NotApplicable):
        return measured
    try:
        true_at, known_at = _moments(content, times)
    except NotATime:
        return NotApplicable.NO_TIME
    return Statement(_kind(code, values), patient, encounter, true_at, known_at, _version(content, identity), values)


def _kind(code: str, values: dict[str, str | float]) -> Kind:
    if "flow_l_min" in values or "fio2" in values:
        values["source"] = 1
        return Kind.SUPPORT
    return Kind.RESPIRATORY_RATE if code == _RATE else Kind.SATURATION


def _measured(part: Mapping[str, Any], code: str) -> dict[str, str | float] | NotApplicable:
    quantity = part.get("valueQuantity")
    if not isinstance(quantity, dict) or quantity.get("value") is None:
        return NotApplicable.NO_VALUE
    value = number(quantity["value"])
    if value is None or isinstance(quantity["value"], str):
        return NotApplicable.NOT_A_NUMBER
    if _UNITS[code].isdisjoint({quantity.get("code"), quantity.get("unit")}):
        return NotApplicable.UNKNOWN_UNIT
    if value == 0 and code not in _ZERO_IS_POSSIBLE:
        return NotApplicable.IMPLAUSIBLE_ZERO
    if code == _FLOW:
        return {"flow_l_min": value}
    if code == _CONCENTRATION:
        return {"fio2": fraction(value)}
    return {"respiratory_rate": value} if code == _RATE else {"spo2_percent": value}


def _moments(content: Mapping[str, Any], times: Times) -> tuple[float, float]:
    period = content.get("effectivePeriod")
    effective = content.get("effectiveDateTime") or content.get("effectiveInstant")
    if effective is None and isinstance(period, dict):
        effective = period.get("end") or period.get("start")
    true_at = times.read(effective)
    issued = content.get("issued")
    return true_at, times.read(issued) if issued is not None else true_at


def _encounter(content: Mapping[str, Any], identity: str, times: Times) -> Stated:
    if content.get("status") in ("entered-in-error", "cancelled"):
        return NotApplicable.WITHDRAWN
    period = content.get("period")
    end = period.get("end") if isinstance(period, dict) else None
    if content.get("status") != "finished" or end is None:
        return NotApplicable.NOT_ENDED
    patient = _reference(content, "subject")
    if not patient or not identity:
        return NotApplicable.NO_ENCOUNTER
    try:
        ended = times.read(end)
    except NotATime:
        return NotApplicable.NO_TIME
    disposition = _disposition(content)
    kind = Kind.DIED if disposition.lower() in _DEAD else Kind.ENDED
    values: dict[str, str | float] = {"disposition": disposition} if disposition else {}
    return Statement(kind, patient, identity, ended, ended, _version(content, identity), values)


def _disposition(content: Mapping[str, Any]) -> str:
    hospitalization = content.get("hospitalization")
    concept = hospitalization.get("dischargeDisposition") if isinstance(hospitalization, dict) else None
    codes = [coding.get("code") for coding in _each(concept.get("coding"))] if isinstance(concept, dict) else []
    return next((code[:100] for code in codes if isinstance(code, str) and code.strip()), "")


def _loinc(content: Mapping[str, Any]) -> str:
    concept = content.get("code")
    codings = _each(concept.get("coding")) if isinstance(concept, dict) else iter(())
    codes = [str(coding.get("code")) for coding in codings if coding.get("system") == _LOINC]
    return next((code for code in codes if code in _UNITS), codes[0] if codes else "")


def _each(value: object) -> Iterator[Mapping[str, Any]]:
    return (part for part in value if isinstance(part, dict)) if isinstance(value, list) else iter(())


def _reference(content: Mapping[str, Any], name: str) -> str:
    """The id that a reference points to: Encounter/7, https://emr.example/Encounter/7 and urn:uuid:7 are all 7."""
    reference = content.get(name)
    text = reference.get("reference") if isinstance(reference, dict) else None
    if not isinstance(text, str):
        return ""
    return _identity(text) or text.partition("/_history/")[0].rpartition("/")[2]


def _identity(url: str) -> str:
    return url.removeprefix("urn:uuid:") if url.startswith("urn:uuid:") else ""


def _version(content: Mapping[str, Any], identity: str) -> str:
    """The resource and, where it says so, its version: a corrected Observation is a new fact, not a repetition."""
    meta = content.get("meta")
    version = (meta.get("versionId") or meta.get("lastUpdated") or "") if isinstance(meta, dict) else ""
    return f"{content['resourceType']}/{identity}/{version}"
