"""The folder of evidence: complete, checkable with stock tools alone, and honest about what can't be relied on."""

import json
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest

from lab.base.account import named
from lab.base.dataset import BASELINE_KEY, DatasetRef, dataset_key, profile_key, read_rows
from lab.base.errors import LabError, NotFound
from lab.governance.cases.evidence import Collector, Evidence
from lab.governance.cases.evidence.evidence_page import Grid, Heading, Paragraph, markdown, page
from lab.governance.ledger import Head, Status
from lab.governance.ledger.published_heads import PublishedHeads
from lab.governance.rules.criteria import Fairness, criteria_of
from lab.governance.rules.policy import Action
from lab.models.groups import Comparison, Group, Measured
from lab.models.model_folder import Model
from tests.support import governed_lab
from tests.support.contracts import CONTRACT, MODEL, profile_of
from tests.support.governed_lab import GovernedLab
from tests.support.lab import ROOT

CSV = (ROOT / "data" / "sample_data.csv").read_bytes()
DIGEST = sha256(CSV).hexdigest()
PLOT = b"\x89PNG picture"


class Objects:
    """The data bucket in a dictionary: what a collector asks of S3."""

    def __init__(self) -> None:
        made = profile_of(read_rows(CSV.decode("utf-8-sig").splitlines(keepends=True)), DIGEST)
        self.objects = {
            dataset_key(DIGEST): CSV,
            profile_key(DIGEST): made.to_json(),
            BASELINE_KEY: DatasetRef(DIGEST, made.rows, "sample").to_json(),
        }

    def get(self, bucket: str, key: str) -> bytes:
        try:
            return self.objects[key]
        except KeyError:
            raise NotFound(f"{key} is not there.") from None

    def sha256(self, bucket: str, key: str) -> str:
        return sha256(self.get(bucket, key)).hexdigest()

    def lines(self, bucket: str, key: str) -> Iterator[str]:
        yield from self.get(bucket, key).decode("utf-8-sig").splitlines(keepends=True)


@pytest.fixture
def governed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> GovernedLab:
    monkeypatch.setattr(governed_lab, "DATA", DIGEST)
    made = GovernedLab(tmp_path).staffed()
    made.stored = {DIGEST: DIGEST}
    made.registry.files = {"plots/roc.png": PLOT}
    return made


def collector(governed: GovernedLab, objects: Objects | None = None) -> Collector:
    return Collector(governed.config, governed.registry.client(), objects or Objects(), governed.store)  # type: ignore[arg-type]


async def written(governed: GovernedLab, version: str, objects: Objects | None = None) -> tuple[Evidence, Path]:
    made = await collector(governed, objects).write(MODEL, version, governed.folder / "evidence")
    return made, Path(made.folder)


@pytest.fixture
async def champion(governed: GovernedLab) -> tuple[Evidence, Path]:
    """The evidence of a version that went all the way, with other versions' entries in between."""
    governed.train()
    version = governed.train()
    await governed.act(Action.APPROVE, version)
    governed.train(owner="<script>alert(1)</script>")
    await governed.promoted_from_approved(version)
    return await written(governed, version)


