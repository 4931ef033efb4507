"""The error classes of `sqnxt_export`."""


class ExportError(Exception):
    """Something the user can mend. The message names the object, the fault and the remedy, in one line."""
