"""Engines in processes of their own, spoken to over the Wyoming protocol."""
