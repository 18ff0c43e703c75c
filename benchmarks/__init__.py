"""Benchmarks: the program in a pseudo-terminal, beside the floors of what it is made of. Linux only."""
