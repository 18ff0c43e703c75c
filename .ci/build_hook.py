"""Writes the version of a build into its wheel, where the program reads it, and what a package page shows."""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface


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


class PageHook(MetadataHookInterface):
    """What a package page shows: the README, with links that lead to the repository from anywhere.

    REPOSITORY_URL is its address, which the release workflow knows; without it links stay as they are.
    """

    def update(self, metadata: dict[str, Any]) -> None:
        """Add the README, and where the project is."""
        text = Path(self.root, "README.md").read_text("utf-8")
        home = os.environ.get("REPOSITORY_URL", "").rstrip("/")
        if home:
            number = metadata["version"]
            place = "HEAD" if "dev" in number else f"v{number}"
            text = re.sub(r"(!\[[^\]]*\]\()(?!https?:)", rf"\1{home}/raw/{place}/", text)
            text = re.sub(r"(\]\()(?!https?:|#)", rf"\1{home}/blob/{place}/", text)
            pages = {"Documentation": "docs/index.md", "Changelog": "CHANGELOG.md"}
            metadata["urls"] = {"Source": home, "Issues": f"{home}/issues"} | {
                name: f"{home}/blob/{place}/{path}" for name, path in pages.items()
            }
        metadata["readme"] = {"content-type": "text/markdown", "text": text}
