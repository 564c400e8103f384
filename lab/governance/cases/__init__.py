"""What people do under governance: approve, promote, reconcile, audit, collect evidence."""
