"""A complete journey in a real terminal: a table is attached, the resulting files are previewed and saved."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.e2e.terminal import Terminal, terminal

pytestmark = pytest.mark.terminal

REGIONS = ("north", "south", "west")


def write_sales(path: Path) -> None:
    rows = [(f"2026-10-{day:02}", REGIONS[day % 3], day * 7 % 23 + 3) for day in range(1, 31)]
    path.write_text("day,region,units\n" + "".join(f"{d},{region},{n}\n" for d, region, n in rows))


def attach_and_ask(window: Terminal) -> None:
    window.shows("LOCAL")
    window.type("Summarise @sal")
    window.shows("› sales.csv")
    window.press("Tab")
    window.shows("B CSV ✕")
    window.press("Enter")
    window.shows("+ sales.csv")
    window.until(lambda screen: "completed" in screen and "3 files" in screen, "the answer with its files")


def preview_chart_and_table(window: Terminal) -> None:
    window.press("F4")
    window.shows("›chart.png")
    window.press("Enter")
    window.until(lambda screen: "PNG image" in screen and "▀▀▀▀▀▀▀▀" in screen, "the chart")
    window.press("n")
    window.shows("Markdown ·")
    window.press("n")
    window.until(lambda screen: "CSV table · 3 rows × " in screen and "region" in screen, "the table")
    window.press("Escape")
    window.until(lambda screen: "CSV table" not in screen, "the preview is closed")


def save_all(window: Terminal, folder: Path) -> None:
    window.press("a")
    window.shows("Saved 3 files")
    window.shows("✓ saved")
    assert sorted(path.name for path in folder.iterdir()) == ["chart.png", "report.md", "summary.csv"]
    assert (folder / "chart.png").read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    with (folder / "summary.csv").open(newline="") as file:
        assert [row["column"] for row in csv.DictReader(file)] == ["day", "region", "units"]


def open_sources(window: Terminal) -> None:
    window.press("Escape")
    window.shows(" Enter Send ")
    window.type("Find sources about terminals")
    window.press("Enter")
    window.until(lambda text: "completed" in text and "5 sources" in text, "the answer with its sources")
    window.press("F3")
    words = ("5 · 5 new", "›1 asyncio", "docs.python.org")
    window.until(lambda text: all(word in text for word in words), "the panel of sources")
    window.press("Escape")
    window.shows(" Enter Send ")


@pytest.mark.parametrize(
    ("columns", "rows", "generation"),
    [(80, 24, "workers"), pytest.param(120, 40, "tasks", marks=pytest.mark.slow)],
    ids=["workers", "tasks"],
)
def test_attach_ask_preview_save_and_open_the_sources(
    tmux: str, columns: int, rows: int, generation: str, tmp_path: Path
) -> None:
    place, home, saved = tmp_path / "place", tmp_path / "home", tmp_path / "saved"
    place.mkdir()
    home.mkdir()
    write_sales(place / "sales.csv")
    (home / "config.toml").write_text(f'download_dir = "{saved}"\n')
    with terminal(tmux, columns, rows, place) as window:
        window.run(home=home, HANDINGER_LOCAL_PACE="0.05", HANDINGER_GENERATION=generation)
        attach_and_ask(window)
        preview_chart_and_table(window)
        save_all(window, saved)
        open_sources(window)
        window.press("C-d")
        window.shows("exit=0")
