"""Make pictures of the program: the real app against the real local worker.

    .venv/bin/python screenshots/make.py            # all, for the eye, into build/pictures (not tracked)
    .venv/bin/python screenshots/make.py answer     # those whose name holds the word
    .venv/bin/python screenshots/make.py --keep     # those of README and docs, reduced, into this folder

Needs a headless Chromium (package `chromium`) and the fonts Fira Code and Noto
(`fonts-firacode fonts-noto-cjk fonts-noto-color-emoji`): the only renderer tried
that draws box lines, wide characters and bold right.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from handinger_tui.cli.app import app_options  # noqa: E402 - found only through the line above
from handinger_tui.cli.args import parse  # noqa: E402
from handinger_tui.cli.load_settings import settings_for  # noqa: E402
from handinger_tui.core.turns.turn import TurnStatus  # noqa: E402
from handinger_tui.ui.app import HandingerApp  # noqa: E402
from screenshots import evidence, files, journey, money, workers  # noqa: E402
from screenshots.kept import FOLDER, KEPT, MOST_BYTES, Shot, reduce  # noqa: E402
from screenshots.past import remember  # noqa: E402
from screenshots.scene import NARROW, Scene  # noqa: E402

SIZES = ((120, 40), (80, 24))
ONLY_NARROW = ("panels", "compact", "charts")
THEMES = ("dark", "light")
NO_COLOR = "nocolor"
"""As with NO_COLOR set."""
FOR_THE_EYE = ROOT / "build" / "pictures"

Steps = Callable[[Scene], Awaitable[None]]


async def welcome(scene: Scene) -> None:
    """The empty state."""
    await scene.connected()
    await scene.pilot.pause(0.3)


async def streaming(scene: Scene) -> None:
    """In the middle of an answer, with counters that move."""
    await scene.say("report on primes, with a chart")
    await scene.until(lambda: len(scene.turns[-1].text) > 260 and scene.turns[-1].snapshot is not None)
    await scene.pilot.pause(0.1)


async def answer(scene: Scene) -> None:
    """A finished answer with files and a receipt, and a second one with sources."""
    await scene.say("report on primes, with a chart")
    await scene.answered()
    await scene.say("cite sources about python and http")
    await scene.answered(2)


async def overlay(scene: Scene) -> None:
    """The panels over a narrow screen."""
    await scene.say("report on primes, with a chart")
    await scene.answered()
    await scene.pilot.press("ctrl+b")
    await scene.pilot.pause(0.3)


async def compact(scene: Scene) -> None:
    """Two turns with `density = "compact"`."""
    for count, prompt in enumerate(("hello", "cite sources about python and http"), 1):
        await scene.say(prompt)
        await scene.answered(count)


async def unfolded(scene: Scene) -> None:
    """Unfolded reasoning and tool calls."""
    await scene.say("report on prices")
    await scene.answered()
    await scene.pilot.press("ctrl+o")
    await scene.pilot.press("ctrl+home")
    await scene.pilot.pause(0.2)


async def failed(scene: Scene) -> None:
    """The card of a failed turn."""
    await scene.say("fail")
    await scene.until(lambda: scene.turns[-1].status is TurnStatus.FAILED)
    await scene.pilot.pause(0.3)


async def leaving(scene: Scene) -> None:
    """Esc while a turn runs: what detaching means."""
    await scene.say("long 200")
    await scene.until(lambda: len(scene.turns[-1].text) > 200)
    await scene.pilot.press("escape")
    await scene.pilot.pause(0.2)


async def sessions(scene: Scene) -> None:
    """The session picker."""
    for prompt in (
        "report on primes",
        "cite sources about python",
        "report on tea prices in Oslo",
        "cite sources about csv and json",
        "report on rail timetables, with a chart",
        "hello",
    ):
        await scene.say(prompt)
        await scene.answered()
        await scene.pilot.press("ctrl+n")
        await scene.pilot.pause(0.1)
    await scene.pilot.press("ctrl+s")
    await scene.pilot.pause(0.3)


async def board(scene: Scene) -> None:
    """The board of runs: one has failed, one is answered, two run."""
    for prompt, is_over in (("fail", True), ("hello", True), ("long 200", False), ("long 300", False)):
        await scene.say(prompt)
        if is_over:
            await scene.answered()
        else:
            await scene.until(lambda: len(scene.turns[-1].text) > 200)
        await scene.pilot.press("ctrl+n")
        await scene.until(lambda: not scene.turns)
    await scene.pilot.press("f7")
    await scene.pilot.pause(2)


async def helping(scene: Scene) -> None:
    """The help screen."""
    await scene.connected()
    await scene.pilot.press("f1")
    await scene.pilot.pause(0.2)


SCENES: dict[str, Steps] = {
    "welcome": welcome,
    "streaming": streaming,
    "answer": answer,
    "panels": overlay,
    "compact": compact,
    "details": unfolded,
    "failed": failed,
    "detach": leaving,
    "sessions": sessions,
    "board": board,
    "help": helping,
    **money.SCENES,
    **files.SCENES,
    **evidence.SCENES,
    **journey.SCENES,
    **workers.SCENES,
}


PACES: dict[Steps, str] = {
    streaming: "1",
    leaving: "1",
    board: "1",
    money.spending: "0.3",
    money.reserved: "1",
}
"""Scenes in the middle of an answer."""


async def shoot(steps: Steps, size: tuple[int, int], theme: str) -> str:
    """The screen after `steps`, as SVG."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["HANDINGER_TUI_HOME"] = home
        os.environ["HANDINGER_LOCAL_PACE"] = PACES.get(steps, "0.02")
        kept = "dark" if theme == NO_COLOR else theme
        settings = f'theme = "handinger-{kept}"\ndownload_dir = "{home}/Downloads"\n'
        if steps is compact:
            settings += 'density = "compact"\n'
        Path(home, "config.toml").write_text(settings, encoding="utf-8")
        if steps in money.WITH_A_PAST:
            remember(Path(home))
        os.environ["HANDINGER_GENERATION"] = "tasks" if steps in workers.WITH_TASKS else "workers"
        os.environ.pop("NO_COLOR", None)
        if theme == NO_COLOR:
            os.environ["NO_COLOR"] = "1"
        args = parse(["--local"])
        async with AsyncExitStack() as stack:
            app = HandingerApp(app_options(args, settings_for(args), stack))
            async with app.run_test(size=size, notifications=True) as pilot:
                scene = Scene(app, pilot)
                await steps(scene)
                return app.export_screenshot(title="handinger-tui")


