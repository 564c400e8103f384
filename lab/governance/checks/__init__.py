"""Proving on the running lab that the guardrails hold: real runs, real refusals, real attempts to tamper."""

from lab.governance.checks.proof import Check, Proof
from lab.governance.checks.verifier import Verifier

__all__ = ["Check", "Proof", "Verifier"]
