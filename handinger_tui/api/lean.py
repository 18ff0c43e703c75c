"""httpx without the command line it loads wherever click and rich are installed: 3 MB, 40 modules.

httpx expects to find no click, and does without; httpcore looks for sniffio some twenty times a request, and
does without as well. Whoever imports httpx here does so through this module.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
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

if "sniffio" not in _modules and find_spec("sniffio") is None:
    # For good: Python would search all folders for it each time.
    _modules["sniffio"] = None

__all__ = ["httpx"]
