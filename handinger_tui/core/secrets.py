"""Secrets: what of our environment no other program may see. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

SECRET_VARIABLES: Final = ("HANDINGER_API_KEY", "HANDINGER_CUSTOM_HEADERS")
"""The headers may hold a key of a gateway."""


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for an editor, an opener or a browser, and for all that they start."""
    return {name: value for name, value in environ.items() if name.upper() not in SECRET_VARIABLES}
