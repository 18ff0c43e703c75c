"""The panel of sources."""
