"""The views of one thing each, in full: an alert, an entry, a run, a service, a version, its data."""
