"""Every command: what it is called with, what it does, what it prints."""
