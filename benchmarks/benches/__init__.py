"""Benches: one file each, measuring the program and its floor in alternating runs."""
