"""The entry point: parses the command line, dispatches to a command, and reports errors.

Start-up time matters: everything heavy is imported in the command that needs it
(Textual 150 ms, httpx 60 ms, the local worker 160 ms). For the screen, only modules that Python has already
loaded are imported before the early prompt is painted: argparse alone would double that time.
"""

from __future__ import annotations

import codecs
import gc
import io
import os
import sys
import time

from handinger_tui import __version__

TYPE_CHECKING = False
"""Type checkers treat this name like `typing.TYPE_CHECKING`; importing `typing` takes 3 ms."""
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import Any, Final

INTERRUPTED: Final = 130
QUIT: Final = 131
TERMINATED: Final = 143
USAGE: Final = 2
SIGNALS_MODULE: Final = "handinger_tui.cli.signals"
"""The signals module, not imported before the early prompt. If it is not loaded, no handler is installed."""
SCREEN_OPTIONS: Final = {
    "-c": "last",
    "--continue": "last",
    "--local": "local",
    "--no-color": "no_color",
    "--no-mouse": "no_mouse",
}
"""Options that show the screen in any combination, and what the parser calls them.

With these alone the parser is not imported, which takes 20 ms and 0.6 MB.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program and return an exit code of `cli.output`."""
    _configure_output_errors()
    sys.excepthook, sys.unraisablehook = _safe_excepthook, _keep_interrupt
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _run_command(words)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except OSError as problem:
        from handinger_tui.cli.run_output import end_output  # the core, 40 ms, for errors only

        code = end_output(problem, words)
    if code in (INTERRUPTED, QUIT, TERMINATED):
        from handinger_tui.cli import signals  # not before the early prompt

        # A second signal while the interpreter shuts down must not replace our exit code.
        signals.ignore()
    return code


PLAIN: Final = {
    **dict.fromkeys("█▉▊▋▌▍▎▏━", "#"),
    **dict.fromkeys("▒┄", ":"),
    **dict.fromkeys("░…", "."),
    **dict.fromkeys("·–—\u2212", "-"),
    **dict.fromkeys("“”„", '"'),
    **dict.fromkeys("\u2018’", "'"),
    "•": "*",
    "✓": "+",
    "±": "+-",
}
"""ASCII replacements for output encodings that lack these characters."""


def _configure_output_errors() -> None:
    """Make stdout and stderr replace characters that their encoding lacks, instead of raising."""
    _replace_closed_streams()
    codecs.register_error("plain", _replace_unencodable)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain")


