"""Exports: a session, a turn, sources and spending in forms for other programs."""
