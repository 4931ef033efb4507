"""The error classes of `sqnxt_tf`."""


class SqnxtError(Exception):
    """Something the user can mend. The message names the object, the fault and the remedy, in one line."""


class BudgetError(SqnxtError):
    """It ran, and the answer is beyond what was allowed."""
