"""httpx without the command line it loads wherever click and rich are installed: 3 MB, 40 modules.

httpx expects to find no click, and does without. Whoever imports httpx here does so through this module.
"""

from __future__ import annotations

import sys
from typing import Any

_modules: dict[str, Any] = sys.modules
_spared = "httpx" not in _modules and "click" not in _modules
if _spared:
    # Python's own way to say that there is none.
    _modules["click"] = None
try:
    import httpx
finally:
    if _spared:
        del _modules["click"]

__all__ = ["httpx"]
