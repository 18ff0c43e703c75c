"""Where the style sheet lies.

In a checkout it is the file at the top of the repository, so that
`TEXTUAL=debug handinger-tui` reloads it while it is edited; in an installed
package it lies beside this module (pyproject.toml maps it there).
"""

from __future__ import annotations

from pathlib import Path

_HERE = Path(__file__).resolve().parent
# The package's own copy first: a stranger's styles.tcss at the root of
# site-packages must never be picked up.
_PLACES = (_HERE / "styles.tcss", _HERE.parent / "styles.tcss")

# An absolute path, since Textual resolves a relative one against the file of
# the app's subclass. Not importlib.resources: a checkout's package holds no copy.
STYLESHEET: Path = next((place for place in _PLACES if place.is_file()), _PLACES[0])
