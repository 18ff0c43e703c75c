"""Peers: other programs, measured in the same batch as ours.

A TOML file tells them, one table for each (`peers.example.toml` tells five). `argv` and
`ready` must be told:

    [rival]
    argv = ["{folder}/rival/bin/rival", "--workdir", "{home}/cwd"]
    ready = "Ask me"        # stands on the screen when the prompt does
    benches = ["start", "echo", "stream", "answers", "memory"]  # all five when not told
    submit = "\\r"           # the key that sends
    pause = 0.15            # seconds between a typed prompt and that key
    clear = "\\u0015"        # the keys that empty the box: Ctrl+U
    env = { RIVAL_HOME = "{home}/.rival", RIVAL_KEY = "x" }
    seed = ["{folder}/rival/bin/python", "-c", "…"]   # run once in the new home
    files = { ".rival/config.toml" = 'api_base = "{url}/v1"' }   # laid into it

`{folder}` is the file's own; `{url}` the paced service, which speaks OpenAI's chat
completions; `{home}` a home that a peer keeps for the whole batch, since its first
start there is not measured. It is started in `{home}/cwd`.
"""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks.targets import Kept, Target, bare

BENCHES: Final = ("start", "echo", "stream", "answers", "memory")
"""Benches that include peers."""
_WORDS: Final = {"argv", "ready", "benches", "submit", "pause", "clear", "env", "seed", "files"}


@dataclass(frozen=True)
class Peer:
    """A program and the benches it takes part in."""

    target: Target
    benches: tuple[str, ...]


def read_peers(path: Path) -> dict[str, dict[str, Any]]:
    """The tables of a file, nothing filled in yet.

    Raises:
        ValueError: it is not TOML, or has an unknown or lacks a required member.
        OSError: it cannot be read.
    """
    tables = tomllib.loads(path.read_text("utf-8"))
    for name, table in tables.items():
        if not isinstance(table, dict) or not table.get("argv") or not table.get("ready"):
            raise ValueError(f"{name} has no argv or no ready")
        if unknown := set(table) - _WORDS | set(table.get("benches", ())) - {*BENCHES}:
            raise ValueError(f"{name} tells {', '.join(sorted(unknown))}, which nobody asks for")
    return tables


def settle_in(tables: Mapping[str, dict[str, Any]], folder: Path, homes: Path, url: str) -> tuple[Peer, ...]:
    """Give each peer of a file in `folder` a home of its own below `homes`.

    Raises:
        OSError: a seed is not a program.
        CalledProcessError: a seed failed.
    """
    return tuple(_settled(name, table, folder, homes / name, url) for name, table in tables.items())


def _settled(name: str, table: dict[str, Any], folder: Path, home: Path, url: str) -> Peer:
    def filled(text: str) -> str:
        places = {"{folder}": folder.resolve(), "{home}": home, "{url}": url}
        for place, value in places.items():
            text = text.replace(place, str(value))
        return text

    work = home / "cwd"
    work.mkdir(parents=True)
    for place, text in table.get("files", {}).items():
        file = home / place
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(filled(text), "utf-8")
    environ = bare(home) | {word: filled(text) for word, text in table.get("env", {}).items()}
    if seed := _all(filled, table.get("seed", ())):
        subprocess.run(seed, env=environ, cwd=work, check=True, stdout=subprocess.DEVNULL)
    target = Target(
        name,
        _all(filled, table["argv"]),
        table["ready"],
        kept=Kept(work, environ),
        clear=table.get("clear", "\x15").encode(),
        enter=table.get("submit", "\r").encode(),
        pause_s=table.get("pause", 0.15),
    )
    return Peer(target, tuple(table.get("benches", BENCHES)))


def _all(filled: Callable[[str], str], texts: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(filled, texts))
