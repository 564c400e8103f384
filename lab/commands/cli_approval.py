"""Approval and identities as subcommands of `mlops-lab`; the work is imported when one of them runs."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Commands = argparse._SubParsersAction[argparse.ArgumentParser]

_HELP = {
    "approve": "approve a model version for staging, later for prod",
    "reject": "reject a model version and take its aliases away",
    "promote": "move the alias staging, later champion, to an approved version",
    "archive": "put a model version away for good",
}
_SIGN_WITH = "SSH key of an identity that may change identities"


def register(commands: "Commands") -> None:
    """Adds approve, reject, promote, archive and identity."""
    for action in _HELP:
        _register_action(commands, action)
    identity = commands.add_parser("identity", help="who may sign").add_subparsers(required=True, metavar="COMMAND")
    add = identity.add_parser("add", help="let an SSH key act as NAME")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--key", required=True, metavar="FILE.pub", help="the key's public half")
    add.add_argument("--role", required=True, action="append", help="role held; may be given several times")
    add.add_argument("--until", default="", metavar="YYYYMMDD", help="day from which the key no longer counts")
    remove = identity.add_parser("remove", help="take the keys of NAME out")
    remove.add_argument("name", metavar="NAME")
    for parser in (add, remove):
        parser.add_argument("--reason", default="", help="why, for the audit trail")
        parser.add_argument("--sign-with", default="", metavar="FILE", help=_SIGN_WITH)
        _json(parser)
    listing = identity.add_parser("list", help="show who may sign")
    _json(listing)
    add.set_defaults(run=_add)
    remove.set_defaults(run=_remove)
    listing.set_defaults(run=_list)


def _register_action(commands: "Commands", action: str) -> None:
    parser = commands.add_parser(action, help=_HELP[action])
    parser.add_argument("--version", required=True, metavar="N", help="its number; 1@3f2a90c1 where it was given twice")
    parser.add_argument("--reason", required=True, help="why, in a sentence that the audit trail keeps")
    parser.add_argument("--key", default="", metavar="FILE", help="SSH key that signs")
    parser.add_argument("--role", default="", help="role to act in, where the identity holds several")
    parser.add_argument("--dry-run", action="store_true", help="show the gates and change nothing")
    _json(parser)
    parser.set_defaults(run=lambda options: _act(action, options))


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def _act(action: str, options: argparse.Namespace) -> int:
    from lab.commands.approval_commands import act
    from lab.governance.rules.policy import Action

    return act(
        Action(action), options.version, options.reason, options.key, options.role, options.dry_run, options.json
    )


def _add(options: argparse.Namespace) -> int:
    from lab.commands.approval_commands import add_identity

    return add_identity(
        options.name, options.key, options.role, options.reason, options.until, options.sign_with, options.json
    )


def _remove(options: argparse.Namespace) -> int:
    from lab.commands.approval_commands import remove_identity

    return remove_identity(options.name, options.reason, options.sign_with, options.json)


def _list(options: argparse.Namespace) -> int:
    from lab.commands.approval_commands import list_identities

    return list_identities(options.json)
