"""Headless runs: one turn, or the watch of a worker, without a screen."""
