"""Pure decisions over values: policy, approval, identities, history, reconciling. Nothing here asks or writes."""
