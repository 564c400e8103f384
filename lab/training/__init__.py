"""What stands around every model's steps: the guard, a run's governance, its data, the smoke test of what came out."""
