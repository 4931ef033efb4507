"""Sweep faults and power cuts over scenarios.

Arguments: a folder, the most calls that fail for each kind of fault, the most next runs after a power cut (0: no cuts),
and names of scenarios. Prints a JSON object for each scenario: how many calls of each kind it makes, how many failed,
how many states of the disk a power cut may leave, and what went wrong.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

# The packages come first: the tests lie in folders of the same names, which an editable installation would lose to.
import sqnxt_base  # noqa: F401
import sqnxt_export  # noqa: F401
import sqnxt_sim  # noqa: F401
import sqnxt_tf  # noqa: F401

sys.path.insert(0, str(Path(__file__).parents[2]))

from helpers.fault_runs import RUNS
from helpers.fault_scenarios import SCENARIOS
from helpers.fault_sweep import Sweep


def main(folder: str, most_faults: str, most_runs: str, *names: str) -> None:
    """Sweep every scenario."""
    for name in names:
        place = Path(folder, name.replace(" ", "-"))
        place.mkdir()
        sweep = Sweep((SCENARIOS | RUNS)[name], place)
        failed, wrong = sweep.run(int(most_faults))
        states, found = sweep.cut(int(most_runs)) if int(most_runs) else (0, [])
        calls = {call.name.lower(): count for call, count in sweep.calls.items()}
        sys.stdout.write(
            json.dumps({"name": name, "calls": calls, "faults": failed, "cuts": states, "wrong": wrong + found}) + "\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
