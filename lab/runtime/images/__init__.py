"""The images of the compose runtime: built from an index or without one, saved into one file, loaded from it."""
