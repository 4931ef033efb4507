"""How fast a search costs network-array pairs, cold: every run is a process of its own, with empty caches.

    python benchmarks/search.py [RUNS]
    python benchmarks/search.py --exact [FILE.csv]

Processor seconds of one core, so that other work on the machine counts less: of reading the space and costing all of
its pairs, and of the whole process with its imports. The second row leaves out the time in which the simulator solves
the distinct layers, which is all that depends on how hard they are. The last row simulates every tenth pair by itself,
from plain layer rows and without tallies; the simulator remembers the layers that it has solved there too.

With `--exact`, it finds the Pareto set of all pairs of the space `wide` instead, for several objectives, and writes how
many members each has and how long it took as CSV.
"""

import statistics
import subprocess
import sys
from pathlib import Path

SEARCH = """
import time
import numpy, sqnxt_sim.simulator, sqnxt_tf.workflows.search as workflow
began = time.process_time()
outcome = workflow.search("paper")
print(outcome.asked, time.process_time() - began, time.process_time())
"""
SUMS = """
import time
import numpy, sqnxt_sim.simulator, sqnxt_tf.workflows.search as workflow
from sqnxt_tf.exploration import cost_tables
solving, solve = 0.0, cost_tables.layer_table
def timed(*arguments, **settings):
    global solving
    began = time.process_time()
    table = solve(*arguments, **settings)
    solving += time.process_time() - began
    return table
cost_tables.layer_table = timed
began = time.process_time()
outcome = workflow.search("paper")
print(outcome.asked, time.process_time() - began - solving, time.process_time() - solving)
"""
ONE_BY_ONE = """
import time
import numpy, sqnxt_sim.simulator
from sqnxt_sim import simulate_workload
from sqnxt_tf.exploration.candidates import Candidate
from sqnxt_tf.exploration.space_file import load_space
from sqnxt_tf.exploration.workloads import network_workload
began = time.process_time()
space = load_space("paper")
points = list(space.points())[::10]
for point in points:
    name = Candidate(spec=point.spec, input_size=227, accelerator="", figures={}).network
    report = simulate_workload(network_workload(name), space.accelerators[point.accelerator], sparsity=0.4)
    report.cycles, report.energy
print(len(points), time.process_time() - began, time.process_time())
"""


EXACT = """
import resource, sys, time
import numpy, sqnxt_sim.simulator, sqnxt_tf.workflows.search as workflow
began = time.process_time()
outcome = workflow.search("wide", exact=True, objectives=sys.argv[1].split(","))
seconds = time.process_time() - began
print(outcome.asked, len(outcome.front), seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
OBJECTIVES = ("time_ms,energy,params,area", "time_ms,+macs", "time_ms,energy,+macs", "time_ms,energy,params,area,+macs")


def exact(file: str | None) -> None:
    """Find the Pareto set of the whole space `wide` for several objectives."""
    lines = ["objectives,pairs,members,processor_seconds,pairs_per_second,peak_mib"]
    for objectives in OBJECTIVES:
        done = subprocess.run([sys.executable, "-c", EXACT, objectives], capture_output=True, text=True, check=True)
        pairs, members, seconds, memory = map(float, done.stdout.split())
        lines.append(f'"{objectives}",{pairs:.0f},{members:.0f},{seconds:.1f},{pairs / seconds:.3g},{memory:.0f}')
        print(lines[-1], flush=True)
    if file is not None:
        Path(file).write_text("\n".join(lines) + "\n", "utf-8")


def main(runs: int) -> None:
    print(f"| what | pairs | search, s | pairs a second | whole process, s | pairs a second |\n|{'---|' * 6}")
    for name, code in (("`search paper`", SEARCH), ("`search paper`, layers solved", SUMS), ("one by one", ONE_BY_ONE)):
        seconds: list[tuple[float, float]] = []
        for run in range(runs + 1):
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
            pairs, search, process = map(float, done.stdout.split())
            if run:  # the first one reads the disk
                seconds.append((search, process))
        search, process = (statistics.median(times) for times in zip(*seconds, strict=True))
        print(
            f"| {name} | {pairs:,.0f} | {search:.2f} | {pairs / search:,.0f} | {process:.2f} | {pairs / process:,.0f} |"
        )


if __name__ == "__main__":
    if "--exact" in sys.argv:
        exact(sys.argv[2] if len(sys.argv) > 2 else None)
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
