"""What keeps a model from being trained, as far as a look tells: nothing of its code is executed, no data is read.

What only shows when the code runs, such as an import that fails further down, its first run tells.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from lab.models.listing import MOST_MODELS, file_content

if TYPE_CHECKING:
    import ast

CODE_FILE, PACKAGES_FILE = "train.py", "pyproject.toml"
# Where this isn't installed, nobody can tell what the processes of runs have.
_TRAINING = "mlflow"
_OWN = frozenset({"lab", "pipelines"})
_found: set[str] = set()


@dataclass(frozen=True)
class _Code:
    """What a model's code says of itself: why it can't be used, what it surely imports, and whether it has `load`."""

    problem: str = ""
    imports: tuple[str, ...] = ()
    loads: bool = False


def trouble(folder: Path, data: str) -> str:
    """What is wrong with the code in a model's folder, or with its data; empty where a look finds nothing.

    `data` is a path or s3://bucket/key, empty for what the settings say; only a path is looked at. Raises nothing.
    """
    code = _code_in(folder)
    return code.problem or _missing(folder, code.imports) or ("" if code.loads else _unreadable(data))


def _code_in(folder: Path) -> _Code:
    path = folder / CODE_FILE
    try:
        status = path.stat()
        return _code_as_of(path, status.st_mtime_ns, status.st_size)
    except OSError as err:
        return _Code(f"Can't read {_said(path)}: {err.strerror}. It needs fit(frame, parameters, seed).")


@lru_cache(maxsize=4 * MOST_MODELS)
def _code_as_of(path: Path, changed: int, size: int) -> _Code:  # noqa: ARG001 - what tells one content from another
    return _looked_at(path, file_content(path))


def _looked_at(path: Path, body: bytes) -> _Code:
    import ast
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(body, path)
            compile(tree, path, "exec", dont_inherit=True)
    except SyntaxError as err:
        return _Code(f"{_said(path)}, line {err.lineno or 1}: {err.msg}. Mend it there.")
    except (ValueError, RecursionError, MemoryError) as err:
        return _Code(f"{_said(path)} is no Python: {err}. Mend it there.")
    names = frozenset(_names(tree.body))
    if not names & {"fit", "*"}:
        return _Code(f"{_said(path)} has no function fit. Write fit(frame, parameters, seed).")
    return _Code(imports=tuple(sorted(_imports(tree.body))), loads=bool(names & {"load", "*"}))


def _names(body: "Sequence[ast.stmt]") -> Iterator[str]:
    """What a module's statements may bind, whatever is decided when they run; `*` for what can't be told."""
    import ast

    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (one.asname or one.name.partition(".")[0] for one in node.names)
        else:
            yield from (one.id for one in ast.walk(node) if isinstance(one, ast.Name))
            inner = [one for one in ast.iter_child_nodes(node) if isinstance(one, ast.stmt | ast.ExceptHandler)]
            for one in inner:
                yield from _names([one] if isinstance(one, ast.stmt) else one.body)


def _imports(body: "Sequence[ast.stmt]") -> Iterator[str]:
    """Packages without which the module can't be imported: nothing that it tries, or imports under a condition."""
    import ast

    for node in body:
        if isinstance(node, ast.Import):
            yield from (one.name.partition(".")[0] for one in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.partition(".")[0]


def _missing(folder: Path, imports: Sequence[str]) -> str:
    absent = [name for name in imports if name not in _OWN and not _is_there(name)]
    # A model with packages of its own has others.
    if not absent or (folder / PACKAGES_FILE).exists() or not _is_there(_TRAINING):
        return ""
    return (
        f"{_said(folder / CODE_FILE)} imports {absent[0]}, which isn't installed. Give the model packages of its own."
    )


def _is_there(package: str) -> bool:
    """Only that it is there is remembered: what is missing may be installed meanwhile."""
    if package not in _found:
        try:
            if find_spec(package) is None:
                return False
        except (ImportError, ValueError, AttributeError):
            # A module that is loaded without a specification, as `__main__`.
            return True
        _found.add(package)
    return True


def _unreadable(data: str) -> str:
    if not data or data.startswith("s3://"):
        return ""
    path = Path(data)
    try:
        path.stat()
    except OSError as err:
        return f"Can't read its data, {path}: {err.strerror}. Put it there, or name another in model.yaml."
    if not path.is_file():
        return f"Its data, {path}, is no file. Name one in model.yaml."
    return "" if os.access(path, os.R_OK) else f"The lab may not read its data, {path}. Give it leave."


def _said(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
