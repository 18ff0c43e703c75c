"""Completion in a shell, and the manual page."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from handinger_tui.cli.commands import SUBCOMMANDS
from handinger_tui.cli.commands.completion import SCRIPTS, candidates
from handinger_tui.cli.commands.man import page, roff
from tests.e2e.runner import run


def offered(*words: str) -> list[str]:
    return [word for word, _ in candidates(words)]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("cos",), ["costs"]),
        (("costs", "--b"), ["--by", "--budget"]),
        (("costs", "--by", "m"), ["month", "model"]),
        (("files", ""), ["list", "get"]),
        (("sessions", "re"), ["rename"]),
        (("sessions", "tag", "01KB", "tea", "--w"), ["--worker"]),
        (("workers", "new", "--pu"), ["--public"]),
        (("-b", ""), ["low", "standard", "high", "unlimited"]),
        (("-p", "hi", "--max-c"), ["--max-cost", "--max-credits"]),
        (("completion", ""), ["bash", "zsh", "fish", "powershell"]),
        # Files, or any text: the shell offers files.
        (("-p", "hi", "-f", ""), []),
        (("import", ""), []),
    ],
)
def test_what_may_stand_in_place_of_the_last_word_is_offered(
    words: tuple[str, ...], expected: list[str]
) -> None:
    names = offered(*words)
    assert [word for word in expected if word in names] == [word for word in names if word in expected]
    assert bool(names) == bool(expected)
    assert all(word.startswith(words[-1]) for word in names)


def test_every_command_is_offered_first() -> None:
    assert [word for word in offered("") if word in SUBCOMMANDS] == [*SUBCOMMANDS]


def test_ids_of_sessions_come_from_the_history(tmp_path: Path) -> None:
    assert run("completion", "--words", "export", "", home=tmp_path).out == ""
    turn = run("-p", "echo tea", "--local", "--json", home=tmp_path).result
    answer = run("completion", "--words", "export", turn["session_id"][:3], home=tmp_path).out
    assert answer == f"{turn['session_id']}\techo tea\n"
    # An empty value of --worker is refused elsewhere; here it is what is being typed.
    assert turn["worker_id"] in run("completion", "--words", "-p", "x", "-w", "", home=tmp_path).out


TABS = {
    "bash": """
        eval "$(handinger-tui completion bash)"
        COMP_WORDS=(handinger-tui costs --by se); COMP_CWORD=3; _handinger_tui; echo "${COMPREPLY[@]}"
    """,
    # What Tab offers is taken from the function that gets it: zsh itself offers only to a terminal.
    "zsh": """
        compdef() { echo $2 }
        _describe() { shift; print -l -- "${(@P)1}" }
        eval "$(handinger-tui completion zsh)"
        words=(handinger-tui costs --by se); CURRENT=4; _handinger_tui
    """,
    "fish": "handinger-tui completion fish | source; complete -C 'handinger-tui costs --by se'",
}


@pytest.mark.parametrize("shell", TABS)
def test_tab_in_a_shell(shell: str, tmp_path: Path) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"no {shell} here")
    program = tmp_path / "handinger-tui"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m handinger_tui "$@"\n')
    program.chmod(0o755)
    environment = os.environ | {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "HANDINGER_TUI_HOME": str(tmp_path),
        "HOME": str(tmp_path),
    }
    ended = subprocess.run(
        [shell, "-c", TABS[shell]], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.stderr == ""
    assert ended.stdout.split() == {"zsh": ["handinger-tui", "session:"]}.get(shell, ["session"])


def test_the_script_of_powershell_asks_as_the_others_do() -> None:
    assert "handinger-tui completion --words $words" in SCRIPTS["powershell"]
    assert SCRIPTS["powershell"].count("{") == SCRIPTS["powershell"].count("}")


def test_the_manual_page_has_every_command_and_no_warning(tmp_path: Path) -> None:
    text = page()
    assert all(f".SS {name}" in text for name in SUBCOMMANDS)
    assert roff(".SH a-b's\\") == "\\&.SH a\\-b\\(aqs\\e"
    if shutil.which("man") is not None:
        path = tmp_path / "handinger-tui.1"
        path.write_text(text, "utf-8")
        environment = os.environ | {"MANWIDTH": "80", "LC_ALL": "C.UTF-8"}
        command = ["man", "--warnings", "-l", str(path)]
        ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert (ended.returncode, ended.stderr) == (0, "")
        assert "--max-cost USD" in ended.stdout
