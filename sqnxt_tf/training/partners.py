"""The other workers of a distributed run: this worker waits for them, says so, and gives up in time.

TensorFlow would wait for them too, but without a word, for as long as it likes, and in C++ code that reacts neither to
Ctrl-C nor to SIGTERM. So the workers meet here first, in Python: each listens at its own address of `TF_CONFIG` until
it has reached every other one. It then frees the address, which TensorFlow's server takes over.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqnxt_tf.errors import SqnxtError

WAIT_SECONDS = 300.0
LOG = "sqnxt_tf.workers"
_FIRST_WORD_SECONDS, _NEXT_WORD_SECONDS = 2.0, 60.0
_POLL_SECONDS, _CONNECT_SECONDS = 0.1, 0.5
_MOST_NAMED = 4


@dataclass(frozen=True, slots=True)
class Partner:
    """A worker of the cluster: its number among all of them, and its address as HOST:PORT."""

    number: int
    address: str

    @property
    def place(self) -> tuple[str, int]:
        """Host and port."""
        host, _, port = self.address.rpartition(":")
        return host.strip("[]"), int(port)

    def __str__(self) -> str:
        return f"worker {self.number} ({self.address})"


def meet_partners(addresses: Sequence[str], own: int, seconds: float = WAIT_SECONDS) -> None:
    """Wait until every other worker has been reached once, and log for whom and for how long.

    Args:
        addresses: HOST:PORT of each worker.
        own: The number of this worker.
        seconds: The longest time to wait.

    Raises:
        SqnxtError: One has not come in time, or another program has the port of this worker.
    """
    partners = [Partner(number, address) for number, address in enumerate(addresses)]
    name = f"worker {own} of {len(partners)}"
    missing = [partner for partner in partners if partner.number != own]
    began, next_word = time.monotonic(), _FIRST_WORD_SECONDS
    with _listening(name, partners[own]):
        while missing:
            for partner in tuple(missing):
                if _answers(partner):
                    missing.remove(partner)
                elapsed = time.monotonic() - began
                if missing and elapsed >= seconds:
                    raise SqnxtError(
                        name, f"{_named(missing)} did not come within {seconds:g} s", "start it, or give more `wait`"
                    )
                if missing and elapsed >= next_word:
                    next_word = elapsed + _NEXT_WORD_SECONDS
                    logging.getLogger(LOG).warning(
                        "%s waits for %s, for %d s more", name, _named(missing), round(seconds - elapsed)
                    )
            time.sleep(_POLL_SECONDS if missing else 0)


@contextmanager
def _listening(name: str, own: Partner) -> Iterator[None]:
    """Listen at the port of this worker, on all of its networks, as TensorFlow's server will."""
    both = socket.has_dualstack_ipv6()
    try:
        server = socket.create_server(
            ("", own.place[1]), family=socket.AF_INET6 if both else socket.AF_INET, dualstack_ipv6=both
        )
    except (OSError, OverflowError) as error:
        raise SqnxtError(
            name, f"cannot listen at {own.address} ({error})", "end the program there, or set another port in TF_CONFIG"
        ) from error
    with server:
        yield


def _answers(partner: Partner) -> bool:
    try:
        socket.create_connection(partner.place, timeout=_CONNECT_SECONDS).close()
    except (OSError, OverflowError, UnicodeError):  # not there yet, or its name is no name of a host
        return False
    return True


def _named(partners: Sequence[Partner]) -> str:
    names = ", ".join(map(str, partners[:_MOST_NAMED]))
    return names if len(partners) <= _MOST_NAMED else f"{names} and {len(partners) - _MOST_NAMED} more"
