"""`files list` and `files get`: the worker's files, by name or number, with links that are refreshed."""

from __future__ import annotations

import io
import json
import signal
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from rich.cells import cell_len

from handinger_tui.api.file_urls import find_current_url
from handinger_tui.cli import signals
from handinger_tui.cli.commands.files import DownloadProgress
from handinger_tui.core.stream import FilePart
from tests.cli.program import environ, start
from tests.e2e.runner import Ran, run
from tests.web import Handler, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass
class Host:
    """A service: the worker of each reading, and the file at each address."""

    listings: list[list[dict[str, Any]]]
    bodies: dict[str, bytes] = field(default_factory=dict)
    requests: list[tuple[str, bool]] = field(default_factory=list)
    """The address of each request, and whether it had the key."""
    url: str = ""

    @property
    def readings(self) -> int:
        return sum(target == "/api/workers/w1" for target, _ in self.requests)

    def answer(self, target: str) -> tuple[int, bytes]:
        if target != "/api/workers/w1":
            body = self.bodies.get(target)
            return (200, body) if body is not None else (403, b"AccessDenied")
        files = self.listings[min(self.readings, len(self.listings)) - 1]
        return 200, json.dumps(
            {"object": "worker", "id": "w1", "status": "completed", "files": files}
        ).encode()

    def pieces(self, _target: str, body: bytes) -> Iterator[bytes]:
        """The pieces in which a body is sent."""
        yield body


@contextmanager
def hosted(host: Host) -> Iterator[Host]:
    class Hosting(Handler):
        def answer(self) -> None:
            host.requests.append((self.path, "authorization" in self.headers))
            status, body = host.answer(self.path)
            self.reply(status, body, pieces=host.pieces(self.path, body))

    with serving(Hosting) as host.url:
        yield host


def listed(name: str | None, url: str, size: int | None = None) -> dict[str, Any]:
    return {"filename": name, "mediaType": "text/csv", "url": url, **({} if size is None else {"size": size})}


def ask(host: Host, home: Path, *argv: str) -> Ran:
    with hosted(host):
        return run("files", argv[0], "w1", *argv[1:], home=home / "home", base_url=host.url)


def saved(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()} if folder.exists() else {}


THREE = [listed("a.csv", "data:,one", 3), listed("2", "data:,two", 1200), listed(None, "data:,three", 5)]


# -- list ---------------------------------------------------------------------------------
def test_a_list_has_number_name_type_and_size(tmp_path: Path) -> None:
    ran = ask(Host([THREE]), tmp_path, "list")
    assert ran.code == 0
    assert ran.out.splitlines() == [
        "1  a.csv        text/csv  3 B",
        "2  2            text/csv  1.2 kB",
        "3  data:,three  text/csv  5 B",
    ]
    assert ran.err == "3 files · 1.2 kB\n"


def test_a_list_for_scripts(tmp_path: Path) -> None:
    ran = ask(Host([[*THREE, listed("b.csv", "/b")]]), tmp_path, "list", "--json")
    assert (ran.code, ran.err) == (0, "")
    assert ran.result["worker_id"] == "w1"
    assert (ran.result["count"], ran.result["size"]) == (4, None), "a sum with an unknown part is unknown"
    assert ran.result["files"][0] == {
        "number": 1, "filename": "a.csv", "media_type": "text/csv", "url": "data:,one", "size": 3,
    }  # fmt: skip
    assert [(row["number"], row["size"]) for row in ran.result["files"][2:]] == [(3, 5), (4, None)]


def test_a_list_of_nothing(tmp_path: Path) -> None:
    ran = ask(Host([[]]), tmp_path, "list")
    assert (ran.code, ran.out, ran.err) == (0, "No files.\n", "")
    assert ask(Host([[]]), tmp_path, "list", "--json").result["size"] == 0


