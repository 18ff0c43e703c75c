"""Random people and a random network: the program in terminals, with a proxy in front of the local worker."""
