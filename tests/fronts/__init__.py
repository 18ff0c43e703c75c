"""Twelve journeys, written once, through every front: app, plain mode, headless, ACP and MCP."""
