"""Incremental Markdown: blocks, inline text, tables and code of a text become rows."""
