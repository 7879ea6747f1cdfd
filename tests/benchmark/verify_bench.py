"""How long the verifier takes on a workflow of 1,000 states under 160 overlays, and how that grows with the workflow."""

from __future__ import annotations

import gc
import json
import random
import time
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any

from events.catalog import (
    AssessmentCompleted,
    CarePlanUpdated,
    FilingRetryRequested,
    News2Scored,
    NoteCosigned,
    NoteSigned,
    OrderCancelled,
    OxygenChanged,
    OxygenOrdered,
    PatientDied,
    PatientDischarged,
    PatientMerged,
    PatientTransferred,
    Spo2Observed,
)
from local.network import network
from statemachines.definition import Correlation, Definition, Late, Role, State, Transition, ValueType, Work
from statemachines.expressions import Value
from statemachines.language import (
    DEADLINE,
    Reasons,
    T,
    WorkOutcome,
    emr,
    end,
    expect,
    fact,
    lifecycle,
    minutes,
    of,
    parameter,
    role,
    system,
    waiting,
    workflow,
)
from statemachines.policy import Policy
from statemachines.verify import check

SEED = 7
STATES_PER_WARD = 10

CHARGE = role("CHARGE_NURSE", "Charge nurse")
LEAD = role("RT_LEAD", "Therapy lead", CHARGE)
RT = role("RT", "Therapist", LEAD, CHARGE)
RN = role("RN", "Nurse", CHARGE)
PROVIDER = role("PROVIDER", "Provider", CHARGE)

spo2 = fact(
    "spo2",
    "SpO2",
    ValueType.NUMBER,
    of(Spo2Observed, lambda e: e.spo2_percent),
    of(OxygenChanged, lambda e: e.spo2_percent),
    unit="%",
)
flow = fact("flow", "oxygen flow", ValueType.NUMBER, of(OxygenChanged, lambda e: e.flow_l_min), unit="L/min")
news2 = fact("news2", "NEWS2", ValueType.NUMBER, of(News2Scored, lambda e: e.news2), unit="{score}")
distress = fact("distress", "distress", ValueType.BOOLEAN, of(AssessmentCompleted, lambda e: e.distress))
target = parameter(
    "target",
    "target",
    94,
    "made up",
    unit="%",
    minimum=80,
    maximum=100,
    patient=(of(CarePlanUpdated, lambda e: e.target_spo2_low),),
)


class _Pool:
    """Limits of saturation, times, and switches; each ward uses some."""

    def __init__(self, size: int, chance: random.Random) -> None:
        self.lows = [
            parameter(f"low_{n}", f"low {n}", chance.randint(86, 91), "made up", unit="%", minimum=70, maximum=93)
            for n in range(size)
        ]
        self.times = [
            parameter(f"time_{n}", f"time {n}", chance.randint(10, 600), "made up", unit="min", minimum=1, maximum=9000)
            for n in range(size)
        ]
        self.switches = [parameter(f"cosign_{n}", f"co-signature {n}", n % 2 == 0, "made up") for n in range(4)]


