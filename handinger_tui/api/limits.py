"""Timeouts and size limits of the client, injected by the code that creates it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Timeouts in seconds, sizes in bytes. Nothing here reads the environment."""

    connect_timeout: float = 10.0
    first_byte_timeout: float = 60.0
    """For all response headers, counted from when the request was sent."""
    first_byte_timeout_no_stream: float = 300.0
    """The same for a POST that requests no stream: its response may come only when the turn is over."""
    idle_timeout: float = 60.0
    """Time without any byte in a body."""
    max_event_bytes: int = 8 << 20
    max_turn_bytes: int = 64 << 20
    max_json_bytes: int = 32 << 20
    max_file_bytes: int = 2 << 30
