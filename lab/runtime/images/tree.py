"""Copies that cost nothing."""

import os
import shutil


def link(source: str, target: str) -> None:
    """Copies a file by giving it a second name, where the file system can; for `shutil.copytree`."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
