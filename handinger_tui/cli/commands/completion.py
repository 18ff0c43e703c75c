"""`handinger-tui completion SHELL` prints a script for the shell, which asks the program for what Tab offers.

The program answers from its own parsers, and ids from the history: nothing is listed a second time.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from handinger_tui.cli.args import command_parser, main_parser
from handinger_tui.cli.commands import SUBCOMMANDS, Implementation
from handinger_tui.cli.exit_codes import Exit
from handinger_tui.core.errors import HandingerError, SettingsError
from handinger_tui.core.safety import clean_line

SCRIPTS: Final = {
    "bash": """\
_handinger_tui() {
    local IFS=$'\\n' word="${COMP_WORDS[COMP_CWORD]}"
    COMPREPLY=($(compgen -W "$(handinger-tui completion --words \\
        "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f 1)" -- "$word"))
}
complete -o default -o bashdefault -F _handinger_tui handinger-tui
""",
    "zsh": """\
#compdef handinger-tui
_handinger_tui() {
    local -a offered
    offered=("${(@f)$(handinger-tui completion --words "${(@)words[2,CURRENT]}" 2>/dev/null |
        sed -e 's/:/\\\\:/g' -e $'s/\\t/:/')}")
    if [[ -n "${offered[1]}" ]]; then _describe handinger-tui offered; else _files; fi
}
compdef _handinger_tui handinger-tui
""",
    "fish": """\
function __handinger_tui
    set -l words (commandline -opc) (commandline -ct)
    set -l offered (handinger-tui completion --words $words[2..] 2>/dev/null)
    if set -q offered[1]
        printf '%s\\n' $offered
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c handinger-tui -f -a '(__handinger_tui)'
""",
    "powershell": """\
Register-ArgumentCompleter -Native -CommandName handinger-tui -ScriptBlock {
    param($word, $line, $cursor)
    $words = @($line.CommandElements | Select-Object -Skip 1 | ForEach-Object { $_.ToString() })
    if ($word -eq '') { $words += '' }
    handinger-tui completion --words $words 2>$null | ForEach-Object {
        $name, $meaning = $_ -split "`t", 2
        if (-not $meaning) { $meaning = $name }
        [System.Management.Automation.CompletionResult]::new($name, $name, 'ParameterValue', $meaning)
    }
}
""",
}
_SESSIONS: Final = frozenset({"id", "resume", "session"})
_WORKERS: Final = frozenset({"worker", "task"})
_MOST_IDS: Final = 50

Offer = tuple[str, str]
"""A word, and what it means."""


def candidates(words: Sequence[str]) -> Iterator[Offer]:
    """What may stand in place of the last word, behind the others. Nothing: a file, or any text."""
    *before, last = words or [""]
    offered: list[Offer] = []
    if before and before[0] in SUBCOMMANDS:
        offered += _in_parser(command_parser(before[0]), before[1:], last)
    else:
        if not before:
            offered += ((one.name, one.summary) for one in SUBCOMMANDS.values())
        offered += _in_parser(main_parser(), before, last)
    for word, meaning in offered:
        if word.startswith(last):
            yield word, clean_line(meaning, 100)


def _in_parser(parser: argparse.ArgumentParser, before: Sequence[str], last: str) -> Iterator[Offer]:
    """What a parser takes behind these words: the value of an option, an option, or its next argument."""
    options = {name: action for action in parser._actions for name in action.option_strings}
    positionals = [action for action in parser._actions if not action.option_strings]
    pending: argparse.Action | None = None
    position = 0
    for at, word in enumerate(before):
        if pending is not None:
            pending = None
        elif word.startswith("-"):
            action = options.get(word)
            pending = action if action is not None and action.nargs != 0 else None
        else:
            action = positionals[min(position, len(positionals) - 1)] if positionals else None
            if isinstance(action, argparse._SubParsersAction):
                if word in action.choices:
                    yield from _in_parser(action.choices[word], before[at + 1 :], last)
                return
            position += 1
    if pending is not None:
        yield from _values(pending)
    elif last.startswith("-"):
        yield from ((name, action.help or "") for name, action in options.items() if name.startswith("--"))
    elif position < len(positionals):
        yield from _values(positionals[position])


def _values(action: argparse.Action) -> Iterator[Offer]:
    if isinstance(action, argparse._SubParsersAction):
        yield from ((name, str(inner.description)) for name, inner in action.choices.items())
    elif action.choices is not None:
        yield from ((str(choice), "") for choice in action.choices)
    elif action.dest in _SESSIONS | _WORKERS:
        yield from _ids(are_workers=action.dest in _WORKERS)


def _ids(*, are_workers: bool) -> Iterator[Offer]:
    """Ids of the newest sessions, or of their workers, from the history; none if it cannot be read."""
    from handinger_tui.cli.commands.sessions import newest_sessions  # sqlite, not for options

    with suppress(HandingerError, OSError):
        seen = set()
        for one in newest_sessions(_MOST_IDS):
            named = one.worker_id if are_workers else one.session_id
            if named and named not in seen:
                seen.add(named)
                yield named, one.name


DESCRIPTION: Final = (
    'Print a script that completes commands, options and ids by Tab. bash: eval "$(handinger-tui completion'
    ' bash)" in ~/.bashrc; zsh: the same in ~/.zshrc, behind compinit; fish: handinger-tui completion fish |'
    " source, in its config; PowerShell, not tested: handinger-tui completion powershell | Out-String |"
    " Invoke-Expression, in $PROFILE."
)


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    shells = SUBCOMMANDS["completion"].actions
    parser.add_argument(
        "shell", nargs="?", choices=shells, metavar="SHELL", help="bash, zsh, fish or powershell"
    )
    # The scripts ask with --words, which `args.parse` takes as they are: half a command line is not valid.
    parser.set_defaults(words=None)


def run(args: argparse.Namespace) -> int:
    """Print the script, or what it asks for. Raises SettingsError: no shell."""
    if args.words is not None:
        sys.stdout.write("".join(f"{word}\t{meaning}\n" for word, meaning in candidates(args.words)))
    elif args.shell is None:
        raise SettingsError("Which shell?", f"One of: {', '.join(SCRIPTS)}.")
    else:
        sys.stdout.write(SCRIPTS[args.shell])
    return Exit.OK


EXAMPLES: Final = ("completion bash >> ~/.bashrc",)
COMMANDS: Final = {"completion": Implementation(DESCRIPTION, _add_arguments, run, EXAMPLES)}
