"""What is known of turns and sessions, computed from what came."""
