"""Benches: one file each, measuring the program beside its floor, run by run in turns."""
