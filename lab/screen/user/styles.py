"""A person's layout as rules for the style sheet."""

from collections.abc import Iterator

from lab.screen.user.user_config import UserConfig

# In a narrow window the panels stand below one another, and scroll.
_BROAD = ("-normal", "-wide", "-full")
_WIDE = ("-wide", "-full")


def css(config: UserConfig) -> str:
    """The rules; empty where everything stands as it does for everybody."""
    return "\n".join((*_widths(config), *_heights(config)))


def _widths(config: UserConfig) -> Iterator[str]:
    if config.widths and not (config.left and not config.right):
        for side, share in zip(("left", "right"), config.widths, strict=True):
            yield _rule(_WIDE, f"#columns #{side}", f"width: {share}fr;")


def _heights(config: UserConfig) -> Iterator[str]:
    # Where other panels stand together than for everybody, none has the height that was meant for its old place.
    moved = bool(config.left or config.right)
    for name in (*config.left, *config.right) if moved else config.panels:
        panel = config.panel(name)
        height = f"{panel.height}" if panel.height else f"{panel.share or 1}fr"
        if moved or panel.height or panel.share:
            yield _rule(_BROAD, f"#columns #{name}", f"height: {height};")


def _rule(widths: tuple[str, ...], selector: str, says: str) -> str:
    return f"{', '.join(f'.{width} {selector}' for width in widths)} {{ {says} }}"
