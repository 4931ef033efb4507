"""Images that cannot be read: left out, named in the log once each, and the end of the run past a limit."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from threading import Lock

from sqnxt_tf.data.decoding import UnreadableImageError
from sqnxt_tf.errors import SqnxtError

LIMIT = 100  # images
LOG = "sqnxt_tf.data"
LEFT_OUT = "left out: "
"""How each line of that log begins."""


class TooManyUnreadableError(SqnxtError):
    """More images than allowed could not be read; the message lists them."""


@dataclass(slots=True)
class UnreadableImages:
    """What could not be read so far, by where it comes from; one object for all who read the same data."""

    limit: int = LIMIT
    found: dict[str, str] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def add(self, source: str, error: UnreadableImageError) -> None:
        """Count and log an image, the first time that it is met."""
        with self._lock:
            if source in self.found:
                return
            self.found[source] = str(error)
        logging.getLogger(LOG).warning("%s%s", LEFT_OUT, error)

    def check(self) -> None:
        """End the run if there are more than the limit.

        Raises:
            TooManyUnreadableError: There are.
        """
        if len(self.found) > self.limit:
            names = ", ".join(sorted(self.found))
            raise TooManyUnreadableError(
                "data",
                f"{len(self.found)} images cannot be read, and {self.limit} may be left out; `sqnxt-tf data "
                "check` tells what ails each",
                f"repair or remove them: {names}",
            )
