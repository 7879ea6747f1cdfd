"""FHIR resources: what each states, or the named reason why it states nothing."""

from datetime import UTC, timedelta
from typing import Any

import pytest

from local.replay.mapping.fhir import resource
from local.replay.reasons import NotApplicable
from local.replay.statements import Context, Kind, Statement
from local.replay.times import NoOffset, Times
from tests.unit.replay.made_up import START, encounter, epoch, observation

TIMES = Times(UTC)
LOINC = "http://loinc.org"


def component(code: str, value: float, unit: str) -> dict[str, Any]:
    return {
        "code": {"coding": [{"system": LOINC, "code": code}]},
        "valueQuantity": {"value": value, "unit": unit, "code": unit},
    }


def stated(content: dict[str, Any]) -> Statement:
    found = resource(content, TIMES)[0]
    assert isinstance(found, Statement), found
    return found


@pytest.mark.parametrize(
    ("content", "kind", "values"),
    [
        (observation("2708-6", 91), Kind.SATURATION, {"spo2_percent": 91}),
        (observation("59408-5", 91.5), Kind.SATURATION, {"spo2_percent": 91.5}),
        (observation("9279-1", 22, unit="/min"), Kind.RESPIRATORY_RATE, {"respiratory_rate": 22}),
        (observation("3151-8", 0, unit="L/min"), Kind.SUPPORT, {"flow_l_min": 0, "source": 1}),
        (observation("3150-6", 40), Kind.SUPPORT, {"fio2": 0.4, "source": 1}),
        (
            observation("59408-5", 91, component=[component("3151-8", 6, "L/min"), component("3150-6", 44, "%")]),
            Kind.SUPPORT,
            {"spo2_percent": 91, "flow_l_min": 6, "fio2": 0.44, "source": 1},
        ),
        (
            observation("59408-5", None, component=[component("3151-8", 6, "L/min")]),
            Kind.SUPPORT,
            {"flow_l_min": 6, "source": 1},
        ),
        (
            observation("59408-5", 91, component=[component("3151-8", 6, "mL"), component("8867-4", 80, "/min")]),
            Kind.SATURATION,
            {"spo2_percent": 91},
        ),
    ],
)
def test_what_an_observation_states(content: dict[str, Any], kind: Kind, values: dict[str, Any]) -> None:
    found = stated(content)
    assert (found.kind, dict(found.values)) == (kind, values)
    assert (found.patient, found.encounter) == ("P-1", "E-1")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (observation("2708-6", None), NotApplicable.NO_VALUE),
        (observation("2708-6", 0), NotApplicable.IMPLAUSIBLE_ZERO),
        (observation("2708-6", 0.95, unit="1"), NotApplicable.UNKNOWN_UNIT),
        (observation("2708-6", 95, valueQuantity={"value": 95}), NotApplicable.UNKNOWN_UNIT),
        (observation("2708-6", 95, valueQuantity={"value": "95", "unit": "%"}), NotApplicable.NOT_A_NUMBER),
        (observation("2708-6", 95, status="entered-in-error"), NotApplicable.WITHDRAWN),
        (observation("2708-6", 95, status="registered"), NotApplicable.NOT_FINAL),
        (observation("2708-6", 95) | {"encounter": None}, NotApplicable.NO_ENCOUNTER),
        (observation("2708-6", 95, subject=None), NotApplicable.NO_ENCOUNTER),
        (observation("2708-6", 95, effectiveDateTime="2150-03-02"), NotApplicable.NO_TIME),
        (observation("2708-6", 95, effectiveDateTime=None), NotApplicable.NO_TIME),
        (observation("8310-5", 98.6, unit="[degF]"), NotApplicable.OTHER_OBSERVATION),
        (
            observation("", 95) | {"code": {"coding": [{"system": "http://example.org", "code": "2708-6"}]}},
            NotApplicable.OTHER_OBSERVATION,
        ),
        (observation("", 95) | {"code": "2708-6"}, NotApplicable.OTHER_OBSERVATION),
        (encounter(60, status="in-progress"), NotApplicable.NOT_ENDED),
        (encounter(60, period={}), NotApplicable.NOT_ENDED),
        (encounter(60, status="cancelled"), NotApplicable.WITHDRAWN),
        ({"resourceType": "Procedure", "id": "p"}, NotApplicable.OTHER_RESOURCE),
        ({"resourceType": "Patient", "id": "P-1", "birthDate": "2100-01-01"}, NotApplicable.CONTEXT),
        ({"name": "no resource"}, NotApplicable.INVALID_RECORD),
        ({"resourceType": 5}, NotApplicable.INVALID_RECORD),
    ],
)
def test_why_a_resource_states_nothing(content: dict[str, Any], reason: NotApplicable) -> None:
    assert resource(content, TIMES)[0] is reason


def test_an_observation_is_known_when_it_was_issued() -> None:
    issued = (START + timedelta(minutes=30)).replace(tzinfo=UTC).isoformat()
    found = stated(observation("2708-6", 91, 5, issued=issued))
    assert (found.true_at, found.known_at) == (epoch(5), epoch(30))


def test_a_corrected_observation_is_another_fact_and_the_same_one_is_not() -> None:
    first, again, corrected = (
        stated(observation("2708-6", value, meta={"versionId": version})).fingerprint
        for value, version in ((91, "1"), (91, "1"), (93, "2"))
    )
    assert first == again != corrected


@pytest.mark.parametrize(
    "reference", ["Encounter/E-9", "https://emr.example/fhir/Encounter/E-9", "urn:uuid:E-9", "Encounter/E-9/_history/2"]
)
def test_references_of_every_form_lead_to_the_same_encounter(reference: str) -> None:
    assert stated(observation("2708-6", 91) | {"encounter": {"reference": reference}}).encounter == "E-9"


def test_in_a_bundle_an_encounter_is_known_by_its_full_url() -> None:
    found = resource(encounter(60, id="server-id"), TIMES, "urn:uuid:E-9")[0]
    assert isinstance(found, Statement)
    assert found.encounter == "E-9"


@pytest.mark.parametrize(
    ("disposition", "kind"),
    [("home", Kind.ENDED), ("exp", Kind.DIED), ("DIED", Kind.DIED), ("EXPIRED", Kind.DIED), (None, Kind.ENDED)],
)
def test_the_discharge_disposition_tells_a_discharge_from_a_death(disposition: str | None, kind: Kind) -> None:
    hospitalization = {"dischargeDisposition": {"coding": [{"code": disposition}]}} if disposition else {}
    assert stated(encounter(60, hospitalization=hospitalization)).kind is kind


def test_a_patient_gives_their_date_of_birth() -> None:
    assert resource({"resourceType": "Patient", "id": "P-1", "birthDate": "2100-01-01"}, TIMES)[1] == [
        Context("birth", "P-1", "2100-01-01")
    ]


def test_a_naive_time_without_a_declared_offset_stops_the_replay() -> None:
    with pytest.raises(NoOffset):
        resource(observation("2708-6", 91, effectiveDateTime=START.isoformat()), Times(None))