def picture(svg: str, target: Path) -> None:
    """SVG → PNG through Chromium."""
    browser = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if browser is None:
        raise SystemExit("Chromium is needed to draw the pictures: apt-get install chromium fonts-firacode")
    match = re.search(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    assert match is not None
    width, height = (int(float(number)) + 1 for number in match.groups())
    svg = re.sub(r"@font-face\s*{[^}]*}", "", svg)
    with tempfile.TemporaryDirectory() as scratch:
        page = Path(scratch, "shot.svg")
        page.write_text(svg, encoding="utf-8")
        flags = [
            "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync",
            f"--user-data-dir={scratch}/profile", "--hide-scrollbars", "--force-device-scale-factor=1",
            f"--window-size={width},{height}", f"--screenshot={target}", page.as_uri(),
        ]  # fmt: skip
        subprocess.run([browser, *flags], check=True, capture_output=True, timeout=120)


def all_shots() -> dict[str, Shot]:
    """Every scene at every size and in every theme, by the name of its picture."""
    return {
        f"{scene}-{columns}x{rows}-{theme}": Shot(scene, columns, rows, theme)
        for scene in SCENES
        for columns, rows in (NARROW if scene in ONLY_NARROW else SIZES)
        for theme in ((*THEMES, NO_COLOR) if scene in money.SCENES else THEMES)
    }


async def main(word: str, *, keep: bool) -> None:
    """Make every picture whose name holds `word`; those to keep replace what is kept now."""
    os.environ |= {"TEXTUAL_ANIMATIONS": "none", "COLORTERM": "truecolor"}
    for name in [name for name in os.environ if name.startswith("HANDINGER_")]:
        del os.environ[name]
    folder = FOLDER if keep else FOR_THE_EYE
    folder.mkdir(parents=True, exist_ok=True)
    shots = KEPT if keep else all_shots()
    for name, shot in shots.items():
        if word not in name:
            continue
        target = folder / f"{name}.png"
        picture(await shoot(SCENES[shot.scene], (shot.columns, shot.rows), shot.theme), target)
        if keep:
            reduce(target)
        sys.stdout.write(f"{target.relative_to(ROOT)}  {target.stat().st_size:,} bytes\n")
    if keep:
        for stale in set(FOLDER.glob("*.png")) - {FOLDER / f"{name}.png" for name in KEPT}:
            stale.unlink()
        too_large = [path.name for path in FOLDER.glob("*.png") if path.stat().st_size > MOST_BYTES]
        if too_large:
            raise SystemExit(f"Over {MOST_BYTES:,} bytes, so take fewer rows: {', '.join(too_large)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make pictures of the program.")
    parser.add_argument("word", nargs="?", default="", help="only those whose name contains it")
    parser.add_argument("--keep", action="store_true", help="make those of README and docs, reduced")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.word, keep=arguments.keep))
