"""handinger-tui: talk to Handinger workers in the terminal."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 - a folder on the path is not checked by pip
    _now = ".".join(map(str, sys.version_info[:3]))
    sys.exit(f"handinger-tui needs Python 3.11 or newer; this is {_now}. Nothing was sent.")
try:
    # Only in a wheel: the number with the digest of what it was built from.
    from handinger_tui._build import __version__ as __version__
except ImportError:
    __version__ = "0.2.0.dev0"
