"""The recordings have their original bytes: a checkout has not converted line endings."""

from __future__ import annotations

import pytest

from tests.wire.recordings import Recording, recordings


@pytest.mark.parametrize("recording", recordings(), ids=lambda r: r.name)
def test_every_byte_is_unchanged(recording: Recording) -> None:
    assert len(recording.body) == recording.meta["bytes"]
    assert recording.pieces
