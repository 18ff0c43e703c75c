"""Previews of files and values as models that a screen draws: bytes in, values out.

All text in a model is cleaned; every model says what it leaves out.
"""
