"""The pictures show every arrow exactly where it belongs, and the same definition always gives the same picture."""

import re
from collections import Counter
from xml.etree import ElementTree as ET

import pytest

from events.catalog import OrderCancelled
from local.diagram.render import NotDrawn, svg
from statemachines.compile.dot import VEIL, dot
from statemachines.compile.graphviz import balanced
from statemachines.compile.mermaid import mermaid
from statemachines.compile.palette import LATE, role_colours
from statemachines.compile.shape import BOXED, MANY, Shape
from statemachines.definition import DEADLINE_MISSED, Definition, StateKind, digest
from statemachines.language import T
from statemachines.workflows import WORKFLOWS
from tests.unit.compile.examples import CROSSING, DEAD, SMALL, a_state, a_workflow

ALL = (SMALL, CROSSING, *WORKFLOWS.values())
every = pytest.mark.parametrize("definition", ALL, ids=lambda d: d.workflow)
SVG = "{http://www.w3.org/2000/svg}"


def drawn(definition: Definition) -> Counter[str]:
    """How often each transition is to be seen: once from each state, or once for all where many states share it or a box.

    One that re-opens a case is seen once, however few ends it leaves.
    """
    boxed = {t.id for group in Shape(definition).shared if group.boxed for t in group.transitions}
    shared = {t.id for t in definition.transitions if len(t.sources) > MANY or t.reopens}
    return Counter(
        {t.id: 1 if not t.sources or t.id in shared | boxed else len(t.sources) for t in definition.transitions}
    )


# ── shape ────────────────────────────────────────────────────────────────────────────────────────────────────────────────
@every
def test_each_arrow_has_one_place(definition: Definition) -> None:
    shape = Shape(definition)
    places = Counter(t.id for t in shape.opening)
    for arrow in shape.arrows:
        assert arrow.source != arrow.target
        assert all(t.target == arrow.target and arrow.source in t.sources for t in arrow.transitions)
        assert all((t.on == DEADLINE_MISSED) == arrow.late for t in arrow.transitions)
        places.update(t.id for t in arrow.transitions)
    for transitions in shape.again.values():
        places.update(t.id for t in transitions)
    for group in shape.shared:
        leaving = [t for transitions in group.leaving().values() for t in transitions]
        assert sorted(t.id for t in (*leaving, *group.inside())) == sorted(t.id for t in group.transitions)
        places.update(t.id for t in group.transitions)
    for again in shape.reopening:
        assert all(t.target == again.target and set(t.sources) == set(again.ends) for t in again.transitions)
        places.update(t.id for t in again.transitions)
    assert places == drawn(definition)


def test_the_main_path_is_what_happens_when_nothing_goes_wrong() -> None:
    assert Shape(SMALL).main_path == ("open", "sending", "done")
    assert Shape(WORKFLOWS["oxygen"]).main_path[0] == "ordered"
    assert Shape(WORKFLOWS["oxygen"]).main_path[-1] == "complete"


def test_a_workflow_that_nothing_opens_has_no_main_path_and_is_drawn_all_the_same() -> None:
    lonely = a_workflow((a_state("alone"),), ())
    assert Shape(lonely).main_path == ()
    assert "Alone" in svg([dot(lonely)])[0]


def test_of_groups_that_cross_only_one_has_a_box_and_never_the_whole() -> None:
    groups = {group.states: group.boxed for group in Shape(CROSSING).shared}
    assert groups == {
        ("a", "b", "c", "d", "e"): True,
        ("c", "d", "e", "f", "g"): False,
        ("a", "b", "c", "d", "e", "f", "g"): False,
    }


def test_a_group_of_a_few_states_is_boxed_where_it_fits_and_else_drawn_from_each() -> None:
    boxes = {group.states for group in Shape(WORKFLOWS["critical_lab"]).shared if group.boxed}
    assert ("read_back_ok", "unreachable_1", "unreachable_2", "unreachable_3") in boxes
    order = Shape(WORKFLOWS["home_oxygen_order"])
    assert sorted(a.source for a in order.arrows if any(t.id == "T-17" for t in a.transitions)) == [
        "sending_failed", "sent", "vendor_escalated", "vendor_silent",
    ]  # fmt: skip


def boxed_of(*groups: str) -> dict[str, bool]:
    """Of groups of the states a to g, each by its letters: whether it has a box; nothing of one that is not drawn once."""
    sources = [tuple(map(CROSSING.state, names)) for names in groups]
    rows = [T(f"T-5{n}", of, on=OrderCancelled, to=DEAD, because="together") for n, of in enumerate(sources)]
    shape = Shape(CROSSING.model_copy(update={"transitions": (*CROSSING.transitions[:8], *rows)}))
    return {"".join(group.states): group.boxed for group in shape.shared}


