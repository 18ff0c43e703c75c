"""A wrapper that hides the API key, and an environment without secrets for child processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


class Secret:
    """A secret value. Only `reveal` returns it; `repr` hides it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The secret itself, for the code that sends it."""
        return self._value

    def tail(self) -> str:
        """The last four characters, as shown in the account badge."""
        return self._value[-4:] if len(self._value) >= 12 else ""

    def __repr__(self) -> str:
        return "Secret(…)"

    def __bool__(self) -> bool:
        return bool(self._value)


SECRET_VARIABLES: Final = ("HANDINGER_API_KEY", "HANDINGER_CUSTOM_HEADERS")
"""Variables that hold secrets. The custom headers may hold the key of a gateway."""


def without_secrets(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment without secrets, for editors, openers, browsers and their child processes."""
    return {name: value for name, value in environ.items() if name.upper() not in SECRET_VARIABLES}
