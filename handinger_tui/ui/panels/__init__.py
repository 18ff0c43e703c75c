"""The panels beside the transcript."""
