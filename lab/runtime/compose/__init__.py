"""The compose runtime: the catalogue's servers as containers."""
