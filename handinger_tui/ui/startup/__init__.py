"""Start of the app: takeover from the early prompt, and tuning of the garbage collector."""
