"""The four steps that every run has, one module each: ingest, validate, train, register."""
