"""handinger-tui: talk to Handinger workers in the terminal."""

try:
    # Only in a wheel: the number with the digest of what it was built from.
    from handinger_tui._build import __version__ as __version__
except ImportError:
    __version__ = "0.2.0.dev0"
