"""The whole path in Python: train, prune, export, evaluate and simulate, in a folder of its own.

python examples/python_api.py [FOLDER]
"""

import sys
from dataclasses import replace
from pathlib import Path

import sqnxt_tf


def main(folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    summary = sqnxt_tf.summarise("1.0-SqNxt-23v5", classes=10, input_size=64)
    print(f"{summary.name}: {summary.params:,} parameters, {summary.macs:,} MACs at {summary.input_size}")

    short = replace(sqnxt_tf.RECIPES["digits"], epochs=6, max_shift=2)
    trained = sqnxt_tf.train("tiny_darknet", folder / "model.keras", recipe=short, input_size=32)
    print(f"trained: top-1 {trained.test.top1:.3f}")

    finetune = replace(sqnxt_tf.RECIPES["finetune"], epochs=2)
    pruned = sqnxt_tf.prune(folder / "model.keras", folder / "pruned.keras", sparsity=0.4, recipe=finetune)
    print(f"pruned: {pruned.sparsity:.3f} of the weights are zero, top-1 {pruned.test.top1:.3f}")

    artifact = sqnxt_tf.export(folder / "pruned.keras", folder / "model.onnx", format="onnx", precision="int16")
    print(f"exported: {artifact.bytes:,} bytes, {artifact.parity.max_rel_diff:.2g} of the largest logit off at most")

    answers = sqnxt_tf.evaluate(folder / "model.onnx", sqnxt_tf.load_data("digits", "test"))
    print(f"the artifact: top-1 {answers.top1:.3f} in {answers.top1_interval}")

    for accelerator in ("squeezelerator-16x16", "squeezelerator-8x8"):
        report = sqnxt_tf.simulate(folder / "model.onnx", accelerator)
        print(f"{accelerator}: {report.cycles:,.0f} cycles, energy of {report.energy.total:,.0f} MACs")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "python-api-example"))
