"""Rows of the parts of a turn, before they are wrapped."""
