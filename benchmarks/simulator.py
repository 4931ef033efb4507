"""Times of the simulator's search, cold, beside other tools on the same network.

    python benchmarks/simulator.py [--runs N] [--tools-python PYTHON]...

Everything runs on one core, kind after kind, RUNS times after a warm-up, so that a machine whose speed drifts slows
all of them alike; CPU seconds say how much of a wall time was somebody else's. Whole processes are also given as
multiples of the bare imports in the same turn, and find their bytecode compiled, as after an installation. Other tools
are run by the PYTHONs in whose environments they are installed (`simulator-tools*.txt` pin them); one that takes more
than 10 s runs once.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import mean, median
from typing import TYPE_CHECKING, Any, NamedTuple

import simulator_tools

if TYPE_CHECKING:
    from sqnxt_sim import Accelerator, Workload

NETWORK = "1.0-SqNxt-23"
CLI = [sys.executable, "-m", "sqnxt_tf.cli"]
SLOW_S = 10.0
PROCESS, SIMULATE = "26 cells, whole process", f"`sqnxt-tf simulate {NETWORK}`"
JSON, IMPORTS = f"`sqnxt-tf simulate {NETWORK} --json`", "`import numpy, onnx, click` alone"
COLD, CELLS = "one cell, cold (mean of 26)", "26 cells in one go, cold at the start"
FILE = f"{NETWORK} from its ONNX file on 16x16, cold"
GOALS_S = {COLD: 0.008, CELLS: 0.12}
GOALS_RATIO = {SIMULATE: 1.6, JSON: 1.6}


class Seconds(NamedTuple):
    """Time of one run: on the wall, and what the processor spent on it."""

    wall: float
    cpu: float


Samples = defaultdict[str, list[Seconds]]
Answer = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--tools-python", action="append", default=[], metavar="PYTHON")
    parser.add_argument("--cells", action="store_true", help="only search the 26 cells once, and print nothing")
    options = parser.parse_args()
    use_one_core()
    if options.cells:
        search(table3_cells())
        return
    with tempfile.TemporaryDirectory() as folder:
        inputs = Path(folder)
        graph = write_inputs(inputs)
        tools, missing = simulator_tools.find_tools(options.tools_python, inputs)
        total = json.loads(run([*CLI, "simulate", graph, "--json"])[1])["total"]
        samples, answers = measure(graph, tools, options.runs)
    print_ours(samples)
    print_tools(samples, {SIMULATE: total} | answers, missing)


def use_one_core() -> None:
    """Keep this process, and those that it starts, on one core; call it before NumPy is imported."""
    os.environ.update(dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def table3_cells() -> list[tuple["Workload", "Accelerator"]]:
    """Return the 13 networks of the paper's Table 3, each with both arrays."""
    from sqnxt_sim import load_accelerator
    from sqnxt_tf.exploration.workloads import network_workload
    from sqnxt_tf.networks.published import read_table

    workloads = [network_workload(row["model"]) for row in read_table(3)]
    accelerators = [load_accelerator(f"squeezelerator-{size}") for size in ("8x8", "16x16")]
    return [(workload, accelerator) for accelerator in accelerators for workload in workloads]


def search(cells: list[tuple["Workload", "Accelerator"]]) -> None:
    from sqnxt_sim import simulate_workload

    for workload, accelerator in cells:
        simulate_workload(workload, accelerator, sparsity=0.4)


