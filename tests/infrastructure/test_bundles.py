"""The functions' zip files: complete, with nothing in them that they do not need, and equal for equal input."""

from __future__ import annotations

import hashlib
import json
import os
import re
import struct
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

from cdk.bundling import PackagesMissingError, bundle
from cdk.grants import FUNCTIONS, Actor
from cdk.imports import PACKAGES, NoSuchModuleError
from cdk.target import ROOT, Target, runtime
from tests.infrastructure.conftest import STACK
from tests.infrastructure.template import Template, of_type

RUNTIME_HAS = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six.py", "urllib3")
"""What AWS's Python runtime brings: boto3 and what it stands on."""

SPEAK_FHIR = {Actor.WORK, Actor.WRITEBACK}

ELF_MACHINES = {"arm64": 183, "x86_64": 62}

IMPORTING = """
import importlib, json, sys
sys.path[:0] = [sys.argv[1], *sys.argv[3:]]
module, _, name = sys.argv[2].rpartition(".")
handler = getattr(importlib.import_module(module), name)
loaded = {getattr(each, "__file__", None) for each in list(sys.modules.values())}
print(json.dumps({"callable": callable(handler), "loaded": sorted(file for file in loaded if file)}))
"""


def _contents(function: Actor, target: Target) -> list[str]:
    with zipfile.ZipFile(bundle(function, target).path) as zipped:
        assert zipped.testzip() is None
        return zipped.namelist()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_handler_imports_with_nothing_beside_it_but_what_the_runtime_has(function: Actor, tmp_path: Path) -> None:
    made = bundle(function, Target.LOCAL)
    code, runtime_packages = tmp_path / "code", tmp_path / "runtime"
    with zipfile.ZipFile(made.path) as zipped:
        zipped.extractall(code)
    runtime_packages.mkdir()
    for name in RUNTIME_HAS:
        (runtime_packages / name).symlink_to(Path(sysconfig.get_path("purelib")) / name)
    # No site-packages (-S), nothing of the environment (-I): as on Lambda, the bundle comes first.
    command = [sys.executable, "-I", "-S", "-c", IMPORTING, str(code), made.handler, str(runtime_packages)]
    settings = {"AWS_DEFAULT_REGION": "us-east-1", "AWS_LAMBDA_FUNCTION_NAME": f"{STACK}-{function}"}
    done = subprocess.run(command, env=settings, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["callable"]
    loaded = {Path(file).relative_to(code).as_posix() for file in said["loaded"] if file.startswith(f"{code}{os.sep}")}
    ours = {name for name in _contents(function, Target.LOCAL) if _ours(name) and name.endswith(".py")}
    assert ours - loaded == set(), "in the bundle, never imported"


def _ours(name: str) -> bool:
    return name.partition("/")[0] in PACKAGES


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_bundle_holds_nothing_that_its_function_does_not_need(function: Actor, target: Target) -> None:
    names = _contents(function, target)
    assert len(names) == len(set(names))
    tops = {name.partition("/")[0] for name in names}
    assert not tops & {"boto3", "botocore", "s3transfer", "urllib3", "bin", "tests", "cdk", "local"}
    assert ("fhir" in tops) is (function in SPEAK_FHIR)
    others = {str(each) for each in FUNCTIONS} - {str(function)}
    assert not {name for name in names if name.startswith("functions/") and name.split("/")[1] in others}
    assert not [name for name in names if re.search(r"(^|/)tests?/|\.dist-info/|\.pyi$|(^|/)STU3/|\.c$", name)]
    modules = {name for name in names if name.startswith("statemachines/") and name.endswith(".py")}
    assert not [
        name for name in modules if re.match(r"statemachines/(language|compile|verify|workflows)(/|\.py)", name)
    ]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_published_workflows_travel_with_their_digests_and_nothing_else(function: Actor, target: Target) -> None:
    data = {name for name in _contents(function, target) if _ours(name) and not name.endswith((".py", ".pyc"))}
    assert data
    for name in data:
        assert re.fullmatch(r"statemachines/published/[a-z_]+/\d+/(workflow\.json|digest)", name)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_native_modules_for_aws_are_those_of_its_runtime(function: Actor) -> None:
    wanted = runtime(Target.AWS)
    tag = f"cpython-{wanted.python.replace('.', '')}"
    with zipfile.ZipFile(bundle(function, Target.AWS).path) as zipped:
        native = [name for name in zipped.namelist() if name.endswith(".so")]
        assert native
        for name in native:
            (machine,) = struct.unpack_from("<H", zipped.read(name), 18)
            assert machine == ELF_MACHINES[wanted.architecture]
            assert tag in name or ".abi3." in name


@pytest.mark.parametrize("function", FUNCTIONS)
def test_compiled_modules_are_the_target_s_and_valid_without_times(function: Actor, target: Target) -> None:
    tag = f".cpython-{runtime(target).python.replace('.', '')}.pyc"
    with zipfile.ZipFile(bundle(function, target).path) as zipped:
        sources = {name for name in zipped.namelist() if name.endswith(".py")}
        compiled = {name for name in zipped.namelist() if name.endswith(".pyc")}
        if target is Target.LOCAL:
            assert len(compiled) == len(sources)
        for name in compiled:
            assert name.endswith(tag)
            (flags,) = struct.unpack_from("<I", zipped.read(name), 4)
            assert flags == 0b01  # by hash, unchecked: PEP 552


def test_templates_use_these_bundles(target: Target, template: Template) -> None:
    assets = {str(each["Code"]["S3Key"]) for each in of_type(template, "AWS::Lambda::Function").values()}
    # The CDK hashes a given hash once more.
    hashes = {hashlib.sha256(bundle(function, target).hash.encode()).hexdigest() for function in FUNCTIONS}
    assert assets == {f"{each}.zip" for each in hashes}
    handlers = {str(each["Handler"]) for each in of_type(template, "AWS::Lambda::Function").values()}
    assert handlers == {f"functions.{function}.handler.handler" for function in FUNCTIONS}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small project with one function."""
    files = {
        "functions/__init__.py": "",
        "functions/one/__init__.py": "",
        "functions/one/handler.py": "from events import used\n",
        "events/__init__.py": "",
        "events/used.py": "value = 1\n",
        "events/unused.py": "",
        "requirements/lambda-core.txt": "package==1\n",
        ".bundles/local/lambda-core/package/__init__.py": "",
        ".bundles/local/lambda-core/package-1.dist-info/METADATA": "",
    }
    return _written(tmp_path / "one", files)


def _written(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def test_equal_input_gives_an_equal_zip_wherever_and_whenever(tree: Path, tmp_path: Path) -> None:
    first = bundle("one", Target.LOCAL, tree)
    bytes_then = first.path.read_bytes()
    elsewhere = tmp_path / "another place"
    for file in tree.rglob("*"):
        if file.is_file() and "zips" not in file.parts:
            _written(elsewhere, {file.relative_to(tree).as_posix(): file.read_text()})
    second = bundle("one", Target.LOCAL, elsewhere)
    assert (second.hash, second.path.read_bytes()) == (first.hash, bytes_then)


@pytest.mark.parametrize(
    ("changed", "matters"),
    [
        ("events/used.py", True),
        ("functions/one/__init__.py", True),
        ("requirements/lambda-core.txt", True),
        (".bundles/local/lambda-core/package/__init__.py", True),
        ("events/unused.py", False),
        (".bundles/local/lambda-core/package-1.dist-info/METADATA", False),
    ],
)
def test_a_bundle_s_hash_follows_what_is_in_it(tree: Path, changed: str, matters: bool) -> None:
    before = bundle("one", Target.LOCAL, tree).hash
    (tree / changed).write_text("# changed\n")
    assert (bundle("one", Target.LOCAL, tree).hash != before) is matters


def test_what_exists_is_not_made_again(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = bundle("one", Target.LOCAL, tree)

    def refused(*_: object, **__: object) -> None:
        raise AssertionError("made again")

    monkeypatch.setattr("cdk.bundling._append", refused)
    assert bundle("one", Target.LOCAL, tree) == made


def test_bundles_that_nobody_used_for_an_hour_are_removed(tree: Path) -> None:
    old = bundle("one", Target.LOCAL, tree).path
    os.utime(old, (0, 0))
    (tree / "events/used.py").write_text("value = 2\n")
    new = bundle("one", Target.LOCAL, tree).path
    assert (old.exists(), new.exists()) == (False, True)


def test_a_function_without_a_handler_is_refused(tree: Path) -> None:
    with pytest.raises(NoSuchModuleError, match=r"functions\.two\.handler"):
        bundle("two", Target.LOCAL, tree)


def test_before_the_packages_are_installed_it_says_how(tree: Path) -> None:
    with pytest.raises(PackagesMissingError, match="make setup"):
        bundle("one", Target.AWS, tree)


def test_the_locks_are_those_of_the_project() -> None:
    for lock in ("lambda-core", "lambda-fhir"):
        assert "--hash=sha256:" in (ROOT / "requirements" / f"{lock}.txt").read_text()