class _Ward:
    """Ten states and fifty arrows: due, treated, watched, escalated, signed or co-signed, filed."""

    def __init__(self, number: int, chance: random.Random, pool: _Pool) -> None:
        self.n, self.id = number, f"w{number:03}"
        self.score = chance.randint(4, 8)
        self.flow = chance.choice([0.5, 1, 2, 4, 6])
        self.low, self.critical = chance.choice(pool.lows), chance.randint(60, 69)
        self.times = [chance.choice(pool.times) for _ in range(STATES_PER_WARD)]
        self.cosign = chance.choice(pool.switches) == True  # noqa: E712
        self.work = Work(name=f"file_{self.id}", outcomes=("sent", "failed"))
        self.states = self._states()

    def _waiting(self, name: str, place: int, owner: Role, **more: Any) -> State:
        return waiting(
            f"{self.id}_{name}", f"{name.capitalize()} {self.n}", owner=owner, within=minutes(self.times[place]), do="Do it",
            emr=emr("in-progress", f"{self.id}-{name}"), records=NOTED, ignores=NOT_YET, **more,
        )  # fmt: skip

    def _states(self) -> dict[str, State]:
        late = {self.work: Late.ACCEPT}
        return {
            "due": self._waiting("due", 0, RT),
            "overdue": self._waiting("overdue", 1, CHARGE),
            "treated": self._waiting("treated", 2, RT),
            "watched": self._waiting("watched", 3, RN),
            "escalated": self._waiting("escalated", 4, CHARGE),
            "unsigned": self._waiting("unsigned", 5, RT),
            "unsigned_late": self._waiting("unsigned_late", 6, CHARGE),
            "cosign": self._waiting("cosign", 7, PROVIDER, validates=PROVIDER, optional=self.cosign),
            "filing": system(
                f"{self.id}_filing", f"Filing {self.n}", work=self.work, owner=LEAD, within=minutes(self.times[8]),
                emr=emr("in-progress", f"{self.id}-filing"), records=NOTED | LIFE, ignores=NOT_YET, late=late,
            ),
            "unfiled": self._waiting("unfiled", 9, CHARGE, late=late),
        }  # fmt: skip

    def arrows(self, onwards: State, deceased: State, cancelled: State) -> Iterator[Transition]:
        """The ward's fifty arrows; ``onwards`` is where its cases go when they are filed."""
        s, low, critical = self.states, self.low, self.critical
        numbers = count(1)

        def t(source: str, on: Any, to: State | None, **more: Any) -> Transition:
            return T(f"{self.id}-{next(numbers):02}", s[source], on=on, to=to, because="made up", **more)

        signed = [f"{self.id}-{n:02}" for n in (2, 4)]
        for place in ("unsigned", "unsigned_late"):
            yield t(place, NoteSigned, s["filing"], when=~self.cosign, by=RT)
            yield t(place, NoteSigned, s["cosign"], when=self.cosign, by=RT)
        yield t("cosign", NoteCosigned, s["filing"], by=PROVIDER, separate_from=signed)
        yield t("due", AssessmentCompleted, s["treated"], when=distress == True, by=RT)  # noqa: E712
        yield t("due", AssessmentCompleted, s["watched"], when=distress == False, by=RT)  # noqa: E712
        yield t("due", News2Scored, s["overdue"], when=news2 >= self.score)
        yield t("due", Spo2Observed, s["overdue"], when=spo2 < critical)
        yield t("overdue", AssessmentCompleted, s["treated"], by=(RT, LEAD))
        for place in ("treated", "watched"):
            yield t(place, Spo2Observed, s["escalated"], when=(spo2 < critical) | ((spo2 < low) & spo2.fell(3)))
            yield t(place, News2Scored, s["escalated"], when=news2 > self.score)
        yield t("treated", OxygenChanged, s["watched"], when=(spo2 >= low) & (flow <= self.flow))
        yield t("treated", OxygenChanged, s["due"], when=(spo2 < low) & (flow <= self.flow))
        yield t("watched", OxygenChanged, s["unsigned"], when=(spo2 >= target) & (flow == 0))
        yield t("watched", OxygenChanged, s["treated"], when=(spo2 < target) & (flow == 0))
        yield t("escalated", AssessmentCompleted, s["treated"], by=(LEAD, RT))
        yield t("filing", WorkOutcome(self.work.name, "sent"), onwards)
        yield t("filing", WorkOutcome(self.work.name, "failed"), s["unfiled"])
        yield t("unfiled", FilingRetryRequested, s["filing"], by=CHARGE)
        for place, late in (
            ("due", "overdue"), ("overdue", None), ("treated", "escalated"), ("watched", "escalated"), ("escalated", None),
            ("unsigned", "unsigned_late"), ("unsigned_late", None), ("cosign", "unsigned_late"), ("filing", "unfiled"),
            ("unfiled", None),
        ):  # fmt: skip
            yield t(place, DEADLINE, s[late] if late else None)
        for place in s:
            if place != "filing":
                yield t(place, PatientDied, deceased)
                yield t(place, OrderCancelled, cancelled, by=PROVIDER)


NOTED: Reasons = dict.fromkeys(
    (
        CarePlanUpdated, PatientMerged, PatientTransferred, PatientDischarged, OxygenOrdered, OxygenChanged, Spo2Observed,
        News2Scored, AssessmentCompleted,
    ),
    "noted",
)  # fmt: skip
NOT_YET: Reasons = dict.fromkeys((NoteSigned, NoteCosigned, FilingRetryRequested), "not now")
LIFE: Reasons = {PatientDied: "filed all the same", OrderCancelled: "filed all the same"}
DONE = end("done", "Done", emr=emr("completed", "done"))