def clear_caches() -> None:
    """Every functools cache of the simulator, module's or class's, whatever it is called."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] != "sqnxt_sim":
            continue
        for value in list(vars(module).values()):
            for holder in (value, *(vars(value).values() if isinstance(value, type) else ())):
                if callable(clear := getattr(holder, "cache_clear", None)):
                    clear()


def timed(work: Callable[[], object], who: int = resource.RUSAGE_SELF) -> Seconds:
    before, start = resource.getrusage(who), time.perf_counter()
    work()
    wall, after = time.perf_counter() - start, resource.getrusage(who)
    return Seconds(wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def cold_searches(graph: str) -> dict[str, Seconds]:
    from sqnxt_tf.workflows.simulate import simulate

    cells = table3_cells()
    alone = []
    for cell in cells:
        clear_caches()
        alone.append(timed(partial(search, [cell])))
    clear_caches()
    together = timed(partial(search, cells))
    clear_caches()
    file = timed(partial(simulate, graph))
    return {COLD: Seconds(*map(mean, zip(*alone, strict=True))), CELLS: together, FILE: file}


def run(command: list[str], bytecode: str | None = None) -> tuple[Seconds, str]:
    """Run a whole process and return what it printed; its bytecode is kept in a folder if one is given."""
    outputs: list[str] = []
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPYCACHEPREFIX": bytecode} if bytecode else {}
    start = partial(subprocess.run, command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    seconds = timed(lambda: outputs.append(start().stdout), resource.RUSAGE_CHILDREN)
    return seconds, outputs[0]


def measure(graph: str, tools: dict[str, list[str]], runs: int) -> tuple[Samples, dict[str, Answer]]:
    """Return times by what was run, and the other tools' answers; the warm-up counts for a slow tool only."""
    samples: Samples = defaultdict(list)
    answers: dict[str, Answer] = {}
    commands = {
        IMPORTS: [sys.executable, "-c", "import numpy, onnx, click"],
        PROCESS: [sys.executable, __file__, "--cells"],
        SIMULATE: [*CLI, "simulate", graph],
        JSON: [*CLI, "simulate", graph, "--json"],
    }
    bytecode = str(Path(graph).parent / "bytecode")
    slow: set[str] = set()
    for turn in range(runs + 1):
        times = cold_searches(graph) | {name: run(command, bytecode)[0] for name, command in commands.items()}
        for name in [name for name in tools if name not in slow]:
            times[name], output = run(tools[name])
            answers[name] = json.loads(output.splitlines()[-1])
            times[f"{name} alone"] = Seconds(0, answers[name]["alone_cpu_s"])
            if times[name].wall > SLOW_S:
                slow.add(name)
        for name, seconds in times.items():
            if turn or name.removesuffix(" alone") in slow:
                samples[name].append(seconds)
    return samples, answers


def write_inputs(folder: Path) -> str:
    """Write the network in the forms that the tools read; return our own."""
    from sqnxt_tf.exploration.workloads import network_workload

    graph = str(folder / "network.onnx")
    for arguments in (["onnx", "-o", graph], ["tflite", "--precision", "int8", "-o", str(folder / "network.tflite")]):
        subprocess.run([*CLI, "export", NETWORK, "--format", *arguments, "-q"], check=True, stdout=subprocess.DEVNULL)
    simulator_tools.write_topology(network_workload(NETWORK).conv_layers, folder / "topology.csv")
    return graph


def print_ours(samples: Samples) -> None:
    columns = "what | runs | median s | fastest s | slowest s | median CPU s | goal s | CPU over imports | goal"
    print(f"| {columns} |\n|{'---|' * 9}")
    for name in (COLD, CELLS, FILE, IMPORTS, PROCESS, SIMULATE, JSON):
        walls, cpus = zip(*samples[name], strict=True)
        times = " | ".join(f"{value:.4f}" for value in (median(walls), min(walls), max(walls), median(cpus)))
        ratio = ""
        if name in (IMPORTS, PROCESS, SIMULATE, JSON):
            ratio = (
                f"{median(one.cpu / bare.cpu for one, bare in zip(samples[name], samples[IMPORTS], strict=True)):.2f}"
            )
        goals = (GOALS_S.get(name, ""), ratio, GOALS_RATIO.get(name, ""))
        print(f"| {name} | {len(walls)} | {times} | {' | '.join(map(str, goals))} |")


def print_tools(samples: Samples, answers: dict[str, Answer], missing: list[str]) -> None:
    """Each tool beside ours: times, their ratios, and what it answers."""

    def cpu(name: str) -> float:
        return median(seconds.cpu for seconds in samples[name])

    columns = "tool | runs | whole process s | CPU s | ratio | without imports CPU s | ratio | cycles | MACs | energy"
    print(f"\n| {columns} |\n|{'---|' * 10}")
    for name, answer in answers.items():
        whole, alone = cpu(name), cpu(FILE if name == SIMULATE else f"{name} alone")
        wall = median(seconds.wall for seconds in samples[name])
        times = f"{wall:.2f} | {whole:.2f} | {whole / cpu(SIMULATE):.1f} | {alone:.3f} | {alone / cpu(FILE):.1f}"
        figures = (f"{answer[key]:,.0f}" if answer[key] else "-" for key in ("cycles", "macs", "energy"))
        print(f"| {name} | {len(samples[name])} | {times} | {' | '.join(figures)} |")
    for name in missing:
        print(f"| {name} | not installed |{' |' * 8}")


if __name__ == "__main__":
    main()
