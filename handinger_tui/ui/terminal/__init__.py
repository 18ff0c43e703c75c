"""Terminal input and output: only cells that differ from what the terminal shows are written.

`cells` converts strips to cells, `diff_writer` writes the difference between two rows, `screen_buffer` keeps
what the terminal shows and lets it scroll, and `diff_app` is the app that paints through it. `driver`,
`input_reader`, `output_writer`, `key_sequences` and `terminal_replies` connect it to the terminal.
"""
