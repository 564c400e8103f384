"""What a model version waits for, and from whom."""

from collections.abc import Mapping

from lab.base.model_versions import ModelVersion
from lab.observe.snapshot import LabInfo
from lab.views import formats
from lab.views.cells import Span, Tone
from lab.views.view import View

# By state: what comes next, and in which environment it is decided.
NEXT: Mapping[str, tuple[str, str]] = {
    "pending_staging": ("approve", "staging"),
    "approved_staging": ("promote", "staging"),
    "pending_prod": ("approve", "prod"),
    "approved_prod": ("promote", "prod"),
}
_NOUNS = {"approve": "approval", "promote": "promotion"}
_ENDS = {"rejected", "archived"}
# Who owns what `verify-governance` trains to try the guardrails on, and what its runs are started by.
PROBE = "verify-governance"


def awaits_approval(version: ModelVersion) -> bool:
    """Whether a person has to judge the version; nobody can as long as its data are no sound ones."""
    action, _ = NEXT.get(version.tags.get("approval_state", ""), ("", ""))
    sound = version.tags.get("drift_state", "stable") == "stable"
    return action == "approve" and sound and version.tags.get("owner", "") != PROBE


def is_yours(version: ModelVersion, lab: LabInfo) -> bool:
    """Whether whoever is configured here may decide what the version waits for; nobody approves what is theirs."""
    action, place = NEXT.get(version.tags.get("approval_state", ""), ("", ""))
    if lab.role not in lab.may.get(f"{action} {place}", ()):
        return False
    return action != "approve" or version.tags.get("owner", "").casefold() != lab.owner.casefold()


def deciders(version: ModelVersion, lab: LabInfo) -> str:
    """The roles that may decide what the version waits for; empty where the policy isn't known."""
    action, place = NEXT.get(version.tags.get("approval_state", ""), ("", ""))
    return ", ".join(lab.may.get(f"{action} {place}", ()))


def waits_for(version: ModelVersion, view: View) -> Span:
    """What has to happen before the version goes on, in words."""
    state, lab = version.tags.get("approval_state", ""), view.snapshot.lab
    if "champion" in version.aliases and state == "approved_prod":
        return Span("nothing: it serves", Tone.OK)
    if state in _ENDS:
        return Span(f"nothing: {formats.clean(state)}", Tone.MUTED)
    if state not in NEXT:
        return Span("? unknown", Tone.WARN)
    drift = version.tags.get("drift_state", "stable")
    if drift != "stable":
        return Span(f"sound data: {'it drifted' if drift == 'drifted' else f'drift {formats.clean(drift)}'}", Tone.WARN)
    action = NEXT[state][0]
    if is_yours(version, lab):
        return Span(f"you to {action}", Tone.ACCENT)
    # Who it is comes first: it is what a narrow column has room for.
    who = deciders(version, lab).partition(",")[0]
    return Span(f"{who} to {action}" if who else _NOUNS[action], Tone.WARN if action == "approve" else Tone.PLAIN)
