"""Exports: a session or a turn in forms for other programs."""
