"""Import httpx without its optional dependencies; every module of this package imports it from here.

Where click and rich are installed, httpx loads its command line: 3 MB and 40 modules. It works without
click. httpcore tries to import sniffio some twenty times per request, and works without it as well.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import Any

_modules: dict[str, Any] = sys.modules
_hides_click = "httpx" not in _modules and "click" not in _modules
if _hides_click:
    # None in sys.modules makes `import click` raise ImportError.
    _modules["click"] = None
try:
    import httpx
finally:
    if _hides_click:
        del _modules["click"]

if "sniffio" not in _modules and find_spec("sniffio") is None:
    # Not undone: otherwise Python would search all folders for it at each attempt.
    _modules["sniffio"] = None

__all__ = ["httpx"]