# -- get, interrupted ---------------------------------------------------------------------
@dataclass
class Slow(Host):
    """A service whose file `/slow` is not complete before `is_over`."""

    has_begun: threading.Event = field(default_factory=threading.Event)
    """That file was requested."""
    is_over: threading.Event = field(default_factory=threading.Event)

    def pieces(self, target: str, body: bytes) -> Iterator[bytes]:
        yield body[:1]
        if target == "/slow":
            self.has_begun.set()
            self.is_over.wait(60)
        yield body[1:]


@pytest.mark.parametrize("number", signals.CODES)
def test_a_signal_leaves_no_part_of_a_file_and_names_those_that_are_saved(
    number: signal.Signals, tmp_path: Path
) -> None:
    host, folder = Slow([[listed("a.csv", "data:,one", 3), listed("b.csv", "/slow")]]), tmp_path / "saved"
    host.bodies["/slow"] = b"two"
    with hosted(host):
        words = ("files", "get", "w1", "--all", "--json", "--dir", str(folder))
        program = start(environ(tmp_path / "home", host.url), *words)
        assert host.has_begun.wait(60)
        program.send_signal(number)
        out, _err = program.communicate(timeout=60)
        host.is_over.set()
    assert program.returncode == signals.CODES[number]
    assert [path.name for path in folder.iterdir()] == ["a.csv"]
    result = json.loads(out)
    assert [one["filename"] for one in result["files"]] == ["a.csv"]
    assert result["files"][0]["saved_as"] == str(tmp_path / "saved" / "a.csv")
    assert result["error"]["kind"] == "interrupted"


# -- get ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("requested", "names"),
    [
        (("1",), {"a.csv": "one"}),
        (("2",), {"2": "two"}),
        (("3", "1"), {"a.csv": "one", "file.txt": "three"}),
        (("a.csv", "1"), {"a.csv": "one"}),
        (("data:,three",), {"file.txt": "three"}),
        (("--all",), {"a.csv": "one", "2": "two", "file.txt": "three"}),
    ],
)
def test_files_are_selected_by_name_or_number(
    tmp_path: Path, requested: tuple[str, ...], names: dict[str, str]
) -> None:
    files = [listed("a.csv", "data:,one"), listed("2", "data:,two"), listed(None, "data:,three")]
    ran = ask(Host([files]), tmp_path, "get", *requested, "--dir", str(tmp_path / "dl"), "--json")
    assert ran.code == 0
    assert saved(tmp_path / "dl") == names
    assert {row["saved_as"] for row in ran.result["files"]} == {str(tmp_path / "dl" / name) for name in names}
    assert all(row.keys() == {"filename", "saved_as", "status", "error"} for row in ran.result["files"])


def test_a_file_name_that_is_a_number_takes_precedence(tmp_path: Path) -> None:
    files = [listed("2", "data:,called"), listed("b", "data:,second")]
    ask(Host([files]), tmp_path, "get", "2", "--dir", str(tmp_path / "dl"))
    assert saved(tmp_path / "dl") == {"2": "called"}


@pytest.mark.parametrize("name", ["0", "4", "-1", "１", "nothing.csv", "9999999"])
def test_a_missing_file_is_a_usage_error(tmp_path: Path, name: str) -> None:
    ran = ask(Host([THREE]), tmp_path, "get", name, "--dir", str(tmp_path / "dl"))
    assert (ran.code, ran.out) == (2, "")
    assert "files list" in ran.err
    assert saved(tmp_path / "dl") == {}


@pytest.mark.parametrize("argv", [("files", "get", "w1", "--all", "--dir"), ("-p", "hi", "-o")])
def test_an_unknown_home_is_refused_before_any_request(tmp_path: Path, argv: tuple[str, ...]) -> None:
    ran = run(*argv, "~nobody-of-this-name/x", home=tmp_path, base_url="http://127.0.0.1:1")
    assert ran.code == 2
    assert "No home folder" in ran.err
    assert "Traceback" not in ran.err


class Emptied(Host):
    """A service that lacks the files that it lists."""

    def answer(self, target: str) -> tuple[int, bytes]:
        status, body = super().answer(target)
        return (status, body) if status == 200 else (404, b'{"error": "gone"}')


