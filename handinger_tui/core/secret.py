"""The key: a value that does not show itself, and an environment without it for the programs we start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


class Secret:
    """A key. Only `reveal` gives it away."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The key itself, for the one place that sends it."""
        return self._value

    def tail(self) -> str:
        """The last four characters, as shown in the account badge."""
        return self._value[-4:] if len(self._value) >= 12 else ""

    def __repr__(self) -> str:
        return "Secret(…)"

    def __bool__(self) -> bool:
        return bool(self._value)


SECRET_VARIABLES: Final = ("HANDINGER_API_KEY", "HANDINGER_CUSTOM_HEADERS")
"""The headers may hold a key of a gateway."""


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment for an editor, an opener or a browser, and for all that they start."""
    return {name: value for name, value in environ.items() if name.upper() not in SECRET_VARIABLES}
