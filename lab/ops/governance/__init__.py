"""Proving on the running lab that the guardrails hold: real runs, real refusals, real attempts to tamper."""

from lab.ops.governance.proof import Check, Proof
from lab.ops.governance.verifier import Verifier

__all__ = ["Check", "Proof", "Verifier"]
