"""What every test of the screen needs."""

from typing import Any

import pytest
from textual.app import App


@pytest.fixture(autouse=True)
def _notices_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words that go away by themselves would be there or not, as quick as the machine is."""
    notify = App.notify

    def lasting(app: App[Any], *args: Any, **kwargs: Any) -> None:
        notify(app, *args, **{**kwargs, "timeout": 3600})

    monkeypatch.setattr(App, "notify", lasting)
