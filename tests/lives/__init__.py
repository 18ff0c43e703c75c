"""Random people at the whole program: what leaves was announced, and what was typed is somewhere."""
