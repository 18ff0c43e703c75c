"""Plain mode: a conversation in lines, for screen readers, slow lines and terminals without a cursor."""
