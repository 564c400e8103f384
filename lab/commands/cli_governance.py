"""Proofs, reconciling and evidence as subcommands of `mlops-lab`; the work is imported when one of them runs."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]


def register(commands: "Commands") -> None:
    """Adds verify-governance, reconcile and evidence."""
    verify = commands.add_parser("verify-governance", help="prove on the running lab that the guardrails hold")
    verify.add_argument("--only", default="", metavar="NAME", help="only proofs whose name contains this")
    verify.add_argument("--junit", default="", metavar="FILE", help="also write the proofs as JUnit XML")
    verify.set_defaults(run=_verify)
    reconcile = commands.add_parser("reconcile", help="compare the model registry with the audit trail")
    reconcile.add_argument("--repair", action="store_true", help="make tags, aliases and stages follow the trail")
    reconcile.set_defaults(run=_reconcile)
    evidence = commands.add_parser("evidence", help="write everything that is on record about a model version")
    evidence.add_argument("--version", required=True, metavar="N", help="number of the model version")
    evidence.add_argument("--output", default="", metavar="DIR", help="folder to write into (default: evidence)")
    evidence.set_defaults(run=_evidence)
    for parser in (verify, reconcile, evidence):
        parser.add_argument("--json", action="store_true", help="print one JSON document")


def _verify(options: argparse.Namespace) -> int:
    from lab.commands.governance_commands import verify

    return verify(options.json, options.junit, options.only)


def _reconcile(options: argparse.Namespace) -> int:
    from lab.commands.governance_commands import reconcile

    return reconcile(options.repair, options.json)


def _evidence(options: argparse.Namespace) -> int:
    from lab.commands.governance_commands import evidence

    return evidence(options.version, options.output, options.json)
