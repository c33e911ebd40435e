"""Auricle: a voice daemon for the home."""

__version__ = "0.1.0"
