"""The model card that a version in MLflow carries as its description, in Markdown."""

from collections.abc import Iterator, Mapping

from lab.models.contract import Contract

# MLflow's column holds no more.
MOST = 5_000


def version_card(contract: Contract, tags: Mapping[str, str], metrics: Mapping[str, float]) -> str:
    """What the version is for, what it isn't for, what it was made of and how good it is; at most `MOST` characters."""
    text = "\n\n".join(_parts(contract, tags, metrics))
    return text if len(text) <= MOST else text[: MOST - 1] + "…"


def _parts(contract: Contract, tags: Mapping[str, str], metrics: Mapping[str, float]) -> Iterator[str]:
    yield f"**{contract.purpose}**"
    yield f"Task: {contract.task} of `{contract.target}`. Owner: {contract.owner}. Risk tier: {contract.risk_tier}."
    if contract.limits:
        yield "Limits:\n\n" + "\n".join(f"- {' '.join(one.split())}" for one in contract.limits)
    rows = "\n".join(f"| {name} | {value:.6g} |" for name, value in sorted(metrics.items()))
    judged = f"On rows that it wasn't trained on, judged by `{contract.decisive}`:"
    yield f"{judged}\n\n| metric | value |\n| --- | --- |\n{rows}"
    yield f"Trained on the data with SHA-256 `{tags['data_hash']}`; drift against the baseline: {tags['drift_state']}."
    if contract.protected:
        names = ", ".join(f"`{name}`" for name in contract.protected)
        yield f"Protected columns, by which groups are compared: {names}."
    yield (
        f"Registered by {tags['owner']} ({tags['role']}, {tags['environment']}), audit entry {tags['audit_seq']}. "
        "This text is from the registration: what was decided since is in the tags, and proved by the audit trail. "
        "`invoke evidence` writes all of it."
    )
