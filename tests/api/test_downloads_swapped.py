"""Folders and names that another program changes during a download: hard links, case, a swap."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from handinger_tui.api.atomic_file import BLOCK, write_atomically
from handinger_tui.api.download import save
from handinger_tui.core.errors import ApiError
from handinger_tui.core.turns.turn import ErrorKind
from tests.api.conftest import listing
from tests.api.server import Peer, Server, head

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from handinger_tui.api.client import WorkerClient

PRECIOUS = "mine\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "downloads"
    path.mkdir()
    return path


@pytest.fixture
def precious(tmp_path: Path) -> Path:
    """A file outside of the folder, alone in its own, that nothing may change."""
    path = tmp_path / "outside" / "precious"
    path.parent.mkdir()
    path.write_text(PRECIOUS)
    return path


def untouched(precious: Path) -> bool:
    return listing(precious.parent) == ["precious"] and precious.read_text() == PRECIOUS


def until_something_lies_in(folder: Path) -> None:
    while not listing(folder):
        pass


def swap(folder: Path, moved: Path, outside: Path) -> None:
    folder.rename(moved)
    folder.symlink_to(outside)


async def arriving(between: Callable[[], object] | None = None) -> AsyncIterator[bytes]:
    yield b"x" * BLOCK
    if between is not None:
        between()
    yield b"x"


async def test_a_folder_swapped_while_the_bytes_arrive(
    server: Server, client: WorkerClient, folder: Path, precious: Path
) -> None:
    body, moved = b"x" * (2 * BLOCK), folder.with_name("moved")

    async def in_two_goes(peer: Peer) -> None:
        await peer.send(head(200, {"Content-Length": str(len(body))}) + body[: BLOCK + 1])
        await asyncio.to_thread(until_something_lies_in, folder)
        swap(folder, moved, precious.parent)
        await peer.send(body[BLOCK + 1 :])
        peer.fin()

    server.answer(in_two_goes)
    with pytest.raises(ApiError) as caught:
        await save(client, "/api/workers/w1/files/report.txt", folder)
    assert caught.value.kind is ErrorKind.DISK
    assert untouched(precious)
    assert listing(moved) == []


async def test_a_name_that_is_a_hard_link_to_something_precious(folder: Path, precious: Path) -> None:
    Path.hardlink_to(folder / "report.txt", precious)
    path = await write_atomically(arriving(), folder, "report.txt")
    assert path.name == "report (2).txt"
    assert untouched(precious)


async def test_our_temporary_file_swapped_for_a_hard_link(folder: Path, precious: Path) -> None:
    def swapped() -> None:
        (part,) = folder.iterdir()
        part.unlink()
        part.hardlink_to(precious)

    with pytest.raises(ApiError) as caught:
        await write_atomically(arriving(swapped), folder, "report.txt")
    assert caught.value.kind is ErrorKind.DISK
    assert untouched(precious)
    assert listing(folder) == []


async def test_names_that_differ_in_case_are_two_files_on_any_disk(folder: Path) -> None:
    first, second = [
        await write_atomically(arriving(), folder, name) for name in ("Report.TXT", "report.txt")
    ]
    assert first != second
    assert len(listing(folder)) == 2
