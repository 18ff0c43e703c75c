"""A typist on a busy screen: every letter arrives, and nothing is sent by accident."""
