"""Turns and sessions, computed from what arrived."""
