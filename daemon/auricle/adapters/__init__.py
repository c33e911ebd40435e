"""Doors to the outside: thin, unaware of each other, each holding the one Assistant."""