def test_a_larger_group_leaves_the_box_to_one_that_only_a_box_keeps_from_being_drawn_from_each() -> None:
    assert boxed_of("abcde") == {"abcde": True}
    assert boxed_of("abcde", "cdef") == {"abcde": False, "cdef": True}
    assert boxed_of("abcde", "defg") == {"abcde": False, "defg": True}


def test_it_does_not_where_those_cross_one_another_and_not_all_could_have_one() -> None:
    assert boxed_of("abcde", "bcde", "cdef") == {"abcde": True}


def test_a_group_that_is_most_of_the_picture_is_listed() -> None:
    for definition in WORKFLOWS.values():
        for group in Shape(definition).shared:
            assert not group.boxed or len(group.states) <= BOXED


# ── DOT ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────
@every
def test_dot_shows_every_arrow_as_often_as_it_is_drawn(definition: Definition) -> None:
    text = dot(definition)
    shown = Counter({t.id: text.count(f"<B>{t.id}</B>") for t in definition.transitions})
    assert shown == drawn(definition)


@every
def test_dot_has_every_state_once_in_its_owners_colour(definition: Definition) -> None:
    lines = dot(definition).splitlines()
    colours = role_colours(definition)
    for state in definition.states:
        (line,) = [line for line in lines if line.lstrip().startswith(f'"{state.name}" [')]
        assert state.title.split(";")[0] in line
        if state.kind is StateKind.WAITING:
            assert state.owner is not None
            assert f'fillcolor="{colours[state.owner].pale}"' in line
        assert ("peripheries" in line) == (state.kind is StateKind.SYSTEM)
        assert ("dashed" in line) == (state.optional is not None)


def edges(text: str) -> list[tuple[str, str, str]]:
    return re.findall(r'^  "([^"]+)" -> "([^"]+)" \[(.*)\]$', text, re.MULTILINE)


@every
def test_a_passed_time_limit_is_dashed_in_the_warning_colour_and_nothing_else_is(definition: Definition) -> None:
    late = {t.id for t in definition.transitions if t.on == DEADLINE_MISSED}
    for source, target, attributes in edges(dot(definition)):
        ids = set(re.findall(r"<B>([^<]+)</B>", attributes))
        dashed = 'style="dashed"' in attributes
        assert dashed == (f'color="{LATE}"' in attributes), (source, target)
        assert ids <= late if dashed else not ids & late, (source, target)


def test_an_arrow_that_many_states_share_leaves_the_box_around_them() -> None:
    text = dot(CROSSING)
    (shared,) = [attributes for _, target, attributes in edges(text) if target == "dead" and "T-30" in attributes]
    assert 'ltail="cluster_0"' in shared
    box = text[text.index('subgraph "cluster_0"') : text.index("\n  }")]
    assert all(f'"{name}" [' in box for name in "abcde")
    assert '"f" [' not in box
    assert "<B>T-31</B>" in box
    assert "Each of C; D; E; F; G" in text
    assert "Any open step" in text


def test_the_card_says_owner_limit_what_to_do_and_sooner_limits() -> None:
    (card,) = [line for line in dot(SMALL).splitlines() if line.lstrip().startswith('"open" [')]
    for words in ("Nurse", "within 1 h 30 min", "Act", "15 min if oxygen flow &gt; high flow", "only where note"):
        assert words in card, words


def test_the_card_says_what_is_on_the_list_and_which_case_is_opened() -> None:
    lines = dot(WORKFLOWS["home_oxygen"]).splitlines()
    (preparing,) = [line for line in lines if line.lstrip().startswith('"preparing" [')]
    (ordering,) = [line for line in lines if line.lstrip().startswith('"ordering" [')]
    assert preparing.count("□") == 4
    assert "home oxygen order" in ordering


def test_what_a_step_escalates_to_stands_beside_it_and_not_beside_an_earlier_one() -> None:
    rows = re.findall(r"rank=same; ([^}]*)}", dot(WORKFLOWS["home_oxygen_order"]))
    assert '"vendor_acked"; "vendor_escalated"' in rows
    assert '"signed"; "sending_failed"' in rows


def test_the_way_back_in_a_row_has_no_say_in_its_order() -> None:
    """Else the last step of an escalation is drawn between the first two, and their arrows' labels lie on each other."""
    weightless = {(s, t) for s, t, attributes in edges(dot(WORKFLOWS["oxygen"])) if 'weight="0"' in attributes}
    assert weightless == {("filing_failed", "filing"), ("filing_overdue", "filing")}


@every
def test_an_arrows_label_can_be_read_where_a_line_crosses_it(definition: Definition) -> None:
    for source, target, attributes in edges(dot(definition)):
        if "<B>T-" in attributes:
            assert f'BGCOLOR="{VEIL}"' in attributes, (source, target)


