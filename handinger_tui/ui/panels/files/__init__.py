"""The files panel: its index of files and its widget."""
