"""Who works and who is treated in the demonstration. Nobody here is real."""

from __future__ import annotations

from typing import Any, NamedTuple


class Staff(NamedTuple):
    """Somebody on shift."""

    id: str
    roles: tuple[str, ...]


ROSTERS: dict[str, tuple[Staff, ...]] = {
    "northfield": (
        Staff("RT-LINDEN", ("RT",)),
        Staff("RT-MAPLE", ("RT",)),
        Staff("RN-ASH", ("RN",)),
        Staff("RN-BIRCH", ("RN",)),
        Staff("LEAD-ELM", ("RT_LEAD",)),
        Staff("CN-FIR", ("CHARGE_NURSE",)),
        Staff("MD-OAK", ("PROVIDER",)),
    ),
    "southgate": (
        Staff("RT-HAZEL", ("RT",)),
        Staff("RN-IVY", ("RN",)),
        Staff("RN-LARCH", ("RN",)),
        Staff("LEAD-PINE", ("RT_LEAD",)),
        Staff("CN-ROWAN", ("CHARGE_NURSE",)),
        Staff("MD-YEW", ("PROVIDER",)),
    ),
    # Nobody is on shift as RT at Lakeside tonight: its nurses do that work, and its policy says so.
    "lakeside": (
        Staff("RN-CEDAR", ("RN",)),
        Staff("CN-HOLLY", ("CHARGE_NURSE",)),
        Staff("MD-SPRUCE", ("PROVIDER",)),
    ),
}


class Patient(NamedTuple):
    """A made-up patient in an encounter at a facility."""

    facility: str
    patient: str
    encounter: str
    age: int


PATIENTS = {
    "A": Patient("northfield", "demo-patient-a", "demo-encounter-a", 71),
    "B": Patient("southgate", "demo-patient-b", "demo-encounter-b", 58),
    "C": Patient("lakeside", "demo-patient-c", "demo-encounter-c", 6),
    "D": Patient("northfield", "demo-patient-d", "demo-encounter-d", 64),
}


def resources(patient: Patient) -> list[dict[str, Any]]:
    """The patient and the encounter as the EMR has them."""
    return [
        {
            "resourceType": "Patient",
            "id": patient.patient,
            "name": [{"family": "Demo", "given": [patient.patient[-1].upper()]}],
        },
        {
            "resourceType": "Encounter",
            "id": patient.encounter,
            "status": "in-progress",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "IMP"},
            "subject": {"reference": f"Patient/{patient.patient}"},
        },
    ]
