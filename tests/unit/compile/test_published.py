"""What is published: complete, current, pinned by hash, and readable by a Lambda function that has no compiler."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from events.catalog import OxygenOrdered
from local.compile import PublishedVersionChanged, compile_workflows
from statemachines import published as loader
from statemachines.definition import Definition, digest, load
from statemachines.language import T
from statemachines.workflows import WORKFLOWS
from tests.unit.compile.examples import DONE, OPEN, SMALL, a_workflow

FILES = {"workflow.json", "digest", "asl.json", "diagram.svg", "diagram.mmd", "handoffs.md", "handoffs.csv"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty place for published versions, as deep in its checkout as the real one."""
    place = tmp_path / "statemachines" / "published"
    place.mkdir(parents=True)
    return place


def compiled(folder: Path, *workflows: Definition, check: bool = False) -> list[str]:
    return compile_workflows(check, workflows=workflows, folder=folder)


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


@pytest.mark.parametrize("name", sorted(FILES - {"digest"}))
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
    with pytest.raises(PublishedVersionChanged, match="delete statemachines/published/small/1"):
        compiled(folder, CHANGED)
    assert contents(folder) == before
    shutil.rmtree(folder / "small" / "1")
    assert compiled(folder, CHANGED)


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
