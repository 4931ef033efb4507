"""The one error class of `sqnxt_sim`."""


class SimulatorError(Exception):
    """Something the user can mend. The message names the object, the fault and the remedy, in one line."""
