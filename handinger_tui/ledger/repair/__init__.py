"""Repair: what can still be read of a damaged history."""
