"""The command `auricle`, a module a command."""
