"""The sources panel: facts, groups and lines of sources, and its widget."""
