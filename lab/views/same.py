"""What is drawn again at every tick, made once: by which object it was made of, and the words that time changes."""

from typing import Generic, TypeVar

T = TypeVar("T")
# Rows of each kind that are kept: those of several labs.
KEPT = 1024


class Same(Generic[T]):
    """A value as the key of a cache, by which object it is: to compare or hash all of it costs more than it saves."""

    __slots__ = ("value",)

    def __init__(self, value: T) -> None:
        self.value = value

    def __hash__(self) -> int:
        return id(self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.value is other.value
