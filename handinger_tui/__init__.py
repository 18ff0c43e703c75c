"""handinger-tui: talk to Handinger workers in the terminal."""

__version__ = "0.1.0"
