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
import stat
import sys
import time

from handinger_tui import __version__

TYPE_CHECKING = False
"""Type checkers treat this name like `typing.TYPE_CHECKING`; importing `typing` takes 3 ms."""
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping, Sequence
    from types import TracebackType
    from typing import Any, Final

INTERRUPTED: Final = 130
QUIT: Final = 131
TERMINATED: Final = 143
USAGE: Final = 2
SIGNALS_MODULE: Final = "handinger_tui.cli.signals"
"""The signals module, not imported before the early prompt. If it is not loaded, no handler is installed."""
LOG_MODULE: Final = "handinger_tui.cli.request_log"
"""The module of --verbose and --debug, imported for them only."""
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
    **dict.fromkeys("·–—─\u2212", "-"),
    **dict.fromkeys("“”„", '"'),
    **dict.fromkeys("\u2018’", "'"),
    **dict.fromkeys("•●★", "*"),
    **dict.fromkeys("×✗", "x"),
    "░": ".",
    "…": "...",
    "│": "|",
    "→": "->",
    "✓": "+",
    "±": "+-",
    "○": "o",
    "◷": "@",
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
    if words == ["--version"]:
        sys.stdout.write(f"handinger-tui {__version__}\n")
        return 0
    args = None
    try:
        _check_descriptors()
        _check_time_zone()
        may_be_plain = _may_be_plain(os.environ)
        if SCREEN_OPTIONS.keys() >= set(words) and not may_be_plain:
            return _show_screen(words, lambda: screen_options(words))
        from handinger_tui.cli import signals  # not before the early prompt

        signals.install()
        _check_interrupts()
        from handinger_tui.cli import args as command_line  # argparse, 15 ms

        args = command_line.parse(words)
        has_screen = command_line.shows_screen(args)
        _log_requests(args, has_screen=has_screen)
        if has_screen:
            code = _talk_in_lines(args) if may_be_plain or getattr(args, "plain", False) else None
            return _show_screen(words, lambda: args) if code is None else code
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
        for name in (SIGNALS_MODULE, LOG_MODULE):
            if name in sys.modules:
                sys.modules[name].restore()


def _log_requests(args: argparse.Namespace, *, has_screen: bool) -> None:
    """Show or keep the requests of this run where its options say so. Raises HandingerError."""
    if getattr(args, "verbose", False) or getattr(args, "debug", None):
        from handinger_tui.cli import request_log  # rarely wanted

        request_log.begin(args, has_screen=has_screen)


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


def _may_be_plain(environ: Mapping[str, str]) -> bool:
    """Whether plain mode may be asked for without an option: the settings decide before anything is drawn."""
    return bool(
        environ.get("HANDINGER_PLAIN", "").strip()
        or is_accessible(environ)
        or environ.get("TERM", "dumb") in {"", "dumb"}
        or _has_plain_setting(environ)
    )


def is_accessible(environ: Mapping[str, str]) -> bool:
    """Whether ACCESSIBLE asks programs for output that can be read out."""
    return environ.get("ACCESSIBLE", "").strip().lower() not in {"", "0", "false"}


MOST_CONFIG_BYTES: Final = 1 << 20
"""A larger config file is refused when it is loaded."""


def _has_plain_setting(environ: Mapping[str, str]) -> bool:
    """Whether the config file has a line about plain mode; its TOML is read later."""
    home = environ.get("HANDINGER_TUI_HOME", "").strip()
    named = "" if sys.platform == "darwin" else environ.get("XDG_CONFIG_HOME", "").strip()
    usual = "~/Library/Application Support" if sys.platform == "darwin" else "~/.config"
    folder = os.path.expanduser(home or os.path.join(named or usual, "handinger-tui"))
    try:
        # A pipe must not be waited for, and a device has no end: both are reported when it is loaded.
        handle = os.open(os.path.join(folder, "config.toml"), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
        with open(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return False
            lines = file.read(MOST_CONFIG_BYTES).splitlines()
    except OSError:
        return False
    return any(line.lstrip().startswith(b"plain") for line in lines)


def _talk_in_lines(args: argparse.Namespace) -> int | None:
    """Run plain mode if the settings ask for it and return the exit code, else None."""
    from handinger_tui.cli import signals
    from handinger_tui.cli.load_settings import settings_for, with_key  # tomllib, not for --help

    settings = settings_for(args)
    is_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    why = plain_reason(getattr(args, "plain", None), settings.plain, os.environ, is_terminal=is_terminal)
    if not why:
        return None
    signals.release()
    from handinger_tui.cli.plain import run_plain  # the client, 250 ms

    return run_plain(args, with_key(settings), why)


def plain_reason(option: bool | None, setting: str, environ: Mapping[str, str], *, is_terminal: bool) -> str:
    """What asks for plain mode; "" for nothing. Without a terminal it has to be asked for by its name.

    `option`: --plain, --no-plain or none of them; `setting`: that of the environment, else of the file.
    """
    has_variable = bool(environ.get("HANDINGER_PLAIN", "").strip())
    if option is not None:
        return "--plain" if option else ""
    if not has_variable and is_terminal and is_accessible(environ):
        return "ACCESSIBLE"
    if setting != "auto":
        return "" if setting == "off" else "HANDINGER_PLAIN" if has_variable else "the config file"
    terminal = environ.get("TERM", "")
    is_dumb = is_terminal and os.name != "nt" and terminal in {"", "dumb"}
    return (f"TERM={terminal}" if terminal else "TERM, which is not set") if is_dumb else ""


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
        from handinger_tui.cli.load_settings import settings_for, with_key  # tomllib, not for --help

        _check_interrupts()
        args = parse_options()
        return run_app(args, with_key(settings_for(args)), frame, kept)
    finally:
        if frame is not None:
            frame.put_back()
        if kept is not None:
            kept.close()
