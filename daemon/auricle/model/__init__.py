"""The vocabulary of the house: frozen dataclasses on the standard library alone."""
