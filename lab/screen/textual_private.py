"""What the screen uses of Textual beyond its documentation, which no release promises to keep.

tests/test_private_interfaces.py says what a new release took away.
"""

from typing import Any

from textual.actions import parse
from textual.app import App


def style_with_theme(app: App[None]) -> None:
    """Tells the style sheet the colours of the app's theme before it is read: nothing has to be styled again later."""
    app.stylesheet.set_variables(app.get_css_variables())


def parsed_action(action: str) -> tuple[str, str, tuple[Any, ...]]:
    """Namespace, name and parameters of an action such as `app.go_to('runs')`."""
    return parse(action)
