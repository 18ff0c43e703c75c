"""Receipts: what one turn cost, as facts, as a line and as a page."""