def _replace_closed_streams() -> None:
    """Open closed standard streams on the null device.

    Otherwise the history file would get the free descriptor number 0, 1 or 2.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - open to the end


def _replace_unencodable(problem: UnicodeError) -> tuple[str, int]:
    if not isinstance(problem, UnicodeEncodeError):
        raise problem
    bad = problem.object[problem.start : problem.end]
    return "".join(PLAIN.get(char, "?") for char in bad), problem.end


def _safe_excepthook(kind: type[BaseException], problem: BaseException, trace: TracebackType | None) -> None:
    """Print a traceback with control characters removed: an exception may quote text from outside."""
    import traceback  # for crashes only

    from handinger_tui.core.safety import clean  # for crashes only

    sys.stderr.write(clean("".join(traceback.format_exception(kind, problem, trace))))


_dropped_interrupts: list[str] = []


def _keep_interrupt(dropped: sys.UnraisableHookArgs) -> None:
    """Keep an interrupt that Python drops, as it does in callbacks of imports: it must still end the run."""
    if dropped.exc_type is KeyboardInterrupt:
        _dropped_interrupts.append(str(dropped.object))
    else:
        sys.__unraisablehook__(dropped)


def _check_interrupts() -> None:
    """Raise KeyboardInterrupt for one that was dropped before the signal handlers were installed."""
    if _dropped_interrupts:
        _dropped_interrupts.clear()
        raise KeyboardInterrupt


def _run_command(words: list[str]) -> int:
    args = None
    try:
        if words == ["--version"]:
            sys.stdout.write(f"handinger-tui {__version__}\n")
            return 0
        _check_descriptors()
        _check_time_zone()
        if SCREEN_OPTIONS.keys() >= set(words):
            return _show_screen(words, lambda: screen_options(words))
        from handinger_tui.cli import signals  # not before the early prompt

        signals.install()
        _check_interrupts()
        from handinger_tui.cli import args as command_line  # argparse, 15 ms

        args = command_line.parse(words)
        if command_line.shows_screen(args):
            return _show_screen(words, lambda: args)
        if args.command:
            return command_line.run_command(args)
        from handinger_tui.cli.headless import run_turn  # httpx, 250 ms, not for --help

        return run_turn(args)
    except (Exception, KeyboardInterrupt, SystemExit) as problem:
        if isinstance(problem, SystemExit) and problem.code != USAGE:
            raise
        from handinger_tui.cli.run_output import end_early  # the core, 40 ms, for errors only

        code = end_early(problem, words, args)
        if code is None:
            raise
        return code
    finally:
        if SIGNALS_MODULE in sys.modules:
            sys.modules[SIGNALS_MODULE].restore()


PIPES: Final = 12
"""Pipes of two descriptors each: more than the history, the local worker and a connection need together."""


def _check_descriptors() -> None:
    """Fail early when the process may not open enough file descriptors. Raises OSError: EMFILE."""
    descriptors: list[int] = []
    try:
        for _ in range(PIPES):
            descriptors += os.pipe()
    finally:
        for descriptor in descriptors:
            os.close(descriptor)


DAY_S: Final = 86_400


def _check_time_zone() -> None:
    """Raise SettingsError for a TZ that Python cannot convert times with: 24 hours or more from UTC."""
    if max(abs(time.timezone), abs(time.altzone)) >= DAY_S:
        from handinger_tui.core.errors import SettingsError  # for errors only

        raise SettingsError(
            "The time zone in TZ is 24 hours or more from UTC.", "Set TZ to a name such as Europe/Berlin."
        )


def screen_options(words: list[str]) -> argparse.Namespace:
    """Return the namespace for `SCREEN_OPTIONS`, without the members that are read with a default."""
    from types import SimpleNamespace  # not before the early prompt

    given = {SCREEN_OPTIONS[word]: True for word in words}
    nothing = dict.fromkeys(("worker", "resume", "prompt"))
    values: Any = SimpleNamespace(command="", **{"last": False} | nothing | given)
    options: argparse.Namespace = values
    return options


KEEP_NOTHING: Final = {"--no-history", "replay"}
"""Words of command lines whose text is not kept."""


def _show_screen(words: list[str], parse_options: Callable[[], argparse.Namespace]) -> int:
    """Show the screen.

    The early prompt is painted before the rest is imported; `parse_options` runs after that.
    """
    from handinger_tui.cli import early_prompt  # not for --help
    from handinger_tui.cli.early_text import EarlyText, folder_of  # as above

    if SIGNALS_MODULE in sys.modules:
        sys.modules[SIGNALS_MODULE].release()
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    kept = None if KEEP_NOTHING & set(words) else EarlyText(folder_of(os.environ))
    keep = (lambda _text: False) if kept is None else kept.keep_early
    frame = early_prompt.begin(wanted=is_terminal, environ=dict(os.environ), keep=keep)
    # Imported modules stay in memory: garbage collection over them would take a sixth of the start-up.
    # `ui.background` enables the collector again.
    gc.disable()
    # Textual reads this at import. At its default of 60, a key after a paint waits 16 ms for the next paint.
    os.environ.setdefault("TEXTUAL_FPS", "240")
    try:
        from handinger_tui.cli.app import run_app  # Textual, 150 ms
        from handinger_tui.cli.load_settings import settings_for  # tomllib, not for --help

        _check_interrupts()
        args = parse_options()
        return run_app(args, settings_for(args), frame, kept)
    finally:
        if frame is not None:
            frame.put_back()
        if kept is not None:
            kept.close()