def shell(folder: Path, script: str) -> str:
    done = subprocess.run(named(["bash", "-euc", script]), cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def commands(folder: Path) -> list[str]:
    """The shell blocks of the folder's own README."""
    blocks = (folder / "README.md").read_text().split("```sh\n")[1:]
    return [block.partition("```")[0] for block in blocks]


async def test_everything_is_there_and_in_the_zip(champion: tuple[Evidence, Path]) -> None:
    made, folder = champion
    assert made.succeeded, made.problems
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files >= {
        "README.md",
        "mapping.md",
        "model-card.md",
        "model-card.html",
        "metrics.json",
        "registry.json",
        "policy.yaml",
        "SHA256SUMS",
        "plots/roc.png",
        "plots/drift.svg",
        "data/hash.json",
        "data/profile.json",
        "data/baseline-profile.json",
        "data/drift.json",
        "ledger/HASHES",
        "ledger/HEADS.jsonl",
        "ledger/excerpt.jsonl",
    }
    assert made.files == len(files)
    with zipfile.ZipFile(made.archive) as packed:
        assert packed.testzip() is None
        assert {name.partition("/")[2] for name in packed.namelist()} == files
        assert packed.read(f"{folder.name}/metrics.json") == (folder / "metrics.json").read_bytes()
    assert len([name for name in files if name.endswith(".sig")]) == 4
    assert json.loads((folder / "data/hash.json").read_text()) == {"audited": DIGEST, "stored": DIGEST}
    assert json.loads((folder / "metrics.json").read_text())["audited"] == {"auc": "0.75"}


async def test_the_readmes_own_commands_check_it(champion: tuple[Evidence, Path]) -> None:
    _, folder = champion
    sums, hashes, links, signatures = commands(folder)
    assert "FAILED" not in shell(folder, sums)
    assert "FAILED" not in shell(folder, hashes)
    assert shell(folder, links).strip() == "linked"
    assert shell(folder, signatures).count('Good "mlops-lab" signature') == 8


async def test_the_readmes_commands_notice_a_change(champion: tuple[Evidence, Path]) -> None:
    _, folder = champion
    sums, hashes, links, signatures = commands(folder)
    statement = next(folder.glob("approvals/*.statement.json"))
    statement.write_text(statement.read_text().replace("because it is right", "because I say so"))
    entry = sorted((folder / "ledger" / "entries").iterdir())[2]
    entry.write_bytes(entry.read_bytes().replace(b'"role":"', b'"role":"x'))
    lines = (folder / "ledger" / "HASHES").read_text().splitlines(keepends=True)
    for script in (sums, hashes, signatures):
        with pytest.raises(AssertionError):
            shell(folder, script)
    (folder / "ledger" / "HASHES").write_text("".join([lines[0], *lines[2:]]))
    assert "linked" not in shell(folder, links)


async def test_the_excerpt_ends_at_a_head_that_was_published(governed: GovernedLab) -> None:
    version = governed.train()
    last = governed.store.entries[-1].seq
    later = governed.train()
    head = governed.store.entries[-2]
    PublishedHeads.in_folder(governed.config.home / "witness").note(head.seq, head.hash)
    governed.train()
    dossier = await collector(governed).collect(MODEL, version)
    assert dossier.excerpt.anchor == Head(head.seq, head.hash, "in heads.jsonl")
    assert [seq for seq, _ in dossier.excerpt.bodies] == list(range(last - 2, head.seq + 1))
    made, folder = await written(governed, version)
    assert head.hash in (folder / "README.md").read_text()
    assert (folder / "ledger" / "HASHES").read_text().splitlines()[-1].startswith(head.hash)
    assert int(later) > int(version)
    assert made.last == head.seq


async def test_a_version_without_decisions_has_evidence_too(governed: GovernedLab) -> None:
    made, folder = await written(governed, governed.train())
    assert made.succeeded
    assert made.state == "pending_staging"
    assert "Nobody has decided" in (folder / "model-card.md").read_text()
    assert "Nobody has signed" in (folder / "README.md").read_text()


async def test_what_cannot_be_relied_on_is_said_everywhere(governed: GovernedLab) -> None:
    version, objects = governed.train(), Objects()
    governed.registry.tags[version]["approval_state"] = "approved_prod"
    objects.objects[dataset_key(DIGEST)] = CSV.replace(b"good", b"bad", 1)
    key = sorted(governed.store.objects)[1]
    governed.store.objects[key] = governed.store.objects[key].replace(b"adam", b"evil")
    made, folder = await written(governed, version, objects)
    assert not made.succeeded
    for text in ("modified", "approval_state", "stored training data"):
        assert any(text in problem for problem in made.problems), text
        assert text in (folder / "README.md").read_text().replace("\\", "")
        assert text in (folder / "model-card.html").read_text()


async def test_data_and_plots_that_are_gone_leave_a_gap_and_no_failure(governed: GovernedLab) -> None:
    objects = Objects()
    objects.objects.clear()
    governed.registry.files = {}
    made, folder = await written(governed, governed.train(), objects)
    assert made.problems == (f"the training data {DIGEST[:12]} isn't in the store",)
    assert not (folder / "plots").exists()


async def test_a_version_nobody_audited_has_no_evidence(governed: GovernedLab) -> None:
    governed.registry.tags["1"] = {}
    governed.registry.metrics["run1"] = {}
    with pytest.raises(NotFound, match="isn't in the audit trail"):
        await written(governed, "1")


async def test_evidence_is_never_written_over(governed: GovernedLab) -> None:
    version = governed.train()
    made = replace(await collector(governed).collect(MODEL, version), made_at="2026-11-23T00:00:00Z")
    from lab.governance.cases.evidence import evidence_pack

    files = evidence_pack.files(made, governed.config.audit_prefix)
    evidence_pack.write(files, governed.folder / "once")
    with pytest.raises(LabError, match="there already"):
        evidence_pack.write(files, governed.folder / "once")


class Tags(HTMLParser):
    """Collects the names of a page's elements and what they load."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.sources += [value or "" for name, value in attrs if name in {"src", "href"}]


async def test_the_card_holds_its_pictures_and_no_scripts(governed: GovernedLab) -> None:
    governed.append("ingest_data", Status.STARTED, owner="x")
    version = governed.train(owner="<script>alert(1)</script>")
    _, folder = await written(governed, version)
    tags = Tags()
    html = (folder / "model-card.html").read_text()
    tags.feed(html)
    assert "script" not in tags.names
    assert "&lt;script&gt;" in html
    assert tags.sources
    assert all(source.startswith("data:image/") for source in tags.sources)
    assert "<script>" not in (folder / "model-card.md").read_text().replace("\\<", "")


async def test_the_card_says_what_groups_show_and_what_that_does_not(governed: GovernedLab) -> None:
    groups = (
        Group("old", 90, 90, 0.1, 0.05, 0.15),
        Group("<i>young", 80, 80, 0.5, 0.4, 0.6),
        Group("x", 3, 3, 1, 0.3, 1),
    )
    compared = Comparison("age_in_years", "m", "selection_rate", 30, groups, 0.3)
    asked = replace(criteria_of(CONTRACT), fairness=Fairness("demographic_parity_difference"))
    told = Measured("demographic_parity_difference", 30, (compared,)).as_details()
    _, folder = await written(governed, governed.train(asked=asked, groups=told))
    card, html = (folder / "model-card.md").read_text(), (folder / "model-card.html").read_text()
    assert (
        "those that the training step audited; groups of fewer than 30 rows that the rate counts aren't judged" in card
    )
    assert "more than chance explains: at least 0.288 between '<i>young' and 'old'" in html.replace(
        "&lt;", "<"
    ).replace("&gt;", ">").replace("&#x27;", "'")
    assert "<i>young" not in html
    assert "1 with fewer than 30 held-out rows is left out" in card
    assert "whether labels themselves are just" in card
    assert json.loads((folder / "metrics.json").read_text())["groups"] == told


def test_a_page_says_the_same_in_both_forms() -> None:
    blocks = [Heading("A | b", 1), Paragraph("careful", warning=True), Grid([("name", "value"), ("x|y", "1")])]
    assert markdown(blocks) == "# A \\| b\n\n> **Warning:** careful\n\n| name | value |\n| --- | --- |\n| x\\|y | 1 |\n"
    html = page("A <b>", blocks)
    assert "<title>A &lt;b&gt;</title>" in html
    assert "<td>x|y</td><td>1</td>" in html
    assert "<p class=warning>careful</p>" in html


async def test_evidence_of_one_model_holds_nothing_of_another_with_the_same_number(governed: GovernedLab) -> None:
    other = Model(MODEL.folder, CONTRACT.model_copy(update={"name": "Churn", "default": False}))
    governed.train()
    governed.train(model="Churn")
    await governed.act(Action.REJECT, "1")
    governed.registry.tags["1"]["owner"] = "eve"
    objects = Objects()
    objects.objects[other.id.profile_key(DIGEST)] = objects.objects[profile_key(DIGEST)]
    objects.objects[other.id.baseline_key] = objects.objects[BASELINE_KEY]
    made = await collector(governed, objects).write(other, "1", governed.folder / "evidence")
    assert (made.succeeded, made.state, made.problems) == (True, "pending_staging", ())
    assert Path(made.folder).name.startswith("Churn-v1-")
    text = (Path(made.folder) / "README.md").read_text()
    assert "invoke evidence --model Churn --version 1" in text
    assert "Nobody has signed" in text
    ours = await collector(governed, objects).write(MODEL, "1", governed.folder / "evidence")
    assert (ours.succeeded, ours.state) == (False, "rejected")
