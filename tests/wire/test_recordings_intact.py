"""The recordings have their original bytes: a checkout has not converted line endings."""

from __future__ import annotations

from tests.wire.recordings import recordings


def test_every_byte_is_unchanged() -> None:
    for recording in recordings():
        assert len(recording.body) == recording.meta["bytes"], recording.name
        assert recording.pieces, recording.name
