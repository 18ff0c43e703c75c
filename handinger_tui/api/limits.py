"""Limits: how long and how much, injected by whoever wires the client."""

from __future__ import annotations

from handinger_tui.core.record import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Waits in seconds, sizes in bytes (failures.md R5). Nothing here reads the environment."""

    connect_timeout: float = 10.0
    first_byte_timeout: float = 60.0
    """For all response headers together, counted from the moment the request was sent."""
    first_byte_timeout_no_stream: float = 300.0
    """The same for a POST that asks for no stream: it may be answered only when the turn is over."""
    idle_timeout: float = 60.0
    """Silence within a body; any byte counts as life."""
    max_event_bytes: int = 8 << 20
    max_turn_bytes: int = 64 << 20
    max_json_bytes: int = 32 << 20
    max_file_bytes: int = 2 << 30
