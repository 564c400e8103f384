"""How Dagster runs here: code server, prefork server, launcher, the guard before its pages, isolation of runs."""
