"""What goes to the terminal: only cells that differ from what it shows already.

`cells` makes cells of strips, `lean` writes the difference between two rows,
`board` remembers what the terminal shows and lets it scroll by itself, `display`
is the app that paints over it.
"""
