"""Subcommands: one module each."""
