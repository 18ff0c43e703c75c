"""Tests of the house: what must be true of the project as a whole."""
