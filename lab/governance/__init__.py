"""Who may do what, and the proof of what was done: `ledger` (the audit trail), `rules` (pure decisions), `cases` (what people do), `checks` (verify-governance)."""
