"""A running local worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from handinger_tui.local.server import LocalServer


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer.start(pace=0) as running:
        yield running
