"""The conversation as rows of cells: from parts to rows, from rows to strips, seen through one window.

`markdown` (with `blocks`, `inline`, `table`, `code`, `wrap`) turns Markdown into
rows; `slots` says what is shown of a turn, and `rows`, `cards`, `endings` how.
`sheet`, `page` and `book` keep rows and where they stand; `paint` and `draw`
make strips of them. `window`, `folding` and `view` are the widget. `guard` is
the last gate before the terminal.
"""
