"""main(argv) -> exit code: parse, dispatch, and say what went wrong.

Start-up is sacred: everything heavy is imported in the command that needs it
(Textual 150 ms, httpx 60 ms, the local worker 160 ms). For the screen nothing at all is imported
before its prompt stands but what Python has loaded anyway: argparse alone would take as long as the rest.
"""

from __future__ import annotations

import codecs
import gc
import io
import os
import sys

from handinger_tui import __version__

TYPE_CHECKING = False
"""As type checkers understand it; the module with that name takes 3 ms."""
if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence
    from types import TracebackType
    from typing import Final

    from handinger_tui.settings import Settings

INTERRUPTED: Final = 130
TERMINATED: Final = 143
LOCAL_IO: Final = 10
USAGE: Final = 2
INTERRUPTS: Final = "handinger_tui.cli.signals"
"""Without it in `sys.modules` there is nothing to put back; for the early frame it is not imported."""
SCREEN: Final = {
    "-c": "last",
    "--continue": "last",
    "--local": "local",
    "--no-color": "no_color",
    "--no-mouse": "no_mouse",
}
"""Options with which, in any mixture, the screen is shown, by their names once they are parsed."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; every outcome is an exit code of `cli.exits`."""
    _speak_anywhere()
    sys.excepthook = _tell_cleanly
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        code = _guarded(words)
        sys.stdout.flush()
    except KeyboardInterrupt:
        code = INTERRUPTED
    except OSError as problem:
        # A reader that is gone is no news to anybody; a full disk is.
        if not isinstance(problem, BrokenPipeError):
            what = (
                f"Failed at {problem.filename!r}" if problem.filename else "The output could not be written"
            )
            sys.stderr.write(f"{what}: {problem.strerror or problem}.\n")
        # Without this the interpreter complains when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0 if isinstance(problem, BrokenPipeError) and _is_list(words) else LOCAL_IO
    if code in (INTERRUPTED, TERMINATED):
        import signal  # noqa: PLC0415 - not for the early frame

        # A second Ctrl+C while the interpreter ends must not turn our exit code into a death by signal.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    return code


OUTPUT_FAILED: Final = "The output could not be written"


def _is_list(words: list[str]) -> bool:
    """Whether a command only shows what is there: whoever reads its first line and leaves, has all of it."""
    return words[:1] in LISTS or words[:2] in LISTS


LISTS: Final = (["sessions"], ["costs"], ["sources"], ["config"], ["files", "list"], ["schedules", "list"])

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
"""For terminals and pipes without such signs: bars that can still be read, points and quotes."""


def _speak_anywhere() -> None:
    """A terminal or pipe that cannot show a character gets a plainer one, never a traceback."""
    _fill_the_gaps()
    codecs.register_error("plain", _plain)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="plain")


