"""Floors: the least that the libraries under the program cost, as small programs of their own."""
