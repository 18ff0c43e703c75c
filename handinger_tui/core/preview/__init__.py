"""Previews: what a file or a value looks like, as models that a screen draws. Bytes in, values out.

Every text in a model is cleaned; every model says what it leaves out.
"""