@every
def test_the_heading_says_what_it_is(definition: Definition) -> None:
    text = dot(definition)
    assert f"{definition.workflow}, version {definition.version}, {digest(definition)[:12]}" in text


def test_lines_are_balanced() -> None:
    assert balanced("Watch saturation; call RT when it falls", 34) == ["Watch saturation;", "call RT when it falls"]
    assert balanced("short", 30) == ["short"]
    assert balanced("", 30) == []
    assert balanced("incomprehensibilities", 5) == ["incomprehensibilities"]


# ── SVG ──────────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture(scope="module")
def pictures() -> dict[str, str]:
    return {d.workflow: picture for d, picture in zip(ALL, svg([dot(d) for d in ALL]), strict=True)}


@every
def test_the_svg_is_well_formed_and_shows_every_arrow(definition: Definition, pictures: dict[str, str]) -> None:
    root = ET.fromstring(pictures[definition.workflow].encode())
    texts = [(element.text or "").strip("\u00a0 ") for element in root.iter(f"{SVG}text")]
    shown = Counter(text for text in texts if text in drawn(definition))
    assert shown == drawn(definition)
    assert definition.title in texts


@every
def test_a_case_opens_above_the_main_path(definition: Definition, pictures: dict[str, str]) -> None:
    """Graphviz counts downwards from the top as ever less."""
    root = ET.fromstring(pictures[definition.workflow].encode())
    nodes = {node.findtext(f"{SVG}title"): node for node in root.iter(f"{SVG}g") if node.get("class") == "node"}
    heights = [
        min(float(place.attrib["y"]) for place in nodes[name].iter(f"{SVG}text"))
        for name in Shape(definition).main_path
    ]
    (start,) = nodes["start 0"].iter(f"{SVG}ellipse")
    assert float(start.attrib["cy"]) < heights[0]
    assert heights[0] < heights[-1]


@every
def test_no_text_can_leave_its_box_whatever_the_readers_fonts(definition: Definition, pictures: dict[str, str]) -> None:
    texts = list(ET.fromstring(pictures[definition.workflow].encode()).iter(f"{SVG}text"))
    assert texts
    for element in texts:
        assert float(element.attrib["textLength"]) > 0
        assert element.attrib["lengthAdjust"] == "spacingAndGlyphs"
        assert "font-family" not in element.attrib
        assert element.text == (element.text or "").strip(" ")


@every
def test_no_text_begins_with_a_space_that_a_renderer_may_leave_out(
    definition: Definition, pictures: dict[str, str]
) -> None:
    texts = [text.text or "" for text in ET.fromstring(pictures[definition.workflow]).iter(f"{SVG}text")]
    assert [text for text in texts if text[:1].isspace()] == []


@every
def test_the_same_definition_gives_the_same_picture(definition: Definition, pictures: dict[str, str]) -> None:
    assert svg([dot(definition)]) == [pictures[definition.workflow]]


def test_what_graphviz_cannot_read_is_said() -> None:
    with pytest.raises(NotDrawn, match="syntax error"):
        svg(["digraph {"])


def test_nothing_to_draw_draws_nothing() -> None:
    assert svg([]) == []


# ── Mermaid ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
@every
def test_mermaid_shows_every_arrow_as_often_as_it_is_drawn(definition: Definition) -> None:
    text = mermaid(definition)
    assert text.splitlines()[1] == "stateDiagram-v2"
    shown = Counter(re.findall(r"(?<=: )T-\d+|(?<=<br/>)T-\d+", text))
    assert shown == drawn(definition)


@every
def test_mermaid_arrows_join_states_that_it_declares(definition: Definition) -> None:
    text = mermaid(definition)
    declared = set(re.findall(r'^  state ".*" as (\w+)$', text, re.MULTILINE))
    assert {state.name for state in definition.states} <= declared
    joined = re.findall(r"^  (\S+) --> (\S+?)(?::.*)?$", text, re.MULTILINE)
    assert {name for pair in joined for name in pair} - {"[*]"} <= declared
    ends = {state.name for state in definition.states if state.kind is StateKind.END}
    assert {source for source, target in joined if target == "[*]"} == ends


def test_mermaid_text_cannot_break_out_of_its_place() -> None:
    text = mermaid(SMALL)
    assert 'state "Open#59; to do#58; #quot;now#quot;<br/>Nurse, within 1 h 30 min" as open' in text
    assert "oxygen flow #gt; high flow" in text
    assert "T-04 time limit passed, not signed in time" in text


@every
def test_mermaid_groups_states_by_owner(definition: Definition) -> None:
    grouped = re.findall(r"^  class (\S+) (\w+)$", mermaid(definition), re.MULTILINE)
    members = [name for names, _ in grouped for name in names.split(",")]
    assert sorted(members) == sorted(state.name for state in definition.states)
