"""From a dossier to files: a folder that says how to check it without this software, a list of hashes, a zip."""

import json
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any

from lab.base.errors import LabError, LedgerError
from lab.governance.cases.evidence.dossier import Data, Decision, Dossier
from lab.governance.cases.evidence.evidence_page import markdown, page
from lab.governance.cases.evidence.model_card import DRIFT_PLOT, card, drift_plot
from lab.governance.ledger import Entry, canonical, key_of, parse
from lab.governance.ledger.writer import export_line
from lab.governance.rules.approval_states import parse_statement
from lab.governance.rules.policy import METRICS

SUMS = "SHA256SUMS"


def files(dossier: Dossier, prefix: str) -> dict[str, bytes]:
    """Every file by its path in the folder, hashes included; `prefix` is the audit trail's."""
    title = f"{dossier.record.model}, version {dossier.record.version}"
    texts = {
        "README.md": readme(dossier),
        "mapping.md": mapping(),
        "model-card.md": markdown(card(dossier)),
        "model-card.html": page(title, card(dossier)),
        "metrics.json": _json(_metrics(dossier)),
        "registry.json": _json(_registry(dossier)),
        "policy.yaml": dossier.policy,
        **dict(_data(dossier.data)),
        **{name: text for one in dossier.decisions for name, text in _decision(one)},
    }
    made = {name: text.encode() for name, text in texts.items()}
    made |= {f"plots/{name}": body for name, body in dossier.plots.items()}
    if dossier.data.drift:
        made[f"plots/{DRIFT_PLOT}"] = drift_plot(dossier.data.drift)
    made |= dict(_ledger(dossier, prefix))
    sums = "".join(f"{sha256(made[name]).hexdigest()}  {name}\n" for name in sorted(made))
    return {**made, SUMS: sums.encode()}


def write(made: Mapping[str, bytes], folder: Path) -> Path:
    """Writes folder and zip, neither of which may be there already; returns the zip. Raises LabError."""
    archive = folder.with_name(folder.name + ".zip")
    try:
        folder.mkdir(parents=True)
        for name, body in made.items():
            path = folder / name
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_bytes(body)
        with zipfile.ZipFile(archive, "x", zipfile.ZIP_DEFLATED) as packed:
            for name in sorted(made):
                packed.writestr(f"{folder.name}/{name}", made[name])
    except FileExistsError:
        raise LabError(f"{folder} or its zip is there already.", "Give --output another folder.") from None
    except OSError as err:
        shutil.rmtree(folder, ignore_errors=True)
        raise LabError(f"Can't write {folder}: {err.strerror}.", "Give --output a folder you can write to.") from None
    return archive


def mapping() -> str:
    """Which files help with which rules, in Markdown."""
    return resources.files("lab.governance.cases.evidence").joinpath("mapping.md").read_text(encoding="utf-8")


def readme(dossier: Dossier) -> str:
    """The folder's README, in Markdown."""
    return "\n".join([*_contents(dossier), *_checks(dossier), *_signatures(dossier)]) + "\n"


def _contents(dossier: Dossier) -> Iterator[str]:
    version = dossier.record.version
    yield f"# Evidence on {dossier.record.model}, version {version}\n"
    command = f"invoke evidence --model {dossier.record.model} --version {version}"
    yield f"Made by the lab `{dossier.lab}` on {dossier.made_at} with `{command}`.\n"
    if dossier.problems:
        yield "**It can't be relied on:**\n"
        yield from (f"- {problem}" for problem in dossier.problems)
        yield ""
    yield from (
        "| file | what it holds |",
        "| --- | --- |",
        "| `model-card.html`, `model-card.md` | the model for people, with `plots/` |",
        "| `metrics.json` | metrics as audited and as in MLflow, groups of people as audited, parameters |",
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
        "With Python, `python -m lab.governance.ledger.verify_export` checks a whole trail, as\n"
        "`mlops-lab audit export` writes it; an excerpt has no first entry.\n"
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


def _metrics(dossier: Dossier) -> dict[str, Any]:
    found = dossier.found.metrics if dossier.found else {}
    return {
        "audited": {name: dossier.record.metrics[name] for name in METRICS if name in dossier.record.metrics},
        "mlflow": dict(found),
        "groups": dossier.record.measured.as_details() if dossier.record.measured else None,
        "parameters": dict(dossier.params),
    }


def _registry(dossier: Dossier) -> dict[str, Any]:
    return {
        "version": asdict(dossier.found) | {"tags": dict(dossier.found.tags)} if dossier.found else None,
        "differences": [str(finding) for finding in dossier.findings],
        "aliases_by_the_audit_trail": list(dossier.aliases),
        "state_by_the_audit_trail": dossier.record.state.value,
    }


def _data(data: Data) -> Iterator[tuple[str, str]]:
    yield "data/hash.json", _json({"audited": data.audited, "stored": data.stored})
    for name, value in (("profile", data.profile), ("baseline-profile", data.baseline)):
        if value:
            yield f"data/{name}.json", _json(asdict(value))
    if data.drift:
        states = {"detected": data.drift.detected, "drifted": data.drift.drifted}
        yield "data/drift.json", _json(asdict(data.drift) | states)


def _decision(decision: Decision) -> Iterator[tuple[str, str]]:
    name, details = f"approvals/{stem(decision)}", decision.entry.details
    yield f"{name}.statement.json", parse_statement(details["statement"]).body().decode()
    yield f"{name}.entry.json", decision.entry.body().decode()
    if details.get("signature"):
        yield f"{name}.sig", str(details["signature"])
        yield f"{name}.allowed_signers", "".join(f"{signer.line}\n" for signer in decision.known)


def _ledger(dossier: Dossier, prefix: str) -> Iterator[tuple[str, bytes]]:
    hashes, lines = [], []
    for seq, body in dossier.excerpt.bodies:
        lines.append(export_line(key_of(prefix, seq), body) + "\n")
        name = f"entries/{seq:012d}.json"
        try:
            entry = parse(body)
        except LedgerError:
            # What is no entry can't be checked; it is shown as it was found.
            yield f"ledger/{name}.unreadable", body
            continue
        hashes.append(f"{entry.hash}  {name}\n")
        yield f"ledger/{name}", hashed(entry)
    heads = [{"seq": head.seq, "hash": head.hash, "source": head.source} for head in dossier.excerpt.heads]
    yield "ledger/HASHES", "".join(hashes).encode()
    yield "ledger/excerpt.jsonl", "".join(lines).encode()
    yield "ledger/HEADS.jsonl", "".join(json.dumps(head) + "\n" for head in heads).encode()


def hashed(entry: Entry) -> bytes:
    """The bytes whose SHA-256 is the entry's hash."""
    return canonical({one.name: getattr(entry, one.name) for one in fields(entry) if one.name != "hash"})


def _json(value: object) -> str:
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, default=dict) + "\n"
