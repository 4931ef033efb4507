"""Unreadable images are left out and logged once each; too many of them end the run."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from threading import Lock

from sqnxt_tf.data.unreadable_image import UnreadableImageError
from sqnxt_tf.errors import SqnxtError

LIMIT = 100
"""Unreadable images that a run may leave out, unless another limit is given."""
LOG = "sqnxt_tf.data"
"""Name of the logger."""
LEFT_OUT = "left out: "
"""Beginning of each line of the log."""


class TooManyUnreadableError(SqnxtError):
    """More images than allowed cannot be read; the message lists them."""


@dataclass(slots=True)
class UnreadableImages:
    """The unreadable images so far, by source; one object serves all readers of the same data.

    `found` holds the error message of each, `limit` is the most that may be left out.
    """

    limit: int = LIMIT
    found: dict[str, str] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock)

    def add(self, source: str, error: UnreadableImageError) -> None:
        """Count and log an image when it is found for the first time."""
        with self._lock:
            if source in self.found:
                return
            self.found[source] = str(error)
        logging.getLogger(LOG).warning("%s%s", LEFT_OUT, error)

    def check(self) -> None:
        """End the run if more images than the limit are unreadable.

        Raises:
            TooManyUnreadableError: There are more.
        """
        if len(self.found) > self.limit:
            names = ", ".join(sorted(self.found))
            raise TooManyUnreadableError(
                "data",
                f"{len(self.found)} images cannot be read, and {self.limit} may be left out; `sqnxt-tf data "
                "check` names the fault of each",
                f"repair or remove them: {names}",
            )
