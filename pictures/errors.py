"""What can keep a drawing from being made."""

from __future__ import annotations


class PicturesMissing(Exception):
    """Graphviz is not installed; the message and the hint say what to do."""

    def __init__(self) -> None:
        self.message = "drawing a network needs Graphviz, which is not installed"
        self.hint = "install it with: pip install 'netwright[pictures]'"
        super().__init__(self.message)
