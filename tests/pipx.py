"""An empty machine that has only pipx, from the first install to a damaged downgrade: `python -m tests.pipx`.

A new home, and an index of packages in a folder. Version N is this source; N+1 has one more migration of the
history. N is installed and makes a history in both generations; N+1 is published, and pipx upgrades. All sums
are equal to the digit, N refuses the history of N+1 in words, Tab completes in each shell that is here, man
shows the page without a warning, and real documents of the installed program are as its schemas say. About
eight minutes; the network is used for pipx and the dependencies. `--of-each`: documents of each kind.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.e2e.terminal import terminal
from tests.house.project import ROOT
from tests.upgrade import Place, build, make_history, refused_in_words, run, sums

NAME: Final = "handinger-tui"
OLD: Final = "0.98.0"
NEW: Final = "0.99.0"
MIGRATION: Final = '\nMIGRATIONS = (*MIGRATIONS, ("CREATE TABLE of_the_next (value INTEGER)",))\n'
"""What N+1 has and N does not know."""
HELPERS: Final = ("pip", "jsonschema")
"""What the journey needs besides: the pip that pipx keeps for all, and the validator of the documents."""
SHELLS: Final = {
    "bash": (".bashrc", 'eval "$(handinger-tui completion bash)"', "bash --noprofile -i"),
    "zsh": (
        ".zshrc",
        'autoload -U compinit && compinit -u\neval "$(handinger-tui completion zsh)"',
        "zsh -i",
    ),
    "fish": (".config/fish/config.fish", "handinger-tui completion fish | source", "fish -i"),
}
"""The file of a shell, what `handinger-tui completion --help` says to write there, and its start."""


def source_of(version: str, work: Path, migration: str = "") -> Path:
    """This source, as if it were that release."""
    source = work / f"source-{version}"
    skipped = shutil.ignore_patterns(".git", ".venv", "build", "dist", "__pycache__", "*.png", ".*_cache")
    shutil.copytree(ROOT, source, ignore=skipped)
    number = source / "handinger_tui" / "__init__.py"
    number.write_text(re.sub(r'(__version__ = )"[^"]+"', rf'\1"{version}"', number.read_text("utf-8")))
    with (source / "handinger_tui" / "ledger" / "migrations.py").open("a") as migrations:
        migrations.write(migration)
    return source


class Index:
    """An index of packages in a folder, as pip reads one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = folder.as_uri()

    def publish(self, *wheels: Path) -> None:
        for wheel in wheels:
            package = self.folder / re.sub(r"[-_.]+", "-", wheel.name.split("-")[0]).lower()
            package.mkdir(parents=True, exist_ok=True)
            shutil.copy(wheel, package)
            links = "".join(f'<a href="{one.name}">{one.name}</a>' for one in sorted(package.glob("*.whl")))
            (package / "index.html").write_text(f"<!doctype html><title>{package.name}</title>{links}")


class Machine(Place):
    """A home in which nothing is but what pipx puts there."""

    def __init__(self, work: Path, pipx: Path, index: Index) -> None:
        home = work / "home"
        home.mkdir()
        bin_folder = home / ".local" / "bin"
        super().__init__(bin_folder / NAME, home)
        self.environ = {
            "HOME": str(home),
            "PATH": f"{bin_folder}:/usr/local/bin:/usr/bin:/bin",
            "LANG": "C.UTF-8",
            "PIP_INDEX_URL": index.url,
            "PIPX_DEFAULT_PYTHON": sys.executable,
        }
        self._pipx = pipx

    def pipx(self, *words: str) -> str:
        ended = run(str(self._pipx), *words, env=self.environ, cwd=self.home)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout

    @property
    def python(self) -> Path:
        """The interpreter of the environment that pipx made."""
        return self.home / ".local" / "share" / "pipx" / "venvs" / NAME / "bin" / "python"


