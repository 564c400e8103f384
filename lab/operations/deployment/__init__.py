"""Bringing a commit to AWS: its source and images, the account, Terraform, and the approval in between."""
