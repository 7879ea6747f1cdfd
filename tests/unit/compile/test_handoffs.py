"""The hand-off page leaves nothing out that its readers must judge, and says it in plain words."""

import csv
import io
import re

import pytest

from events.catalog import NoteSigned, NoteWritten, OxygenChanged
from statemachines.compile.handoffs import csv_rows, markdown
from statemachines.compile.wording import Wording
from statemachines.definition import DEADLINE_MISSED, Definition, Duration, StateKind, Unit
from statemachines.expressions import Comparator, Compare, Constant, FactOperand, IsKnown, ParameterOperand
from statemachines.language import DEADLINE, T
from statemachines.workflows import WORKFLOWS
from tests.unit.compile.examples import CROSSING, DONE, OPEN, SMALL, a_state, a_workflow, flow, high, wanted

ALL = (SMALL, CROSSING, *WORKFLOWS.values())
every = pytest.mark.parametrize("definition", ALL, ids=lambda d: d.workflow)


def section(page: str, title: str) -> str:
    """What stands under a heading of the page."""
    found = re.search(rf"^## {re.escape(title)}\n\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found is not None, title
    return found[1]


def rows(text: str) -> list[list[str]]:
    """The cells of a table's rows, without its heading."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [re.split(r"(?<!\\) \| ", line.strip("| ")) for line in lines[2:]]


def step(page: str, title: str) -> dict[str, str]:
    """The table of one step."""
    text = re.search(rf"^### {re.escape(title)}\n\n(.*?)(?=^### |\Z)", page, re.MULTILINE | re.DOTALL)
    assert text is not None, title
    return {cells[0]: cells[1] for cells in rows(text[1])}


@every
def test_every_arrow_is_one_row(definition: Definition) -> None:
    listed = [cells[0].strip("*") for cells in rows(section(markdown(definition), "Hand-offs"))]
    assert listed == [t.id for t in definition.transitions]


@every
def test_every_table_has_as_many_cells_as_its_heading(definition: Definition) -> None:
    width = 0
    for line in markdown(definition).splitlines():
        if not line.startswith("|"):
            width = 0
            continue
        cells = len(re.findall(r"(?<!\\)\|", line))
        assert width in (0, cells), line
        width = cells


@every
def test_every_step_says_who_by_when_and_what_the_emr_shows(definition: Definition) -> None:
    page = markdown(definition)
    listed = [cells[0] for cells in rows(section(page, "Steps"))]
    assert len(listed) == len(definition.states)
    for state in definition.states:
        table = step(page, re.sub(r"([|])", r"\\\1", state.title))
        assert state.emr.business_status in table["The EMR shows"]
        people = {"Accountable", "Performs", "Validates", "Escalates to", "By when", "Goes on by"}
        assert people & set(table) == (people if state.kind is not StateKind.END else set())


def test_a_step_in_full() -> None:
    table = step(markdown(SMALL), 'Open; to do: "now"')
    assert table["Initiated by"] == "T-01 oxygen ordered (Nurse)<br>T-02 oxygen changed"
    assert table["Accountable"] == "Nurse"
    assert table["Performs"] == "Act"
    assert table["Escalates to"] == 'Lead &lt;&amp;&gt; "chief"'
    assert table["By when"] == (
        "1 h 30 min (A made-up policy)<br>15 min if oxygen flow &gt; high flow (10 L/min): much oxygen (fixed)"
    )
    assert "T-04 time limit passed, not signed in time → Late" in table["Goes on by"]
    assert "T-02 oxygen changed → stays" in table["Goes on by"]
    assert table["Only where"] == "note is one of signed, none"
    assert table["The EMR shows"] == "Task `ready`, Open (`open`)"


def test_an_arrow_says_who_may_take_it() -> None:
    arrows = {cells[0].strip("*"): cells for cells in rows(section(markdown(SMALL), "Hand-offs"))}
    assert arrows["T-01"][1] == "(opens a case)"
    assert arrows["T-02"][2:5] == [
        "oxygen changed<br>if oxygen flow &gt; high flow (10 L/min)",
        "anyone, a device too",
        "(stays)",
    ]
    assert arrows["T-03"][3] == 'Nurse<br>by override, with a reason: Lead &lt;&amp;&gt; "chief"'
    assert arrows["T-04"][3] == "Baton"
    assert arrows["T-06"][2:4] == ["send note: sent", "Baton"]


def test_separate_duties_are_said() -> None:
    page = markdown(WORKFLOWS["oxygen"])
    separate = [t for t in WORKFLOWS["oxygen"].transitions if t.separate_from]
    assert separate
    for t in separate:
        assert f"not whoever performed {', '.join(t.separate_from)}" in page


@every
def test_every_limit_says_where_it_comes_from(definition: Definition) -> None:
    listed = rows(section(markdown(definition), "Limits and where they come from"))
    assert [cells[0].split("`")[1] for cells in listed] == [p.name for p in definition.parameters]
    assert [cells[-1].replace("\\_", "_") for cells in listed] == [p.source for p in definition.parameters]


def test_a_limit_says_its_default_its_range_and_what_it_decides() -> None:
    listed = {
        cells[0].split("`")[1]: cells[1:5]
        for cells in rows(section(markdown(SMALL), "Limits and where they come from"))
    }
    assert listed["high"] == ["10 L/min", "1 L/min to 60 L/min", "–", 'Open; to do: "now"; T-02']
    assert listed["within"] == ["1 h 30 min", "1 min to 10 h", "–", 'Open; to do: "now"']
    assert listed["wanted"] == ["signed", "one of: signed, none", "–", 'Open; to do: "now"']


@every
def test_every_declared_reason_is_told(definition: Definition) -> None:
    listed = rows(section(markdown(definition), "Events that do not move a case"))
    words = Wording(definition)
    for state in definition.states:
        for outcome, declared in (
            ("recorded", state.records),
            ("ignored", state.ignores),
            ("deferred", state.defers),
            ("refused", state.refuses),
        ):
            for event, because in declared.items():
                matching = [
                    cells
                    for cells in listed
                    if cells[0] == words.event(event)
                    and cells[1] == f"**{outcome}**"
                    and cells[3].replace("\\|", "|") == because
                    and _tells_of(cells[2], state.title)
                ]
                assert len(matching) == 1, (state.name, event)


def _tells_of(steps: str, title: str) -> bool:
    """Whether a list of steps has a step in it; a long list is told by the open steps that it leaves out."""
    everywhere, _, left_out = steps.partition(" except ")
    return title not in left_out if everywhere == "any open step" else title in steps


def test_checklists_and_sub_cases_are_told() -> None:
    page = markdown(WORKFLOWS["home_oxygen"])
    assert "□ Patient or caregiver uses the oxygen safely (Respiratory therapist)" in page
    assert (
        "done on: oxygen education completed by Respiratory therapist, Nurse; not asked for when who was taught is known"
        in page
    )
    assert "a case of its own, home oxygen order, which ends as delivered or withdrawn" in page
    unmoved = rows(section(page, "Events that do not move a case"))
    assert ["oxygen education completed", "**checked off**"] in [cells[:2] for cells in unmoved]


def test_what_baton_itself_causes_is_nobodys_to_take() -> None:
    by_id = {cells[0]: cells for cells in rows(section(markdown(WORKFLOWS["home_oxygen"]), "Hand-offs"))}
    for id in ("T-13", "T-20"):
        assert by_id[f"**{id}**"][3] == "Baton"
    order = rows(section(markdown(WORKFLOWS["home_oxygen_order"]), "Hand-offs"))
    assert [order[0][2], order[0][3]] == ["requested by another case", "Baton"]


def test_a_long_list_of_steps_is_told_by_those_that_it_leaves_out() -> None:
    definition = WORKFLOWS["oxygen"]
    words = Wording(definition)
    opened = [state for state in definition.states if state.kind is not StateKind.END]
    most = tuple(state.name for state in opened[3:])
    assert words.states(most) == f"any open step except {'; '.join(state.title for state in opened[:3])}"
    assert words.states(most[:8]).count(";") == 7
    assert words.states((opened[0].name,)) == opened[0].title


def test_what_a_facility_switches_off_is_worded_without_a_bare_not() -> None:
    words = Wording(SMALL)
    switch = ParameterOperand(parameter="co-signature required")
    on, off = (Compare(left=switch, comparator=Comparator.EQ, right=Constant(value=value)) for value in (True, False))
    assert [words.provided(guard) for guard in (on, off, ~on, ~(on | off))] == [
        "if co-signature required",
        "unless co-signature required",
        "unless co-signature required",
        "unless (co-signature required or not co-signature required)",
    ]
    unknown = FactOperand(fact="distress")
    assert (
        words.provided(Compare(left=unknown, comparator=Comparator.EQ, right=Constant(value=False)))
        == "if not distress"
    )
    assert words.provided(~IsKnown(fact="distress")) == "if distress is not known"


def test_where_nothing_is_declared_the_page_says_that_the_event_is_refused() -> None:
    listed = rows(section(markdown(SMALL), "Events that do not move a case"))
    assert ["oxygen changed", "**recorded**", 'Open; to do: "now"', "noted \\| as it is"] in listed
    assert ["oxygen changed", "**refused**", "Late; Sending", "not expected here"] in listed
    assert ["note signed", "**refused**", "Sending", "not expected here"] in listed
    assert not [cells for cells in listed if cells[0] == "patient died"]


def test_arrows_of_which_one_is_always_open_leave_no_gap() -> None:
    def refused(*transitions_when: object) -> list[list[str]]:
        arrows = [
            T(f"T-{n}", _A, on=NoteSigned, when=when, to=DONE, because="x")  # type: ignore[arg-type]
            for n, when in enumerate(transitions_when)
        ]
        page = markdown(a_workflow((_A, DONE), arrows))
        return [cells for cells in rows(section(page, "Events that do not move a case")) if cells[0] == "note signed"]

    much = flow > high
    assert refused(much) == [["note signed", "**refused**", "A", "no condition of an arrow holds"]]
    assert refused(much, ~much) == []
    assert refused(much, None) == []


_A = a_state("a")


def test_a_long_condition_is_spelt_out_once() -> None:
    long = (flow > high) & ((flow < 3) | (wanted == "signed") | (wanted == "none") | (flow == 0))
    page = markdown(
        a_workflow(
            (_A, OPEN, DONE),
            (
                T("T-1", _A, on=OxygenChanged, when=long, to=DONE, because="it is so"),
                T("T-2", _A, on=NoteWritten, when=~long, to=DONE, because="it is not so"),
                T("T-3", OPEN, on=OxygenChanged, when=long, to=DONE, because="here too"),
            ),
        )
    )
    arrows = {cells[0].strip("*"): cells[2] for cells in rows(section(page, "Hand-offs"))}
    assert arrows["T-1"] == "oxygen changed<br>if [C1](#conditions)"
    assert arrows["T-2"] == "note written<br>if not [C1](#conditions)"
    assert rows(section(page, "Conditions")) == [
        [
            "**C1**",
            "it is so; here too",
            "oxygen flow &gt; high flow (10 L/min)<br>and (oxygen flow &lt; 3 or note = signed or note = none or oxygen flow = 0)",
            "T-1, T-2 (not), T-3",
        ]
    ]


def test_what_becomes_of_an_event_while_no_case_is_open() -> None:
    assert rows(section(markdown(SMALL), "Events while no case is open")) == [
        ["oxygen ordered", "opens a case (**T-01**)", "–"],
        ["oxygen changed", "kept for 1 h 30 min, in case one opens; then quarantined", "may come early"],
        ["note signed", "not applicable", "nobody waits for it"],
        ["patient died", "quarantined: somebody looks at it", "–"],
    ]


def test_steps_of_the_system_say_their_outcomes_and_limits() -> None:
    (cells,) = rows(section(markdown(SMALL), "Steps of Baton itself"))
    assert cells[:4] == ["**send note**", "Sending", "sent, failed", "at most 3 times, 20 s each"]
    assert "## Steps of Baton itself" not in markdown(CROSSING)


@every
def test_every_hand_off_is_one_line_of_the_spreadsheet(definition: Definition) -> None:
    text = csv_rows(definition)
    listed = list(csv.DictReader(io.StringIO(text, newline="")))
    handed = [(t, target) for t in definition.transitions for target in ((t.target,) if t.target else t.sources)]
    assert text.count("\r\n") >= len(handed) + 1
    assert [(row["id"], row["because"]) for row in listed] == [(t.id, t.because) for t, _ in handed]
    states = {state.name: state for state in definition.states}
    words = Wording(definition)
    for row, (t, target) in zip(listed, handed, strict=True):
        state = states[target]
        assert row["to"].startswith(state.title)
        assert row["initiates"] == ", ".join(words.role(code) for code in t.by)
        if state.kind is not StateKind.END:
            assert row["performs"] == words.role(state.owner)
            assert row["validates"] == (words.role(state.validates) if state.validates else "")
            assert row["escalates to"] == (words.role(state.escalates_to) if state.escalates_to else "")


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (Duration(amount=120), "2 h"),
        (Duration(amount=90), "1 h 30 min"),
        (Duration(amount=0.5), "30 s"),
        (Duration(amount=36, unit=Unit.HOURS), "1 day 12 h"),
        (Duration(amount=48, unit=Unit.HOURS), "2 days"),
        (Duration(amount=1, unit=Unit.BUSINESS_DAYS), "1 business day"),
        (Duration(amount=2, unit=Unit.BUSINESS_DAYS), "2 business days"),
        (Duration(amount=45, unit=Unit.SECONDS), "45 s"),
        (Duration(parameter="within"), "1 h 30 min"),
    ],
)
def test_durations_in_words(duration: Duration, words: str) -> None:
    assert Wording(SMALL).duration(duration) == words


def test_events_in_words() -> None:
    words = Wording(WORKFLOWS["oxygen"])
    assert words.event("spo2_observed") == "SpO2 observed"
    assert words.event("file_documentation.sent") == "file documentation: sent"
    assert words.event(DEADLINE_MISSED) == "time limit passed"


def test_a_time_limit_is_told_by_its_reason_in_a_picture() -> None:
    late = T("T-9", OPEN, on=DEADLINE, to=DONE, because="too late")
    assert Wording(SMALL).cause(late) == "too late"
