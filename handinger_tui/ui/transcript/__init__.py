"""The conversation as rows of cells: from parts to rows, from rows to strips, seen through one window.

`markdown` and its helpers (`blocks`, `inline`, `table`, `code`) turn Markdown
into rows; `rows` does so for every part of a turn; `pages` keeps each turn's
rows as strips while they are near the window; `view` is the window.
"""
