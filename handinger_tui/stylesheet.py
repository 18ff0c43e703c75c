"""The path of the stylesheet.

In a checkout it is the file at the top of the repository, so that
`TEXTUAL=debug handinger-tui` reloads it while it is edited; in an installed
package it is beside this module (pyproject.toml maps it there).
"""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent
# The copy of the package comes first: a foreign styles.tcss at the root of
# site-packages must never be used.
_CANDIDATES = (_HERE / "styles.tcss", _HERE.parent / "styles.tcss")

# The path is absolute, since Textual resolves a relative one against the module of
# the App subclass. Not importlib.resources: in a checkout the package has no copy.
STYLESHEET: Path = next((path for path in _CANDIDATES if path.is_file()), _CANDIDATES[0])
