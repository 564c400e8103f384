"""Runtimes: how the services of the catalogue come to run, and what is known of their processes."""
