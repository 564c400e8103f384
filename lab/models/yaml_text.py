"""YAML by its C library, which takes a tenth of the time, without what makes that crash or a short text grow."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import yaml

# The library follows nested values until the process's stack is full: of many times as many.
MOST_NESTED = 1000
# No value is nested without one of these before it, and none is merged or has a tag without one of those in the text,
# unless its characters have two bytes each.
_OPENING, _ODD = (b"[", b"{", b":", b"-", b"?"), (b"<<", b"!", b"\0")


def loader_type() -> "type[yaml.SafeLoader]":
    """The C library's where PyYAML has it."""
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def composed(content: bytes) -> "tuple[yaml.SafeLoader, yaml.Node | None]":
    """The document's nodes, and what makes values of them. Raises YAMLError, ValueError."""
    # Nearly no text needs it, and it takes about as long as what follows.
    if any(map(content.count, _ODD)) or sum(map(content.count, _OPENING)) > MOST_NESTED:
        check(content)
    loader = loader_type()(content)
    return loader, loader.get_single_node()


def check(content: bytes, *, aliases: bool = True) -> None:
    """Raises YAMLError for values nested too deep, for merges, which can double a text with each line, and for tags.

    PyYAML fails in many ways to make of a value what its tag says. Without `aliases` it raises it for those, too.
    """
    import yaml

    depth = 0
    for event in yaml.parse(content, Loader=loader_type()):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MOST_NESTED:
            _refuse("values are nested too deep", event)
        if getattr(event, "tag", None):
            _refuse("a tag is not allowed here", event)
        if isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.implicit[0]:
            _refuse("a merge is not allowed here", event)
        if not aliases and isinstance(event, yaml.AliasEvent):
            _refuse("an alias is not allowed here", event)


def _refuse(what: str, event: Any) -> None:
    import yaml

    raise yaml.composer.ComposerError(None, None, what, event.start_mark)
