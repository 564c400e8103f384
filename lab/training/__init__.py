"""What stands around every model's steps: the guard, the governance of a run, its storage, the smoke test of what came out."""