def _ends(works: list[Work]) -> tuple[State, State]:
    late = dict.fromkeys(works, Late.ACCEPT)
    return (
        end("deceased", "Patient died", emr=emr("cancelled", "patient-died"), late=late),
        end("cancelled", "Cancelled", emr=emr("cancelled", "cancelled"), late=late),
    )


def large(wards: int, seed: int = SEED) -> Definition:
    """A workflow of ten states and fifty arrows for each ward, through which a case goes one after another; without a fault."""
    chance = random.Random(seed)
    pool = _Pool(12, chance)
    built = [_Ward(number, chance, pool) for number in range(wards)]
    ends = _ends([ward.work for ward in built])
    following = [*(ward.states["due"] for ward in built[1:]), DONE]
    return workflow(
        "large", 1, title="Large", purpose="To be verified", correlation=Correlation.ENCOUNTER,
        roles=(RT, RN, LEAD, PROVIDER, CHARGE), facts=(spo2, flow, news2, distress),
        parameters=(target, *pool.lows, *pool.times, *pool.switches),
        events=[
            expect(e) for e in (
                OxygenOrdered, AssessmentCompleted, OxygenChanged, Spo2Observed, News2Scored, CarePlanUpdated, NoteSigned,
                NoteCosigned, FilingRetryRequested, PatientTransferred, PatientDischarged, PatientMerged, PatientDied,
                OrderCancelled,
            )
        ],
        states=[*(state for ward in built for state in ward.states.values()), DONE, *ends],
        transitions=[
            T("open", None, on=OxygenOrdered, to=built[0].states["due"], because="ordered"),
            *(t for ward, onwards in zip(built, following, strict=True) for t in ward.arrows(onwards, *ends)),
        ],
        lifecycle=lifecycle(
            transfer=PatientTransferred, merge=PatientMerged, discharge=PatientDischarged, death=PatientDied,
            cancellation=OrderCancelled,
        ),
    )  # fmt: skip


def limits_of_their_own(policies: Iterable[Policy], definition: Definition, seed: int = SEED) -> Iterator[Policy]:
    """The same facilities, no two of which have any limit in common."""
    chance = random.Random(seed)
    for policy in policies:
        values: dict[str, Value] = {
            p.name: chance.random() < 0.5
            if isinstance(p.default, bool)
            else chance.uniform(p.minimum or 0, p.maximum or 0)
            for p in definition.parameters
            if not p.patient
        }
        yield policy.model_copy(update={"parameters": {definition.workflow: values}})


def _verified(definition: Definition, overlays: list[Policy], rounds: int) -> dict[str, Any]:
    """The best of some rounds, in seconds of one core."""
    seconds = []
    reports = []
    for _ in range(rounds):
        gc.collect()
        begun = time.process_time()
        reports.append(check(definition, overlays))
        seconds.append(time.process_time() - begun)
    report = reports[0]
    return {
        "states": report.states,
        "transitions": report.arrows,
        "overlays": report.facilities,
        "distinct_machines": report.machines,
        "distinct_arrow_sets": report.variants,
        "solver_questions": report.questions,
        "findings_but_for_size": sum(finding.code != "BTN-110" for finding in report.findings),
        "seconds": round(min(seconds), 2),
    }


def measure(wards: int = 100, facilities: int = 160, rounds: int = 3) -> dict[str, Any]:
    """Verify so many wards' workflow under so many overlays, and twice as many wards'; then with no two limits alike."""
    check(large(2))  # imports the solver
    once, twice = large(wards), large(2 * wards)
    overlays = list(network(facilities, [once]))
    found: dict[str, Any] = {
        "once": _verified(once, overlays, rounds),
        "twice": _verified(twice, list(network(facilities, [twice])), rounds),
        "every_limit_differs": _verified(once, list(limits_of_their_own(overlays, once)), 1),
    }
    found["twice_over_once"] = round(found["twice"]["seconds"] / found["once"]["seconds"], 2)
    return found


if __name__ == "__main__":
    print(json.dumps(measure(), indent=2))
