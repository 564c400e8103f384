"""What a step makes, told to Dagster at little cost: a lab has four steps for each of its models."""

import inspect
from collections.abc import Callable, Sequence
from types import CodeType
from typing import Any

import dagster as dg

_SIGNATURES: dict[CodeType, inspect.Signature] = {}


def step_asset(
    op: str, description: str, spec: dg.AssetSpec, checks: Sequence[dg.AssetCheckSpec] = ()
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """As `dg.multi_asset` for one asset. `description` is the step's; the function itself needs no docstring.

    Dagster parses a docstring twice, in four styles, for each model's step. It finds none here that says more.
    """
    decorate = dg.multi_asset(name=op, description=description, specs=[spec], check_specs=list(checks))
    return lambda function: decorate(_signed(function))


def _signed(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its signature at hand: Dagster looks at it again and again, and all models' have one."""
    code = function.__code__
    if code not in _SIGNATURES:
        _SIGNATURES[code] = inspect.signature(function)
    # Where `inspect.signature` looks first.
    function.__dict__["__signature__"] = _SIGNATURES[code]
    return function
