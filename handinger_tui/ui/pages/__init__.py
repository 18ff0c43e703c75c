"""Screens over the work screen: receipt, budget comparison, preview and data."""
