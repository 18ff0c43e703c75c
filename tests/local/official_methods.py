"""Runs inside the official Python client's own environment: records which of its methods were called."""

import functools
from typing import Any


class Methods:
    """All methods of all resources of a client; from now on every call is recorded."""

    def __init__(self, client: Any) -> None:
        self.existing: list[str] = []
        self.called: set[str] = set()
        for name in ("workers", "tasks"):
            if hasattr(client, name):
                self._watch(name, getattr(client, name))

    def _watch(self, path: str, resource: Any) -> None:
        for name in dir(type(resource)):
            if name.startswith(("_", "with_")):
                continue
            member = getattr(resource, name)
            if type(member).__name__.endswith("Resource"):
                self._watch(f"{path}.{name}", member)
            elif callable(member):
                self.existing.append(f"{path}.{name}")
                setattr(resource, name, self._noting(f"{path}.{name}", member))

    def _noting(self, path: str, method: Any) -> Any:
        @functools.wraps(method)
        def noting(*arguments: Any, **named: Any) -> Any:
            self.called.add(path)
            return method(*arguments, **named)

        return noting

    def report(self) -> dict[str, Any]:
        """The existing methods, and those that were never called."""
        return {"existing": self.existing, "missing": sorted(set(self.existing) - self.called)}