def test_a_file_that_no_longer_exists_is_reported(tmp_path: Path) -> None:
    host = Emptied([[listed("gone.txt", "/api/workers/w1/files/gone.txt")]])
    ran = ask(host, tmp_path, "get", "--all", "--dir", str(tmp_path / "dl"))
    assert ran.code == 3
    assert ran.err == (
        "gone.txt: Not found (404): gone. It may have been removed. See: handinger-tui files list WORKER\n"
    )


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    host = Host([[listed("a.csv", "data:,one")]])
    for _ in range(2):
        assert ask(host, tmp_path, "get", "--all", "--dir", str(tmp_path / "dl")).code == 0
    assert saved(tmp_path / "dl") == {"a.csv": "one", "a (2).csv": "one"}


def test_a_failed_download_does_not_stop_the_others(tmp_path: Path) -> None:
    files = [
        listed("a.csv", "javascript:alert(1)"),
        listed("b.csv", "data:,b", 7),
        listed("c.csv", "data:,c"),
    ]
    ran = ask(Host([files]), tmp_path, "get", "--all", "--dir", str(tmp_path / "dl"), "--json")
    assert ran.code == 1
    assert [(row["status"], (row["error"] or {}).get("kind")) for row in ran.result["files"]] == [
        ("refused", "unsafe_url"), ("failed", "incomplete"), ("saved", None),
    ]  # fmt: skip
    assert saved(tmp_path / "dl") == {"c.csv": "c"}
    assert "a.csv: Not opened: javascript" in ran.err


@pytest.mark.parametrize(
    ("urls", "place", "code"),
    [
        (["data:,a", "data:,b"], "file", 10),
        (["/api/workers/w1/files/gone"], "dl", 4),
        (["/api/workers/w1/files/gone", "javascript:x"], "dl", 1),
        (["javascript:x", "data:,b"], "dl", 1),
    ],
)
def test_the_exit_code_is_that_of_the_only_reason(
    tmp_path: Path, urls: list[str], place: str, code: int
) -> None:
    (tmp_path / "file").write_text("precious")
    host = Host([[listed(f"{at}.csv", url) for at, url in enumerate(urls)]])
    assert ask(host, tmp_path, "get", "--all", "--dir", str(tmp_path / place)).code == code
    assert (tmp_path / "file").read_text() == "precious"


# -- links that expire -----------------------------------------------------------------------
def test_an_expired_link_is_refreshed_by_reading_the_worker(tmp_path: Path) -> None:
    host = Host(
        [[listed("a.csv", "/f/a.csv?sig=old", 3)], [listed("a.csv", "/f/a.csv?sig=new", 5)]],
        {"/f/a.csv?sig=new": b"fresh"},
    )
    ran = ask(host, tmp_path, "get", "--all", "--dir", str(tmp_path / "dl"))
    assert (ran.code, ran.err) == (0, "")
    assert saved(tmp_path / "dl") == {"a.csv": "fresh"}
    assert [target for target, _ in host.requests] == [
        "/api/workers/w1", "/f/a.csv?sig=old", "/api/workers/w1", "/f/a.csv?sig=new",
    ]  # fmt: skip


@pytest.mark.parametrize("now", [[], [listed("a.csv", "/f/a.csv?sig=newer")]])
def test_a_link_that_stays_expired_is_reported(tmp_path: Path, now: list[dict[str, Any]]) -> None:
    host = Host([[listed("a.csv", "/f/a.csv?sig=old")], now])
    ran = ask(host, tmp_path, "get", "a.csv", "--dir", str(tmp_path / "dl"), "--json")
    assert ran.code == 1
    [row] = ran.result["files"]
    assert (row["status"], row["error"]["kind"]) == ("failed", "forbidden")
    assert "may have expired" in row["error"]["message"]
    assert "free" in ran.err
    assert host.readings == 2
    assert saved(tmp_path / "dl") == {}


