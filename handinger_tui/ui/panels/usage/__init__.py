"""The panel of usage and cost."""
