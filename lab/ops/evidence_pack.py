"""From a dossier to files: a folder, a list of hashes, a zip."""

import json
import shutil
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from hashlib import sha256
from pathlib import Path
from typing import Any

from lab.clients.audit import export_line
from lab.core.approval import parse_statement
from lab.core.errors import LabError, LedgerError
from lab.core.ledger import Entry, canonical, key_of, parse
from lab.core.models import MODEL_NAME
from lab.core.policy import METRICS
from lab.ops.evidence_card import DRIFT_PLOT, card, drift_plot
from lab.ops.evidence_dossier import Data, Decision, Dossier
from lab.ops.evidence_guide import mapping, readme, stem
from lab.ops.evidence_page import markdown, page

SUMS = "SHA256SUMS"


def files(dossier: Dossier, prefix: str) -> dict[str, bytes]:
    """Every file by its path in the folder, hashes included; `prefix` is the audit trail's."""
    title = f"{MODEL_NAME}, version {dossier.record.version}"
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


def _metrics(dossier: Dossier) -> dict[str, Any]:
    found = dossier.found.metrics if dossier.found else {}
    return {
        "audited": {name: dossier.record.metrics[name] for name in METRICS if name in dossier.record.metrics},
        "mlflow": dict(found),
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