def test_another_host_never_sees_the_key(tmp_path: Path) -> None:
    with hosted(Host([[]], {"/a.csv?sig=1": b"body"})) as other:
        host = Host([[listed("a.csv", f"{other.url}/a.csv?sig=1")]])
        assert ask(host, tmp_path, "get", "1", "--dir", str(tmp_path / "dl")).code == 0
    assert other.requests == [("/a.csv?sig=1", False)]
    assert host.requests == [("/api/workers/w1", True)]


def now(*files: tuple[str | None, str]) -> list[FilePart]:
    return [FilePart(url, "text/csv", name) for name, url in files]


def test_the_same_file_is_matched_after_a_refresh() -> None:
    old = FilePart("https://h.example/1/a.csv?sig=1", "text/csv", "a.csv")
    moved = ("a.csv", "https://h.example/2/a.csv?sig=2")
    renamed = ("b.csv", "https://h.example/1/a.csv?sig=3")
    same = ("a.csv", "https://h.example/1/a.csv?sig=4")
    assert find_current_url(old, now(moved, renamed, same)) == same[1]
    assert find_current_url(old, now(moved, renamed)) == renamed[1]
    assert find_current_url(old, now(moved)) == moved[1]
    assert find_current_url(old, now(moved, ("a.csv", "https://h.example/3/a.csv"))) is None
    assert find_current_url(old, now((None, "https://h.example/9"), ("c.csv", "https://[bad"))) is None
    nameless = FilePart("https://h.example/x?sig=1", "text/csv")
    assert find_current_url(nameless, now((None, "https://h.example/y"))) is None
    assert find_current_url(nameless, now((None, "https://h.example/x?sig=2"))) == "https://h.example/x?sig=2"


# -- progress ----------------------------------------------------------------------------------
class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_one_line_that_is_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    meter = DownloadProgress.on_terminal("a\x1b[2J\n\u202eb.csv")
    assert meter is not None
    meter.clear()
    assert screen.getvalue() == ""
    meter.show(1_500_000, 3_000_000)
    meter.show(10, None)
    meter.clear()
    assert screen.getvalue() == ("\r\x1b[Ka[2J b.csv  1.5 MB of 3.0 MB · 50%\r\x1b[Ka[2J b.csv  10 B\r\x1b[K")


def test_progress_fits_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    DownloadProgress("long-name.csv" * 20, 30).show(9_000_000_000, 9_000_000_000)
    assert len(screen.getvalue().removeprefix("\r\x1b[K")) <= 29


@pytest.mark.parametrize("name", ["漢字" * 40, "e\u0301" * 200, "👩" * 40])
def test_wide_names_are_cleared_completely(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    screen = Terminal()
    monkeypatch.setattr("sys.stderr", screen)
    DownloadProgress(name, 30).show(9, None)
    shown = screen.getvalue().removeprefix("\r\x1b[K")
    assert 10 < cell_len(shown) <= 29


def test_wide_names_keep_their_columns(tmp_path: Path) -> None:
    files = [listed("漢字.csv", "data:,a"), listed("plain-name.csv", "data:,b")]
    first, second, *_ = ask(Host([files]), tmp_path, "list").out.splitlines()
    kind = "application/octet-stream" if "octet" in first else first.split()[2]
    assert cell_len(first[: first.index(kind)]) == cell_len(second[: second.index(kind)])


def test_a_long_name_is_clipped_in_tables_and_complete_for_scripts(tmp_path: Path) -> None:
    host = Host([[listed("x" * 900 + ".csv", "data:,a"), listed("b.csv", "data:,b")]])
    assert max(map(len, ask(host, tmp_path, "list").out.splitlines())) < 200
    assert json.loads(ask(host, tmp_path, "list", "--json").out)["files"][0]["filename"] == "x" * 900 + ".csv"


def test_progress_is_for_terminals_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert DownloadProgress.on_terminal("a") is None
    monkeypatch.setattr("sys.stderr", Terminal())
    monkeypatch.setenv("TERM", "dumb")
    assert DownloadProgress.on_terminal("a") is None
