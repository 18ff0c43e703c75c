"""The local worker: the `workers` generation of the API on loopback, for people with no key and for tests.

It imports nothing of the rest of the program, so that it cannot share a mistake with the client.
"""
