"""Since when a model version has waited for somebody's decision."""

from collections.abc import Mapping, Sequence

from lab.base.model_versions import ApprovalState, ModelVersion

_ORDER = (
    *(ApprovalState.PENDING_STAGING, ApprovalState.APPROVED_STAGING),
    *(ApprovalState.PENDING_PROD, ApprovalState.APPROVED_PROD),
)


def waiting_since(versions: Sequence[ModelVersion], models: Sequence[str]) -> Mapping[tuple[str, str], float]:
    """When a model's oldest version that waits was made, by model and the state in which it does; 0: none waits.

    A version that is older than one which went further waits for nobody: it was passed over.
    """
    waits = {state: _waiting(versions, state) for state in (ApprovalState.PENDING_STAGING, ApprovalState.PENDING_PROD)}
    return {
        (model, str(state)): min((one.created_at for one in waiting if one.name == model), default=0.0)
        for state, waiting in waits.items()
        for model in models
    }


def _waiting(versions: Sequence[ModelVersion], state: ApprovalState) -> list[ModelVersion]:
    further = set(map(str, _ORDER[_ORDER.index(state) + 1 :]))
    passed = {one.name: 0 for one in versions}
    for one in versions:
        if one.tags.get("approval_state") in further:
            passed[one.name] = max(passed[one.name], _number(one))
    return [one for one in versions if one.tags.get("approval_state") == state and _number(one) > passed[one.name]]


def _number(version: ModelVersion) -> int:
    return int(version.version) if version.version.isdecimal() else 0
