"""Recordings: snapshots in a file, small and quick to search."""
