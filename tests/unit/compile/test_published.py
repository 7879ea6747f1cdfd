"""What is published: complete, current, pinned by hash, and readable by a Lambda function that has no compiler."""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import local.check
from events.catalog import OxygenOrdered
from local.check import found
from local.compile import Faulty, NotReleasable, PublishedVersionChanged, Verify, compile_workflows, release
from statemachines import published as loader
from statemachines.definition import Definition, Parameter, digest, load
from statemachines.facilities import facilities
from statemachines.language import T
from statemachines.policy import Policy
from statemachines.verify import Finding, Report, Severity, verifier
from statemachines.verify.finding import Place
from statemachines.workflows import WORKFLOWS
from tests.unit.compile.examples import DONE, OPEN, SMALL, a_workflow
from tests.unit.verify.good import FETCH, GOOD

FILES = {"workflow.json", "digest", "asl.json", "diagram.svg", "diagram.mmd", "handoffs.md", "handoffs.csv"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty place for published versions, as deep in its checkout as the real one."""
    place = tmp_path / "statemachines" / "published"
    place.mkdir(parents=True)
    return place


def saying(*findings: Finding) -> Verify:
    """Instead of the verifier, for whom the examples are too small to be without fault."""
    return lambda _definition, _known: findings


def compiled(folder: Path, *workflows: Definition, check: bool = False) -> list[str]:
    return compile_workflows(check, workflows=workflows, folder=folder, verify=saying())


def released(folder: Path, *workflows: Definition, names: tuple[str, ...] = ()) -> list[str]:
    return release(names, workflows=workflows, folder=folder, verify=saying())


def contents(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


CHANGED = a_workflow(SMALL.states, (*SMALL.transitions[:-1],), "small")
NEXT = CHANGED.model_copy(update={"version": 2})


# ── the files of this checkout ───────────────────────────────────────────────────────────────────────────────────────────
def test_the_published_files_are_current() -> None:
    assert compile_workflows(True) == []


def test_every_workflow_is_published_in_its_newest_version() -> None:
    for name, definition in WORKFLOWS.items():
        assert loader.published(name, definition.version) == definition
        assert {file.name for file in loader.folder(name, definition.version).iterdir()} == FILES


def test_there_is_a_list_of_released_versions() -> None:
    """Without it nothing would be released, and nothing kept."""
    assert (loader.FOLDER / loader.RELEASED).is_file()
    assert set(loader.released()) <= set(loader.versions())


# ── compiling ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_compiling_writes_every_file_once(folder: Path) -> None:
    written = compiled(folder, SMALL)
    assert set(written) == {f"statemachines/published/small/1/{name}" for name in FILES}
    assert load((folder / "small/1/workflow.json").read_bytes()) == SMALL
    assert (folder / "small/1/digest").read_text() == digest(SMALL) + "\n"
    before = contents(folder)
    assert compiled(folder, SMALL) == []
    assert contents(folder) == before
    assert compiled(folder, SMALL, check=True) == []


def test_a_check_names_what_is_missing_and_the_command_and_writes_nothing(folder: Path) -> None:
    said = compiled(folder, SMALL, check=True)
    assert "missing: statemachines/published/small/1/asl.json (run: baton compile)" in said
    assert len(said) == len(FILES)
    assert contents(folder) == {}


@pytest.mark.parametrize("name", sorted(FILES - {"digest", "workflow.json"}))
def test_a_check_finds_a_stale_file_and_compiling_mends_it(folder: Path, name: str) -> None:
    compiled(folder, SMALL)
    file = folder / "small" / "1" / name
    good = file.read_bytes()
    file.write_bytes(good.replace(b"Sending", b"Sent off"))
    before = contents(folder)
    assert compiled(folder, SMALL, check=True) == [
        f"stale: statemachines/published/small/1/{name} (run: baton compile)"
    ]
    assert contents(folder) == before
    assert compiled(folder, SMALL) == [f"statemachines/published/small/1/{name}"]
    assert file.read_bytes() == good


def test_a_check_finds_a_file_that_does_not_belong(folder: Path) -> None:
    compiled(folder, SMALL)
    (folder / "small/1/notes.txt").write_text("?")
    assert compiled(folder, SMALL, check=True) == ["unexpected: statemachines/published/small/1/notes.txt (delete it)"]


def test_a_published_version_never_changes(folder: Path) -> None:
    compiled(folder, SMALL)
    before = contents(folder)
    (finding,) = compiled(folder, CHANGED, check=True)
    assert finding.startswith("changed: small 1 is published with other content")
    assert f"source has: transitions[{SMALL.transitions[-1].id}]. " in finding
    assert "new version" in finding
    with pytest.raises(
        PublishedVersionChanged, match=r"not released yet: .* or delete statemachines/published/small/1"
    ):
        compiled(folder, CHANGED)
    assert contents(folder) == before


def test_a_version_that_is_not_released_may_be_deleted_and_compiled_anew(folder: Path) -> None:
    compiled(folder, SMALL)
    shutil.rmtree(folder / "small" / "1")
    assert compiled(folder, CHANGED)
    assert load((folder / "small/1/workflow.json").read_bytes()) == CHANGED


def test_without_its_pin_a_published_version_does_not_change_either(folder: Path) -> None:
    compiled(folder, SMALL)
    (folder / "small/1/digest").unlink()
    with pytest.raises(PublishedVersionChanged):
        compiled(folder, CHANGED)
    assert compiled(folder, SMALL) == ["statemachines/published/small/1/digest"]


def test_an_earlier_version_stays_and_what_is_derived_from_it_is_kept_current(folder: Path) -> None:
    compiled(folder, SMALL)
    pinned = (folder / "small/1/workflow.json").read_bytes()
    written = compiled(folder, NEXT)
    assert {file.split("/")[3] for file in written} == {"2"}
    (folder / "small/1/asl.json").write_text("{}")
    assert compiled(folder, NEXT, check=True) == [
        "stale: statemachines/published/small/1/asl.json (run: baton compile)"
    ]
    assert compiled(folder, NEXT) == ["statemachines/published/small/1/asl.json"]
    assert (folder / "small/1/workflow.json").read_bytes() == pinned


def test_an_earlier_version_that_was_tampered_with_is_found(folder: Path) -> None:
    compiled(folder, SMALL)
    compiled(folder, NEXT)
    document = folder / "small" / "1" / "workflow.json"
    document.write_bytes(document.read_bytes().replace(b"not signed in time", b"too late"))
    said = "changed: statemachines/published/small/1/workflow.json is not what was published"
    assert [finding.startswith(said) for finding in compiled(folder, NEXT, check=True)] == [True]
    with pytest.raises(PublishedVersionChanged, match="restore it"):
        compiled(folder, NEXT)


TAMPERED = (
    "changed: statemachines/published/small/1/workflow.json is not what was published (restore it from version control)"
)


@pytest.mark.parametrize("document", [b"{}", b"not JSON", None])
def test_the_newest_version_is_not_overwritten_when_it_was_tampered_with(folder: Path, document: bytes | None) -> None:
    compiled(folder, SMALL)
    file = folder / "small" / "1" / "workflow.json"
    file.write_bytes(file.read_bytes().replace(b"not signed in time", b"too late") if document is None else document)
    before = contents(folder)
    assert compiled(folder, SMALL, check=True) == [TAMPERED]
    with pytest.raises(PublishedVersionChanged, match="is not what was published"):
        compiled(folder, SMALL)
    assert contents(folder) == before


def test_a_document_that_is_only_written_otherwise_is_stale(folder: Path) -> None:
    compiled(folder, SMALL)
    file = folder / "small" / "1" / "workflow.json"
    good = file.read_bytes()
    file.write_bytes(good.replace(b"  ", b" "))
    assert compiled(folder, SMALL) == ["statemachines/published/small/1/workflow.json"]
    assert file.read_bytes() == good


# ── verifying ────────────────────────────────────────────────────────────────────────────────────────────────────────────
FAULTY = GOOD.model_copy(
    update={"states": tuple(s.model_copy(update={"deadline": None}) if s.name == "treated" else s for s in GOOD.states)}
)


def test_a_workflow_with_a_fault_is_not_published_and_nothing_is_written(folder: Path) -> None:
    with pytest.raises(Faulty) as refused:
        compile_workflows(False, workflows=(FETCH, FAULTY), folder=folder)
    for part in ("BTN-401 error", "“Treated”", "at:       good, state treated", "mend:"):
        assert part in str(refused.value)
    assert contents(folder) == {}
    said = compile_workflows(True, workflows=(FETCH, FAULTY), folder=folder)
    assert any("BTN-401 error" in line for line in said)
    assert compile_workflows(False, workflows=(FETCH, GOOD), folder=folder)
    assert compile_workflows(True, workflows=(FETCH, GOOD), folder=folder) == []


def test_a_new_version_with_a_fault_is_not_published_either(folder: Path) -> None:
    compile_workflows(False, workflows=(FETCH, GOOD), folder=folder)
    before = contents(folder)
    with pytest.raises(Faulty, match="BTN-401"):
        compile_workflows(False, workflows=(FETCH, FAULTY.model_copy(update={"version": 2})), folder=folder)
    assert contents(folder) == before


def set_above(parameter: Parameter) -> list[str]:
    """Our facilities that set the parameter above its default."""
    settings = {f.facility: f.parameters.get("oxygen", {}).get(parameter.name) for f in facilities().values()}
    return [name for name, value in settings.items() if value is not None and value > parameter.default]  # type: ignore[operator]


def test_a_fault_at_one_of_our_facilities_is_found_and_so_is_one_at_none() -> None:
    oxygen = WORKFLOWS["oxygen"]
    assert found(oxygen, WORKFLOWS) == ()
    parameter = next(p for p in oxygen.parameters if p.maximum is not None and set_above(p))
    narrow = parameter.model_copy(update={"maximum": parameter.default})
    narrower = tuple(narrow if p.name == narrow.name else p for p in oxygen.parameters)
    (fault,) = found(oxygen.model_copy(update={"parameters": narrower}), WORKFLOWS)
    assert fault.code == "BTN-802"
    assert set(fault.place.facilities) == set(set_above(parameter))
    assert "BTN-401" in {finding.code for finding in found(FAULTY, {"fetch": FETCH})}


def test_a_workflow_is_checked_under_our_facilities_and_under_its_own_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def check(definition: Definition, policies: Sequence[Policy] = (), **more: Any) -> Report:
        asked.append([policy.facility for policy in policies])
        return verifier.check(definition, policies, **more)

    monkeypatch.setattr(local.check, "check", check)
    found(WORKFLOWS["oxygen"], WORKFLOWS)
    assert asked == [list(facilities()), []]


def test_a_warning_is_shown_and_keeps_nothing_back(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    warned = saying(Finding("BTN-508", Severity.WARNING, Place("small"), "hill names no shifts.", "Name them."))
    assert compile_workflows(False, workflows=(SMALL,), folder=folder, verify=warned)
    assert "BTN-508 warning  hill names no shifts." in capsys.readouterr().err
    assert compile_workflows(True, workflows=(SMALL,), folder=folder, verify=warned) == []


# ── releasing ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_releasing_lists_what_is_published_once(folder: Path) -> None:
    compiled(folder, SMALL)
    line = f"small 1 {digest(SMALL)}"
    assert released(folder, SMALL) == [line]
    assert (folder / loader.RELEASED).read_text() == f"{line}\n"
    assert released(folder, SMALL) == []
    compiled(folder, NEXT)
    assert released(folder, NEXT) == [f"small 2 {digest(NEXT)}"]
    assert loader.released(folder) == {("small", 1): digest(SMALL), ("small", 2): digest(NEXT)}
    assert compiled(folder, NEXT, check=True) == []


def test_only_the_named_workflows_are_released(folder: Path) -> None:
    other = SMALL.model_copy(update={"workflow": "other"})
    compiled(folder, SMALL, other)
    assert released(folder, SMALL, other, names=("other",)) == [f"other 1 {digest(other)}"]
    with pytest.raises(NotReleasable, match="not published: nothing"):
        released(folder, SMALL, other, names=("nothing",))


def test_what_is_not_current_is_not_released(folder: Path) -> None:
    compiled(folder, SMALL)
    (folder / "small/1/asl.json").write_text("{}")
    with pytest.raises(NotReleasable, match=r"stale: statemachines/published/small/1/asl\.json"):
        released(folder, SMALL)
    assert not (folder / loader.RELEASED).exists()


def test_a_released_version_does_not_change_though_all_its_files_were_changed_with_its_source(folder: Path) -> None:
    compiled(folder, SMALL)
    released(folder, SMALL)
    lines = (folder / loader.RELEASED).read_bytes()
    shutil.rmtree(folder / "small")
    (changed,) = (line for line in compiled(folder, CHANGED, check=True) if not line.startswith("missing:"))
    assert changed.startswith("changed: small 1 is released with other content than its source has")
    assert changed.endswith("A released version never changes: give the workflow a new version")
    with pytest.raises(PublishedVersionChanged, match="never changes"):
        compiled(folder, CHANGED)
    elsewhere = folder.parents[1] / "elsewhere" / "statemachines" / "published"
    elsewhere.mkdir(parents=True)
    compiled(elsewhere, CHANGED)
    shutil.copytree(elsewhere / "small", folder / "small")
    said = compiled(folder, CHANGED, check=True)
    assert "changed: statemachines/published/small/1/workflow.json is not what was released" in said[0]
    with pytest.raises(PublishedVersionChanged, match="is not what was released"):
        compiled(folder, CHANGED)
    assert (folder / loader.RELEASED).read_bytes() == lines


def test_a_released_version_is_not_removed(folder: Path) -> None:
    compiled(folder, SMALL)
    released(folder, SMALL)
    compiled(folder, NEXT)
    shutil.rmtree(folder / "small" / "1")
    said = "missing: statemachines/published/small/1 is released (restore it from version control)"
    assert compiled(folder, NEXT, check=True) == [said]
    with pytest.raises(PublishedVersionChanged, match="small/1 is released"):
        compiled(folder, NEXT)
    compiled(folder, SMALL)
    assert compiled(folder, SMALL, check=True) == [], "what was released, from its own source"


def test_the_loader_reads_no_released_version_that_was_changed(loaded: Path) -> None:
    (loaded / loader.RELEASED).write_text(f"small 1 {digest(SMALL)}\nsmall 2 {digest(SMALL)}\n")
    assert loader.published("small", 1) == SMALL
    with pytest.raises(loader.ChangedAfterPublishing, match="released is"):
        loader.published("small", 2)


@pytest.mark.parametrize("line", ["small 1", "small one abc", "small 1 abc\nsmall 1 def", ""])
def test_a_list_that_cannot_be_read_is_told_by_its_line(folder: Path, line: str) -> None:
    (folder / loader.RELEASED).write_text(f"# a remark\n{line}\n")
    with pytest.raises(loader.MalformedReleases, match=r"RELEASED, line [23]: "):
        loader.released(folder)


# ── reading ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def loaded(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The loader reads what is compiled into an empty place: version 1 and 2 of one workflow, version 1 of another."""
    compiled(folder, SMALL)
    compiled(folder, NEXT, a_workflow((OPEN, DONE), (T("T-1", None, on=OxygenOrdered, to=OPEN, because="x"),), "other"))
    monkeypatch.setattr(loader, "FOLDER", folder)
    forget()
    return folder


def forget() -> None:
    for cached in (loader.versions, loader.published, loader.events_of):
        cached.cache_clear()


@pytest.fixture(autouse=True)
def _forget_afterwards() -> Iterator[None]:
    yield
    forget()


@pytest.mark.usefixtures("loaded")
def test_the_loader_knows_versions_definitions_and_events() -> None:
    assert loader.versions() == (("other", 1), ("small", 1), ("small", 2))
    assert loader.published("small", 1) == SMALL
    assert loader.published("small", 2) == NEXT
    assert loader.published("small", 1) is loader.published("small", 1)
    assert loader.events_of()["oxygen_ordered"] == (("other", 1), ("small", 1), ("small", 2))
    assert "note_written" not in loader.events_of()


@pytest.mark.usefixtures("loaded")
def test_a_version_that_is_not_published_is_named_with_those_that_are() -> None:
    with pytest.raises(loader.NotPublished, match="small 3 is not published; published: other 1, small 1, small 2"):
        loader.published("small", 3)


def test_a_definition_that_is_not_the_pinned_one_is_not_loaded(loaded: Path) -> None:
    (loaded / "small/1/digest").write_text(digest(CHANGED) + "\n")
    with pytest.raises(loader.ChangedAfterPublishing, match="small 1"):
        loader.published("small", 1)


def test_versions_are_in_order_of_their_number(loaded: Path) -> None:
    shutil.copytree(loaded / "small" / "2", loaded / "small" / "10")
    forget()
    assert [number for name, number in loader.versions() if name == "small"] == [1, 2, 10]


def test_reading_a_published_version_needs_neither_catalog_nor_compiler() -> None:
    """Lambda functions load as little as they use."""
    code = (
        "import sys; from statemachines.published import published, versions; [published(*v) for v in versions()];"
        "print([m for m in sys.modules if m.split('.')[0] in ('events', 'local', 'subprocess')"
        " or m.startswith(('statemachines.language', 'statemachines.compile', 'statemachines.workflows'))])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", timeout=60, check=True)
    assert ran.stdout.strip() == "[]"
