"""Charts of what was spent: values and drawings, without a screen or a file."""
