"""httpx without what it loads and we never use: 5 MB, 40 modules. Whoever imports httpx does so through this.

Its command line comes along wherever click and rich are installed; it expects to find no click, and does
without. For digests that only some passwords need it has OpenSSL made ready, where Python's own will do. And
httpcore looks for sniffio some twenty times a request, and does without as well.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Final

_modules: Final[dict[str, Any]] = sys.modules
_SHA2: Final = ("_sha2",) if sys.version_info >= (3, 12) else ("_sha256", "_sha512")
_DIGESTS: Final = ("_md5", "_sha1", *_SHA2, "_sha3", "_blake2")
"""Python's own, as `hashlib` looks for them. Without one of them it needs OpenSSL."""


@contextmanager
def _spared() -> Iterator[None]:
    """While httpx is imported, nobody finds these. What was loaded before stays."""
    own_digests = "hashlib" not in _modules and all(map(find_spec, _DIGESTS))
    names = ["click", *(["_hashlib"] if own_digests else [])]
    hidden = [name for name in names if name not in _modules]
    # Python's own way to say that there is none.
    _modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            del _modules[name]
        if "_hashlib" in hidden:
            # Files are told apart by digests of OpenSSL, five times as fast: who asks next gets those.
            _modules.pop("hashlib", None)


with _spared():
    from http import cookiejar

    import httpx

if "sniffio" not in _modules and find_spec("sniffio") is None:
    # For good: Python would search all folders for it each time.
    _modules["sniffio"] = None

__all__ = ["cookiejar", "httpx"]
