"""The recordings are the bytes that were recorded, whatever a checkout does to line ends."""

from __future__ import annotations

import pytest

from tests.wire.recordings import Recording, recordings


@pytest.mark.parametrize("recording", recordings(), ids=lambda r: r.name)
def test_every_byte_is_there(recording: Recording) -> None:
    assert len(recording.body) == recording.meta["bytes"]
    assert recording.pieces
