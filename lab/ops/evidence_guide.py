"""What the folder of evidence says about itself: how to check it without this software, and what it is good for."""

from collections.abc import Iterator
from importlib import resources

from lab.core.models import MODEL_NAME
from lab.ops.evidence_dossier import Decision, Dossier


def mapping() -> str:
    """Which files help with which rules, in Markdown."""
    return resources.files("lab.ops").joinpath("evidence_mapping.md").read_text(encoding="utf-8")


def readme(dossier: Dossier) -> str:
    """The folder's README, in Markdown."""
    return "\n".join([*_contents(dossier), *_checks(dossier), *_signatures(dossier)]) + "\n"


def _contents(dossier: Dossier) -> Iterator[str]:
    version = dossier.record.version
    yield f"# Evidence on {MODEL_NAME}, version {version}\n"
    yield f"Made by the lab `{dossier.lab}` on {dossier.made_at} with `invoke evidence --version {version}`.\n"
    if dossier.problems:
        yield "**It can't be relied on:**\n"
        yield from (f"- {problem}" for problem in dossier.problems)
        yield ""
    yield from (
        "| file | what it holds |",
        "| --- | --- |",
        "| `model-card.html`, `model-card.md` | the model for people, with `plots/` |",
        "| `metrics.json` | metrics as audited and as in MLflow, parameters |",
        "| `data/` | hash, profile of the training data, profile of the baseline, drift between them; not the data |",
        "| `approvals/` | each decision: the statement that was signed, its signature, who could sign then |",
        "| `ledger/` | the audit entries from the version's first one to a published head |",
        "| `registry.json` | what MLflow's registry says of the version, and where that differs from the audit trail |",
        "| `policy.yaml` | the policy in force when this was made; entries carry the hash of the one in force then |",
        "| `mapping.md` | which of these files help with which rules, as of the day that it names |",
        "| `SHA256SUMS` | the hash of every other file |",
        "",
    )


def _checks(dossier: Dossier) -> Iterator[str]:
    excerpt = dossier.excerpt
    yield "## Check it without this software\n"
    yield "Any computer has the tools: `sha256sum` (on macOS `shasum -a 256`), `grep`, `cut`, `diff`, `ssh-keygen`.\n"
    yield "1. The files are those that were made:\n"
    yield "   ```sh\n   sha256sum --check SHA256SUMS\n   ```\n"
    yield (
        "2. Each audit entry has the content that its hash promises. `ledger/entries/` holds entries without their\n"
        "   own hash, exactly the bytes that were hashed:\n"
    )
    yield "   ```sh\n   (cd ledger && sha256sum --check HASHES)\n   ```\n"
    yield "3. Each entry names the hash of the one before it, so that none could be changed, added or taken out:\n"
    yield (
        "   ```sh\n   cd ledger\n   cut -c 1-64 HASHES | sed '$d' > before\n"
        '   grep -ho \'"previous_hash":"[0-9a-f]*"\' entries/*.json | cut -c 18-81 | sed 1d > named\n'
        "   diff before named && echo linked; rm before named; cd ..\n   ```\n"
    )
    if excerpt.anchor:
        yield (
            f"4. The last line of `ledger/HASHES` begins with `{excerpt.anchor.hash}`. The same hash was published\n"
            f"   for entry {excerpt.anchor.seq} outside the audit trail ({excerpt.anchor.source or 'its head'};\n"
            "   see `ledger/HEADS.jsonl`). Ask for the heads that others wrote down, in backups or in Prometheus,\n"
            "   and compare.\n"
        )
    yield (
        "With Python, `python -m lab.core.verify_export` checks a whole trail, as `mlops-lab audit export` writes it;\n"
        "an excerpt has no first entry.\n"
    )


def _signatures(dossier: Dossier) -> Iterator[str]:
    signed = [decision for decision in dossier.decisions if decision.entry.details.get("signature")]
    yield "## Check the signatures\n"
    if not signed:
        yield "Nobody has signed anything about this version."
        return
    yield 'Each must say `Good "mlops-lab" signature`; the second proves the role in which somebody acted.\n'
    yield "```sh\ncd approvals"
    for decision in signed:
        yield from _commands(decision)
    yield "```\n"
    yield "A statement holds the hash of the entry before it about this version (`prior`): it can't be used twice."


def _commands(decision: Decision) -> Iterator[str]:
    entry, name = decision.entry, stem(decision)
    # An identity is judged by the time of its signature, to the second.
    at = "".join(char for char in entry.time[:19] if char.isdigit())
    for principal in (entry.owner, f"role={entry.role}"):
        yield (
            f"ssh-keygen -Y verify -n mlops-lab -I '{principal}' -O verify-time={at}Z "
            f"-f {name}.allowed_signers -s {name}.sig < {name}.statement.json"
        )


def stem(decision: Decision) -> str:
    """What the files of a decision are called."""
    return f"{decision.entry.seq:012d}-{decision.entry.action}"
