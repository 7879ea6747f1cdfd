"""What a module needs is read from its source."""

from __future__ import annotations

from pathlib import Path

import pytest

from cdk.imports import NoSuchModuleError, needs


def _tree(root: Path, **modules: str) -> Path:
    for name, source in modules.items():
        place = root.joinpath(*name.split("__"))
        place.parent.mkdir(parents=True, exist_ok=True)
        for folder in place.relative_to(root).parents:
            if folder != Path():
                (root / folder / "__init__.py").touch()
        place.with_suffix(".py").write_text(source)
    return root


def _names(root: Path, module: str) -> set[str]:
    return {file.relative_to(root).as_posix() for file in needs(root, module).files}


def test_modules_are_followed_through_every_form_of_import(tmp_path: Path) -> None:
    root = _tree(
        tmp_path,
        functions__one__handler="import events.first\nfrom statemachines import second\nfrom events.third import something\n",
        events__first="def later():\n    from events import fourth\n",
        events__third="something = 1\n",
        events__fourth="",
        events__unused="",
        statemachines__second="",
    )
    assert _names(root, "functions.one.handler") == {
        "events/__init__.py",
        "events/first.py",
        "events/fourth.py",
        "events/third.py",
        "functions/__init__.py",
        "functions/one/__init__.py",
        "functions/one/handler.py",
        "statemachines/__init__.py",
        "statemachines/second.py",
    }


def test_what_only_types_need_is_left_out(tmp_path: Path) -> None:
    for_types = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import events.one\n    import stubs\n"
    source = f"{for_types}else:\n    import events.two\n"
    root = _tree(tmp_path, functions__handler=source, events__one="", events__two="")
    found = needs(root, "functions.handler")
    assert "events/two.py" in _names(root, "functions.handler")
    assert "events/one.py" not in _names(root, "functions.handler")
    assert "stubs" not in found.others


def test_other_packages_are_named_by_their_top_level(tmp_path: Path) -> None:
    root = _tree(tmp_path, functions__handler="import os.path\nfrom fhir.resources.R4B.task import Task\n")
    assert needs(root, "functions.handler").others == {"os", "fhir"}


def test_a_module_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(NoSuchModuleError, match=r"functions\.none\.handler"):
        needs(tmp_path, "functions.none.handler")
