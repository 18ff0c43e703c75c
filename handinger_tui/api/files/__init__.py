"""Files of a worker: where they lie, and how they come to this machine."""
