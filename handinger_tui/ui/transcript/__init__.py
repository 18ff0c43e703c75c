"""The transcript: turns as rows."""
