"""Who may do what, and the proof of what was done.

`ledger` is the audit trail, `rules` decide, `cases` are what people do, `checks` prove that the guardrails hold.
"""
