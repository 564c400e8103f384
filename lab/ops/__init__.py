"""Use cases: what the tasks and the dashboard do, without drawing anything."""
