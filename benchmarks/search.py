"""How fast a search costs network-array pairs, cold: every run is a process of its own, with empty caches.

    python benchmarks/search.py [RUNS]

Processor seconds of one core, so that other work on the machine counts less: of reading the space and costing all of
its pairs, and of the whole process with its imports. The last row simulates every tenth pair by itself, from plain
layer rows and without tallies; the simulator remembers the layers that it has solved there too.
"""

import statistics
import subprocess
import sys

SEARCH = """
import time
import numpy, sqnxt_sim.simulator, sqnxt_tf.workflows.search as workflow
began = time.process_time()
outcome = workflow.search("paper")
print(outcome.asked, time.process_time() - began, time.process_time())
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


def main(runs: int) -> None:
    print(f"| what | pairs | search, s | pairs a second | whole process, s | pairs a second |\n|{'---|' * 6}")
    for name, code in (("`search paper`", SEARCH), ("one by one", ONE_BY_ONE)):
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
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 5)
