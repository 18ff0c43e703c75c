"""The local worker: the `workers` generation of the API on loopback, for users without a key and for tests.

It imports nothing from the rest of the program, so that it cannot share a bug with the client.
"""
