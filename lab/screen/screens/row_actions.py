"""What both the main screen and a detail screen do with the thing they show."""

from textual.screen import Screen

from lab.views import Detail


def browse(screen: Screen[None], found: Detail | None) -> None:
    """Opens the thing's page in a browser, or says that there is none."""
    if found is None or not found.url:
        screen.notify("This has no page to open.", timeout=3, markup=False)
        return
    screen.app.open_url(found.url)
    screen.notify(f"Opened {found.url}", timeout=3, markup=False)


def copy(screen: Screen[None], found: Detail | None) -> None:
    """Copies the thing through the terminal (OSC 52), also over SSH."""
    if found is None or not found.copy:
        screen.notify("There is nothing to copy here.", timeout=3, markup=False)
        return
    screen.app.copy_to_clipboard(found.copy)
    first = found.copy.splitlines()[0]
    screen.notify(f"Copied {first[:60]}" + (" …" if found.copy != first[:60] else ""), timeout=3, markup=False)