def machine(work: Path) -> tuple[Machine, Index, Path]:
    """The machine, the index with version N and all that it needs, and the wheel of N+1."""
    tools = work / "tools"
    assert run(sys.executable, "-m", "venv", str(tools)).returncode == 0
    assert run(str(tools / "bin" / "pip"), "install", "--quiet", "pipx").returncode == 0
    old = build(source_of(OLD, work), work / "wheel-old")
    new = build(source_of(NEW, work, MIGRATION), work / "wheel-new")
    downloads = work / "downloads"
    got = run(str(tools / "bin" / "pip"), "download", "--quiet", "-d", str(downloads), str(old), *HELPERS)
    assert got.returncode == 0, got.stderr
    index = Index(work / "index")
    index.publish(*downloads.glob("*.whl"))
    return Machine(work, tools / "bin" / "pipx", index), index, new


def completes(place: Machine, tmux: str, shell: str) -> None:
    """Tab in a real terminal, typed by a person who has just set the shell up."""
    file, line, start = SHELLS[shell]
    path = place.home / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{line}\n")
    with terminal(tmux, 100, 30, place.home) as window:
        pairs = " ".join(f"{name}='{value}'" for name, value in place.environ.items())
        window.run_line(f"env -i TERM=xterm-256color {pairs} {start}")
        window.until(lambda screen: bool(re.search(r"[$%>#] *$", screen.rstrip())), "a prompt")
        window.type("handinger-tui costs --by se\t")
        window.shows("costs --by session")
        window.type("\x15")
        window.type("handinger-tui costs --by \t\t")
        window.until(lambda screen: "month" in screen and "worker" in screen, "what --by takes")


def read_page(place: Machine) -> int:
    """The number of lines that man shows, of which none is a warning."""
    environ = {**place.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8"}
    ended = run("man", "--warnings", NAME, env=environ)
    assert (ended.returncode, ended.stderr) == (0, ""), ended.stderr
    assert "--max-cost USD" in ended.stdout
    return len(ended.stdout.splitlines())


def real_documents(place: Machine, work: Path, of_each: int) -> str:
    """The last line of `tests.real_documents`, whose program is the installed one."""
    place.pipx("inject", NAME, "jsonschema")
    away = work / "away"
    away.mkdir()
    (away / "tests").symlink_to(ROOT / "tests")
    command = (str(place.python), "-m", "tests.real_documents", "--of-each", str(of_each))
    environ = place.environ | {"TMPDIR": os.environ.get("TMPDIR", "/tmp")}
    where = run(str(place.python), "-c", "import handinger_tui; print(handinger_tui.__file__)", cwd=away)
    assert str(place.home) in where.stdout, where
    ended = run(*command, env=environ, cwd=away)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout.splitlines()[-1].strip()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.pipx", description=__doc__)
    parser.add_argument("--of-each", type=int, default=200)
    of_each = parser.parse_args().of_each
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        place, index, new = machine(work)
        place.pipx("install", NAME)
        assert place.version == OLD
        make_history(place, "workers", "tasks")
        before, printed = sums(place), place.program("costs", "--json").stdout
        total = json.loads(printed)["total"]
        amounts = f"{total['cost_usd']} USD, {total['credits']} credits"
        print(f"{OLD} installed: {len(before['turns'])} turns, {amounts}")

        index.publish(new)
        place.pipx("upgrade", NAME)
        assert place.version == NEW
        assert sums(place) == before
        assert json.loads(place.program("costs", "--json").stdout)["total"] == total
        print(f"{OLD} → {NEW}: all sums equal to the digit")

        place.pipx("install", "--force", f"{NAME}=={OLD}")
        assert place.version == OLD
        assert refused_in_words(place)
        print(f"{NEW} → {OLD}: refused in words; the history is as it was")
        place.pipx("install", "--force", NAME)
        assert sums(place) == before

        tmux = shutil.which("tmux")
        for shell in SHELLS:
            if tmux and shutil.which(shell, path=place.environ["PATH"]):
                completes(place, tmux, shell)
                print(f"{shell}: Tab completes")
            else:
                print(f"{shell}: not here, so not tried")
        if shutil.which("man"):
            print(f"man {NAME}: {read_page(place)} lines, no warning")
        print(real_documents(place, work, of_each))


if __name__ == "__main__":
    main()
