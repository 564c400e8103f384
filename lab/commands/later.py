"""Functions of modules that are imported at first use: listing the commands needs their names alone."""

from collections.abc import Callable
from functools import cached_property
from importlib import import_module
from typing import Any


class _Function:
    """One function; `inspect.signature` follows `__wrapped__`."""

    def __init__(self, module: str, name: str) -> None:
        self._module, self._name = module, name

    @cached_property
    def __wrapped__(self) -> Callable[..., Any]:
        found: Callable[..., Any] = getattr(import_module(self._module), self._name)
        return found

    def __call__(self, *given: Any, **named: Any) -> Any:
        return self.__wrapped__(*given, **named)

    def __eq__(self, other: object) -> bool:
        return self.__wrapped__ is (other.__wrapped__ if isinstance(other, _Function) else other)

    def __hash__(self) -> int:
        return hash(self.__wrapped__)


class Later:
    """Stands for a module."""

    def __init__(self, module: str) -> None:
        self._module = module

    def __getattr__(self, name: str) -> _Function:
        return _Function(self._module, name)
