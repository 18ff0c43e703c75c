"""Startup: the prompt that stands before the rest is loaded, and the collector while it loads."""
