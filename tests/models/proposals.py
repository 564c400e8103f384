"""What is read of a proposal."""

from collections.abc import Callable

from lab.models.contract import Contract
from lab.models.model_folder import read_contract
from lab.models.proposal.proposing import Proposal

Propose = Callable[..., Proposal]


def contract_of(made: Proposal) -> Contract:
    return read_contract(made.folder / "model.yaml")


def says(made: Proposal, column: str) -> str:
    return "; ".join(look.says for look in made.looks if look.column == column)
