"""The screen's own themes and the order in which `t` walks through them."""

from textual.theme import Theme

DARK = Theme(
    name="lab-dark",
    primary="#7aa2f7",
    secondary="#5a6b9a",
    accent="#7dcfff",
    success="#73c991",
    warning="#e5b567",
    error="#f2777a",
    foreground="#c8d0e0",
    background="#14171f",
    surface="#171b24",
    panel="#232936",
    variables={"footer-key-foreground": "#7dcfff", "border-blurred": "#3a4256"},
)
LIGHT = Theme(
    name="lab-light",
    primary="#2456b8",
    secondary="#6a7a99",
    accent="#0a6c8f",
    success="#1d7a42",
    warning="#8a5a00",
    error="#b3262d",
    foreground="#1f2733",
    background="#fafbfc",
    surface="#fafbfc",
    panel="#e6eaf0",
    dark=False,
    variables={"footer-key-foreground": "#0a6c8f", "border-blurred": "#b9c2d0"},
)
CONTRAST = Theme(
    name="high-contrast",
    primary="#ffffff",
    secondary="#ffffff",
    accent="#00ffff",
    success="#00ff66",
    warning="#ffdd00",
    error="#ff6666",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#303030",
    variables={"footer-key-foreground": "#00ffff", "border-blurred": "#ffffff", "foreground-muted": "#d8d8d8"},
)
OWN = (DARK, LIGHT, CONTRAST)
CYCLE = (DARK.name, LIGHT.name, CONTRAST.name, "nord", "gruvbox", "ansi-dark")


def following(name: str) -> str:
    """The theme after `name`."""
    return CYCLE[(CYCLE.index(name) + 1) % len(CYCLE)] if name in CYCLE else CYCLE[0]
