"""The panel of files."""
