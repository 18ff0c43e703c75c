"""What came from the service: frames, events, readings of the worker."""
