"""The contents of the packages: the sheet, the type marker and the program; and the declared requirements."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tarfile
from email.parser import Parser
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from handinger_tui.ui.app import STYLESHEET
from tests.house.project import PACKAGE, ROOT, pyproject, python_files, tree
from tests.house.test_release import VERSION, load

HERE = ("hygiene", "readme", "packaging", "documents", "release", "weight")
BUILT = VERSION.version()
# Distribution → the name it is imported by, where they differ.
IMPORT_NAMES = {
    "agent-client-protocol": "acp",
    "httpx-sse": "httpx_sse",
    "markdown-it-py": "markdown_it",
    "pillow": "PIL",
}
# Declared, though another package imports them: pyproject.toml says which.
NEVER_IMPORTED = {"python-multipart", "linkify-it-py"}


def build(target: str, source: Path, folder: Path) -> Path:
    """Build a wheel or sdist with the hatchling at hand: no isolation, no network."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)]
    ended = subprocess.run(command, cwd=source, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> ZipFile:
    """The wheel, built from the tree."""
    return ZipFile(build("wheel", ROOT, tmp_path_factory.mktemp("wheel")))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The source archive, unpacked."""
    archive = build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))
    folder = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    (top,) = folder.iterdir()
    return top


def test_the_sheet_is_in_the_wheel_byte_for_byte(wheel: ZipFile) -> None:
    assert wheel.read("handinger_tui/styles.tcss") == (ROOT / "styles.tcss").read_bytes()


def test_a_checkout_uses_the_sheet_at_its_top() -> None:
    assert ROOT / "styles.tcss" == STYLESHEET
    assert not (PACKAGE / "styles.tcss").exists(), "a second copy would win over the one that is edited"


def test_the_wheel_holds_the_package_and_its_manual_page_and_nothing_else(wheel: ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    data = f"handinger_tui-{BUILT}.data"
    assert tops == {"handinger_tui", f"handinger_tui-{BUILT}.dist-info", data}
    page = f"{data}/data/share/man/man1/handinger-tui.1"
    assert [name for name in wheel.namelist() if name.startswith(data)] == [page]
    assert b".SS costs" in wheel.read(page)
    assert "handinger_tui/py.typed" in wheel.namelist()


def test_every_module_is_in_the_wheel(wheel: ZipFile) -> None:
    modules = {path.relative_to(ROOT).as_posix() for path in python_files(PACKAGE)}
    assert modules <= set(wheel.namelist())


def test_the_wheel_has_its_metadata(wheel: ZipFile) -> None:
    folder = f"handinger_tui-{BUILT}.dist-info"
    metadata = Parser().parsestr(wheel.read(f"{folder}/METADATA").decode())
    assert metadata["Version"] == BUILT
    assert f'__version__ = "{BUILT}"' in wheel.read("handinger_tui/_build.py").decode(), "what --version says"
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert f"{folder}/licenses/LICENSE" in wheel.namelist()
    script = "handinger-tui = handinger_tui.cli.main:main"
    assert script in wheel.read(f"{folder}/entry_points.txt").decode().splitlines()


@pytest.mark.parametrize("home", ["", "https://forge.example/team/tui"])
@pytest.mark.parametrize(("number", "place"), [("0.2.0", "v0.2.0"), ("0.3.0.dev0+ab", "HEAD")])
def test_where_the_repository_is_known_a_package_page_leads_there(
    home: str, number: str, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REPOSITORY_URL", home)
    metadata: dict[str, Any] = {"version": number}
    load("build_hook").PageHook(str(ROOT), {}).update(metadata)
    text = metadata["readme"]["text"]
    links = re.findall(r"\]\(([^)#]+)", text)
    away = [link for link in links if not link.startswith("https://")]
    assert len(links) > 30
    assert (bool(away), "urls" in metadata) == (not home, bool(home))
    if home:
        assert f"({home}/raw/{place}/screenshots/answer.png)" in text
        assert f"({home}/blob/{place}/docs/security.md)" in text
        assert all(address.startswith(home) for address in metadata["urls"].values())
    else:
        assert text == (ROOT / "README.md").read_text("utf-8")


def test_the_source_archive_builds_the_same_wheel(wheel: ZipFile, sdist: Path, tmp_path: Path) -> None:
    again = ZipFile(build("wheel", sdist, tmp_path))
    assert sorted(again.namelist()) == sorted(wheel.namelist())
    assert again.read("handinger_tui/styles.tcss") == wheel.read("handinger_tui/styles.tcss")
    assert (sdist / "tests" / "house").is_dir()
    assert not [*(sdist / "screenshots").glob("*.png")]


def test_the_source_archive_passes_its_own_tests(sdist: Path) -> None:
    """Those that read files beside the package; all others read the same in both places."""
    files = [f"tests/house/test_{name}.py" for name in HERE]
    # By name: this very test would unpack archives for ever.
    names = (
        "top_level",
        "no_registry",
        "no_lock",
        "theme_variables",
        "test_readme",
        "test_the_lock",
        "bounded",
        "what_a_document_names",
        "number_of_its_own",
    )
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        *files,
        "-k",
        " or ".join(names),
    ]
    ended = subprocess.run(command, cwd=sdist, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr
    assert re.search(r"\b[1-9]\d+ passed", ended.stdout)


def requirements() -> list[str]:
    """All requirements of the project: run time and test."""
    project = pyproject()["project"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    return [*project["dependencies"], *(without_extra(line) for lines in extras.values() for line in lines)]


def without_extra(requirement: str) -> str:
    """ "psycopg>=3.2" for "psycopg[binary]>=3.2"."""
    return re.sub(r"\[.*?\]", "", requirement)


@pytest.mark.parametrize("requirement", requirements())
def test_a_requirement_is_bounded_on_both_sides(requirement: str) -> None:
    assert re.fullmatch(r"[a-z0-9-]+>=[0-9.]+,<[0-9.]+", requirement)


def test_the_group_for_uv_is_the_extra_by_name() -> None:
    assert pyproject()["dependency-groups"]["dev"] == ["handinger-tui[test]"]


def imported() -> set[str]:
    """Top-level names that the package imports and that are neither its own nor the standard library's."""
    names: set[str] = set()
    for path in python_files(PACKAGE):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add((node.module or "").split(".")[0])
    return names - sys.stdlib_module_names - {"handinger_tui"}


def test_declared_requirements_are_the_imported_ones() -> None:
    project = pyproject()["project"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    optional = [line for name, lines in extras.items() if name not in ("test", "docs") for line in lines]
    optional = [without_extra(line) for line in optional]
    declared = {line.split(">=")[0] for line in [*project["dependencies"], *optional]} - NEVER_IMPORTED
    assert imported() == {IMPORT_NAMES.get(name, name) for name in declared}


def test_the_test_requirements_include_every_extra() -> None:
    extras: dict[str, list[str]] = pyproject()["project"]["optional-dependencies"]
    test = extras.pop("test")
    # Tests have a key store of their own, and the site is built elsewhere.
    del extras["keystore"], extras["docs"]
    assert all(line in test for lines in extras.values() for line in lines)


def numbers(version: str) -> tuple[int, ...]:
    """`8.2.10` as (8, 2, 10), so that versions compare by number."""
    return tuple(int(part) for part in version.split("."))


def of_tests() -> list[str]:
    """Those that the tests need. They have a key store of their own, and build no site."""
    extras = pyproject()["project"]["optional-dependencies"]
    return [one for one in requirements() if one not in (*extras["keystore"], *extras["docs"])]


@pytest.mark.parametrize("requirement", of_tests())
def test_the_lock_for_repeatable_installs_is_within_bounds(requirement: str) -> None:
    name, low, high = re.split(r">=|,<", requirement)
    lock = (ROOT / ".ci" / "requirements.lock").read_text("utf-8")
    (locked,) = re.findall(rf"^{name}==([0-9.]+)", lock, re.MULTILINE)
    assert numbers(low) <= numbers(locked) < numbers(high)
