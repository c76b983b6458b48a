"""What runs for as long as a ``with`` block lasts."""

from abc import ABC, abstractmethod
from typing import Self


class Closing(ABC):
    """A server or process that is closed at the end of its ``with`` block."""

    @abstractmethod
    def close(self) -> None:
        """End it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_failure: object) -> None:
        self.close()
