"""Terminal input and output: only cells that differ from what the terminal shows are written.

`cells` converts strips to cells, `screen_buffer` keeps what the terminal shows and writes the difference, and
`diff_app` is the app that paints through it. `driver` and `input_parser` read the terminal, `foreground_job`
lends it to another program. `textual_private` names what Textual does not publish.
"""
