"""The conversation as rows of cells: parts become rows, rows become strips, shown in a scrollable viewport.

`markdown` turns Markdown into rows; `rows` says what is shown of a turn and how. `layout` keeps the rows
and their positions, `painting` makes strips of them, `prefetch` does both in advance. `viewport` and
`transcript` are the widget; `overlays`, `cursor`, `search` and `text_anchors` draw and find places in it.
"""
