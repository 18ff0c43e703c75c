"""The command line program: parses arguments, wires the parts together and runs commands."""
