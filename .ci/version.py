"""The version of a build, and what a release changes in the source.

A release has the number of the source, and `.ci/released` has the digest of what it was made of. Between two
releases the number ends in `.dev0`; a build adds the digest, so that pip replaces one build by any other.
Nothing of this needs git: source archives and `git archive` build the same.

`python3 .ci/version.py` prints the version; with a number it gives the source that number and today's date.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
import tomllib
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
UNRELEASED = "## Unreleased"
DEVELOPMENT = ".dev0"
NUMBER = re.compile(r'^ *__version__ = "([0-9.]+(?:\.dev0)?)"$', re.MULTILINE)


def number(root: Path = ROOT) -> str:
    """The number in the source."""
    (found,) = NUMBER.findall((root / "handinger_tui" / "__init__.py").read_text("utf-8"))
    return str(found)


def digest(root: Path = ROOT) -> str:
    """SHA-256 of all that a wheel is made of: the package, its sheet, and what pyproject.toml says of it."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    told = json.dumps([project["project"], project["build-system"]], sort_keys=True)
    sha = hashlib.sha256(told.encode())
    package = sorted((root / "handinger_tui").rglob("*"))
    for path in [*(one for one in package if one.is_file()), root / "styles.tcss"]:
        if "__pycache__" not in path.parts:
            content = path.read_bytes()
            sha.update(f"\n{path.relative_to(root).as_posix()} {len(content)}\n".encode() + content)
    return sha.hexdigest()


def version(root: Path = ROOT) -> str:
    """The version of a build: the number, and between releases what it is made of."""
    plain = number(root)
    return f"{plain}+{digest(root)[:12]}" if plain.endswith(DEVELOPMENT) else plain


def sections(root: Path = ROOT) -> list[tuple[str, str]]:
    """The sections of the changelog, newest first: a number and its date, or `Unreleased` and ""."""
    text = (root / "CHANGELOG.md").read_text("utf-8")
    return [(name, date or "") for name, date in re.findall(r"^## (\S+)(?: \((.+)\))?$", text, re.MULTILINE)]


def released(root: Path = ROOT) -> dict[str, str]:
    """The digest of each release."""
    lines = (root / ".ci" / "released").read_text("utf-8").splitlines()
    return dict(line.split() for line in lines if not line.startswith("#"))


def parts(text: str) -> tuple[int, ...]:
    """`0.10.0.dev0` as (0, 10, 0), so that numbers compare."""
    return tuple(map(int, text.removesuffix(DEVELOPMENT).split(".")))


def problems(root: Path = ROOT) -> list[str]:
    """What is wrong with number, changelog and digest; each problem says what to do."""
    plain, (top, *older) = number(root), sections(root)
    found = [
        f"CHANGELOG.md: {name} has no date."
        for name, date in (top, *older)
        if not date and name != "Unreleased"
    ]
    last = next((name for name, _ in (top, *older) if name != "Unreleased"), "0")
    if not plain.endswith(DEVELOPMENT):
        if top[0] != plain:
            found.append(f"The source is the release {plain}, and the changelog begins with {top[0]}.")
        if released(root).get(plain) != digest(root):
            found.append(
                f"The package has changed since the release {plain}. Set __version__ to the next number and"
                f' {DEVELOPMENT} in handinger_tui/__init__.py, and begin CHANGELOG.md with "{UNRELEASED}".'
            )
    elif top[0] != "Unreleased" or parts(plain) <= parts(last):
        found.append(f"{plain} must be above {last}, and CHANGELOG.md must begin with {UNRELEASED}.")
    return found


def release(wanted: str, root: Path = ROOT) -> None:
    """Give the source the number of a release, date the changelog, and note the digest.

    Raises:
        ValueError: the source is no state between releases, or the number is not the one it leads to.
    """
    if wrong := problems(root):
        raise ValueError(" ".join(wrong))
    plain = number(root)
    if not plain.endswith(DEVELOPMENT) or parts(wanted) < parts(plain):
        raise ValueError(f"The source is {plain}; {wanted} cannot be its next release.")
    source, changelog = root / "handinger_tui" / "__init__.py", root / "CHANGELOG.md"
    source.write_text(source.read_text("utf-8").replace(f'"{plain}"', f'"{wanted}"'), "utf-8")
    today = datetime.now(UTC).date().isoformat()
    text = changelog.read_text("utf-8").replace(UNRELEASED, f"## {wanted} ({today})", 1)
    changelog.write_text(text, "utf-8")
    with (root / ".ci" / "released").open("a", encoding="utf-8") as record:
        record.write(f"{wanted} {digest(root)}\n")


if __name__ == "__main__":
    if sys.argv[1:]:
        try:
            release(sys.argv[1])
        except ValueError as problem:
            sys.exit(str(problem))
    sys.stdout.write(f"{version()}\n")
