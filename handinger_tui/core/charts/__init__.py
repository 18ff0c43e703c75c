"""Charts of spending as values and drawings, independent of screens and files."""
