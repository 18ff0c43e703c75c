"""A version is never that of another content: pip would leave the old program in place."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path
from types import ModuleType

import pytest

from tests.house.project import ROOT


def load(name: str) -> ModuleType:
    """A module of `.ci`, which is no package."""
    spec = importlib.util.spec_from_file_location(name, ROOT / ".ci" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


VERSION = load("version")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A small source between two releases."""
    for name in (".ci", "handinger_tui"):
        (tmp_path / name).mkdir()
    (tmp_path / ".ci" / "released").write_text("# digests\n0.1.0 00\n")
    (tmp_path / "handinger_tui" / "__init__.py").write_text('__version__ = "0.2.0.dev0"\n')
    (tmp_path / "handinger_tui" / "program.py").write_text("print(1)\n")
    (tmp_path / "styles.tcss").write_text("")
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "CHANGELOG.md").write_text(
        "# Changelog\n\n## Unreleased\n\n- New.\n\n## 0.1.0 (2026-11-30)\n"
    )
    return tmp_path


def test_the_source_has_a_number_of_its_own_and_a_dated_changelog() -> None:
    assert VERSION.problems() == []


def test_every_change_of_the_package_is_another_version(source: Path) -> None:
    assert VERSION.problems(source) == []
    first = VERSION.version(source)
    assert re.fullmatch(r"0\.2\.0\.dev0\+[0-9a-f]{12}", first)
    (source / "handinger_tui" / "program.py").write_text("print(2)\n")
    second = VERSION.version(source)
    (source / "pyproject.toml").write_text((source / "pyproject.toml").read_text().replace(",<8.3", ",<8.4"))
    assert len({first, second, VERSION.version(source)}) == 3


def test_what_is_not_in_a_wheel_changes_no_version(source: Path) -> None:
    before = VERSION.version(source)
    (source / "handinger_tui" / "__pycache__").mkdir()
    (source / "handinger_tui" / "__pycache__" / "program.pyc").write_bytes(b"1")
    (source / "README.md").write_text("more")
    assert VERSION.version(source) == before


def test_a_release_is_dated_and_a_change_after_it_needs_the_next_number(source: Path) -> None:
    VERSION.release("0.2.0", source)
    assert VERSION.problems(source) == []
    assert VERSION.version(source) == "0.2.0"
    (name, date), *_ = VERSION.sections(source)
    assert name == "0.2.0"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", date)
    (source / "handinger_tui" / "program.py").write_text("print(2)\n")
    (problem,) = VERSION.problems(source)
    assert "The package has changed since the release 0.2.0" in problem
    number = source / "handinger_tui" / "__init__.py"
    number.write_text('__version__ = "0.2.0.dev0"\n')
    (problem,) = VERSION.problems(source)
    assert problem.startswith("0.2.0.dev0 must be above 0.2.0")


@pytest.mark.parametrize("number", ["0.1.0", "0.1.9"])
def test_a_number_does_not_go_back(source: Path, number: str) -> None:
    with pytest.raises(ValueError, match="cannot be its next release"):
        VERSION.release(number, source)


def test_a_section_without_a_date_is_refused(source: Path) -> None:
    changelog = source / "CHANGELOG.md"
    changelog.write_text(changelog.read_text().replace(" (2026-11-30)", ""))
    assert VERSION.problems(source) == ["CHANGELOG.md: 0.1.0 has no date."]


def test_what_is_published_is_what_the_release_script_built() -> None:
    workflow = (ROOT / ".github" / "workflows" / "release.yml").read_text("utf-8")
    assert "bash .ci/release\n" in workflow
    assert "REPOSITORY_URL: " in workflow
    assert "id-token: write" in workflow
    assert "secrets." not in workflow
