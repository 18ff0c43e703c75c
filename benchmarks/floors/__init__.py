"""Floors: small programs that show the minimum cost of the libraries."""
