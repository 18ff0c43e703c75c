"""One fault server for all tests of a worker process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.server import FaultServer, lab
from tests.chaos.table import Note, noting


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultServer]:
    with lab(str(tmp_path_factory.mktemp("escape"))) as running:
        yield running


@pytest.fixture
def escape(server: FaultServer) -> Iterator[Path]:
    """The folder outside that hostile names point into; any file in it is a failure."""
    folder = Path(server.escape)
    yield folder
    assert not list(folder.iterdir()), "something was written outside"


@pytest.fixture
def note(request: pytest.FixtureRequest) -> Note:
    return noting(request)


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A folder two levels above the downloads, so that a name with `..` stays inside it."""
    folder = tmp_path / "box"
    (folder / "a" / "b" / "downloads").mkdir(parents=True)
    return folder