def _fill_the_gaps() -> None:
    """A stream that was closed leads nowhere now; its free number would become that of the history."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: SIM115 - open to the end


def _plain(problem: UnicodeError) -> tuple[str, int]:
    if not isinstance(problem, UnicodeEncodeError):
        raise problem
    bad = problem.object[problem.start : problem.end]
    return "".join(PLAIN.get(sign, "?") for sign in bad), problem.end


def _tell_cleanly(kind: type[BaseException], problem: BaseException, trace: TracebackType | None) -> None:
    """A fault of ours may quote text from outside: that reaches no terminal as it came."""
    import traceback  # noqa: PLC0415 - at the very end

    from handinger_tui.core.safety.cleaning import clean  # noqa: PLC0415 - at the very end

    sys.stderr.write(clean("".join(traceback.format_exception(kind, problem, trace))))


def _guarded(words: list[str]) -> int:
    options = None
    try:
        if words == ["--version"]:
            sys.stdout.write(f"handinger-tui {__version__}\n")
            return 0
        _check_descriptors()
        if SCREEN.keys() >= set(words):
            return _screen(lambda: _unparsed(words))
        from handinger_tui.cli import signals  # noqa: PLC0415 - not for the early frame

        signals.install()
        options = _parsed(words)
        return COMMANDS[options.command](options)
    except (Exception, KeyboardInterrupt, SystemExit) as problem:
        if isinstance(problem, SystemExit) and problem.code != USAGE:
            raise
        # Only now: with the core it takes 40 ms, and the early frame must not wait for it.
        from handinger_tui.cli.error_report import end_early  # noqa: PLC0415 - see above

        code = end_early(problem, words, options)
        if code is None:
            raise
        return code
    finally:
        if INTERRUPTS in sys.modules:
            sys.modules[INTERRUPTS].restore()


PIPES: Final = 12
"""Two descriptors each: more than the history, the local worker and a connection need together."""


def _check_descriptors() -> None:
    """Fail now and in plain words, not with half of the libraries under way.

    Raises:
        OSError: EMFILE.
    """
    taken: list[int] = []
    try:
        for _ in range(PIPES):
            taken += os.pipe()
    finally:
        for descriptor in taken:
            os.close(descriptor)


def _parsed(words: list[str]) -> argparse.Namespace:
    from handinger_tui.cli.args import parse  # noqa: PLC0415 - argparse, 15 ms

    return parse(words)


def _unparsed(words: list[str]) -> argparse.Namespace:
    from handinger_tui.cli.fast_args import unparsed  # noqa: PLC0415 - behind the early frame

    return unparsed(SCREEN[word] for word in words)


def _is_headless(told: argparse.Namespace) -> bool:
    asked = (told.headless is not None, told.output_format is not None, told.detach, told.dry_run)
    return any(asked) or bool(told.output)


def _turn(told: argparse.Namespace) -> int:
    if not _is_headless(told):
        return _app(told)
    from handinger_tui.cli.headless import run  # noqa: PLC0415 - httpx, 60 ms

    return run(told, _asked_settings(told))


def _attach(told: argparse.Namespace) -> int:
    if not told.headless and told.output_format is None:
        return _app(told)
    from handinger_tui.cli.headless import run_attach  # noqa: PLC0415 - httpx, 60 ms

    return run_attach(told, _asked_settings(told))


def _asked_settings(told: argparse.Namespace) -> Settings:
    """For commands without a screen: they need a key, and say aloud who else can read it."""
    from handinger_tui.cli.load_settings import key_warning, settings_for  # noqa: PLC0415 - tomllib, not for --help
    from handinger_tui.cli.output import say  # noqa: PLC0415 - see above

    settings = settings_for(told, keyless=False)
    warning = key_warning(settings)
    if warning is not None:
        say(warning)
    return settings


def _app(told: argparse.Namespace) -> int:
    return _screen(lambda: told)


def _screen(told: Callable[[], argparse.Namespace]) -> int:
    """The screen. Its prompt stands before the rest is imported; only then `told` is asked for."""
    from handinger_tui.cli import early_prompt  # noqa: PLC0415 - not for --help

    if INTERRUPTS in sys.modules:
        sys.modules[INTERRUPTS].release()
    wanted = sys.stdin.isatty() and sys.stdout.isatty()
    frame = early_prompt.begin(wanted=wanted, environ=dict(os.environ))
    # What is imported stays: walks of the collector over it are a sixth of the start. `ui.warming` ends this.
    gc.disable()
    # For Textual, before its import. At its own 60 a key right after a paint waits 16 ms for the next one.
    os.environ.setdefault("TEXTUAL_FPS", "240")
    try:
        from handinger_tui.cli.app import run_app  # noqa: PLC0415 - Textual, 150 ms
        from handinger_tui.cli.load_settings import settings_for  # noqa: PLC0415 - tomllib, not for --help

        options = told()
        return run_app(options, settings_for(options), frame)
    finally:
        if frame is not None:
            frame.put_back()


def _released(run: Callable[[argparse.Namespace], int], told: argparse.Namespace) -> int:
    """Run a command that needs no care of its own for signals: Python's suffices once all is imported."""
    from handinger_tui.cli import signals  # noqa: PLC0415 - loaded before

    signals.release()
    return run(told)


def _sessions(told: argparse.Namespace) -> int:
    from handinger_tui.cli.commands.sessions import run  # noqa: PLC0415 - sqlite3 and the core, 30 ms

    return _released(run, told)


def _costs(told: argparse.Namespace) -> int:
    from handinger_tui.cli.commands.costs.query import run  # noqa: PLC0415 - sqlite3 and the core, 30 ms

    return _released(run, told)


def _sources(told: argparse.Namespace) -> int:
    from handinger_tui.cli.commands.sources import run  # noqa: PLC0415 - sqlite3 and the core, 30 ms

    return _released(run, told)


def _local(told: argparse.Namespace) -> int:
    from handinger_tui.cli.commands.local import run  # noqa: PLC0415 - starlette and uvicorn, 160 ms

    return _released(run, told)


def _doctor(told: argparse.Namespace) -> int:
    from handinger_tui.cli.commands.doctor import run  # noqa: PLC0415 - sqlite3 and the core, 30 ms

    return _released(run, told)


def _config(told: argparse.Namespace) -> int:
    from handinger_tui.cli.commands.config import run  # noqa: PLC0415 - tomllib, not for --help

    return _released(run, told)


def _remote(told: argparse.Namespace) -> int:
    from handinger_tui.cli.commands.remote import run  # noqa: PLC0415 - httpx, 60 ms

    settings = _asked_settings(told)
    return _released(lambda asked: run(asked, settings), told)


COMMANDS: Final[dict[str, Callable[[argparse.Namespace], int]]] = {
    "": _turn,
    "attach": _attach,
    "sessions": _sessions,
    "costs": _costs,
    "sources": _sources,
    "email": _remote,
    "schedules": _remote,
    "files": _remote,
    "local": _local,
    "config": _config,
    "doctor": _doctor,
}
