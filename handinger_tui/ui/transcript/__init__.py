"""The conversation as rows of cells, from the widget down.

`transcript` is the widget, `layout` has the rows of each turn and their positions, `rows` says what is shown
of a turn, `document` and below it `blocks` and `code` turn Markdown into rows, and `painting` makes strips of
them.
"""
