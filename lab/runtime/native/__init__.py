"""The native runtime: the catalogue's servers as supervised processes of this host."""
