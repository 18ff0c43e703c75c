"""Markdown as rows: blocks, inline text, tables and code, for a text that still grows."""
