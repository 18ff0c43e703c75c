"""Previews of the files of a worker: loading in a thread, and the widgets that show them."""
