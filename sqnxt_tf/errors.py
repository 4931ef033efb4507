"""The one error class of `sqnxt_tf`."""


class SqnxtError(Exception):
    """Something the user can mend. The message names the object, the fault and the remedy, in one line."""
