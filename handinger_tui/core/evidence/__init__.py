"""Evidence: sources, files and data sets, and where an answer cites them."""
