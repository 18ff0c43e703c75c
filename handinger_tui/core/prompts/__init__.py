"""Prompts: what is being written, with its attachments."""
