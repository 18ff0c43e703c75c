"""Writes the version of a build into its wheel, where the program reads it."""

from __future__ import annotations

import os
import tempfile
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class VersionHook(BuildHookInterface[Any]):
    """Adds `handinger_tui/_build.py`. An editable install has none: its source changes after the build."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the file, unless this is an editable install."""
        if version == "editable":
            return
        handle, self._path = tempfile.mkstemp(suffix=".py")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(f'"""Written by the build."""\n\n__version__ = "{self.metadata.version}"\n')
        build_data["force_include"][self._path] = "handinger_tui/_build.py"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the temporary file."""
        if version != "editable":
            os.unlink(self._path)
