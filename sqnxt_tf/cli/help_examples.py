"""Examples of each verb, which its help ends with."""

from __future__ import annotations

import click

# verb, with its sub-verb where it has one -> command lines that work as they stand, given the files that they name
EXAMPLES = {
    "list": ("sqnxt-tf list", "sqnxt-tf list --json"),
    "summary": ("sqnxt-tf summary sqnxt23v5_w1 --classes 10 --input-size 128",),
    "data": ("sqnxt-tf data check photos/", "sqnxt-tf data pack photos/ -o records/"),
    "data pack": ("sqnxt-tf data pack photos/ -o records/",),
    "data check": ("sqnxt-tf data check photos/",),
    "train": (
        "sqnxt-tf train --network sqnxt23v5_w1 --data digits -o digits.keras",
        "sqnxt-tf train --network sqnxt23v5_w1 --data photos/ --input-size 128 --epochs 40 -o photos.keras",
        "sqnxt-tf train --from digits.keras --qat int8 --epochs 3 -o digits-int8.keras",
        "sqnxt-tf train --supernet photos --data photos/ -o super.keras",
    ),
    "evaluate": (
        "sqnxt-tf evaluate digits.keras --confusion",
        "sqnxt-tf evaluate photos-int8.tflite --data photos/ --split test",
    ),
    "prune": (
        "sqnxt-tf prune digits.keras --scan",
        "sqnxt-tf prune digits.keras --sparsity 0.5 -o pruned.keras",
    ),
    "compress": (
        "sqnxt-tf compress digits.onnx",
        "sqnxt-tf compress digits.keras --density 0.4 --bits 5 --epochs 3 -o digits.onnx.sqz",
    ),
    "decompress": ("sqnxt-tf decompress digits.onnx.sqz -o restored.onnx",),
    "export": (
        "sqnxt-tf export digits.keras --format onnx --precision int16 -o digits.onnx",
        "sqnxt-tf export sqnxt23v5_w1 --format tflite --precision int8",
        "sqnxt-tf export saved_model/ --signature serve --format onnx -o model.onnx",
        "sqnxt-tf export digits.keras --format tflite --precision int8 --io int8 -o digits-npu.tflite",
    ),
    "verify": (
        "sqnxt-tf verify digits.keras digits.onnx",
        "sqnxt-tf verify digits.onnx foreign.tflite --preprocessing 0..1",
    ),
    "inspect": (
        "sqnxt-tf inspect digits.onnx --layers",
        "sqnxt-tf inspect digits-int8.tflite --micro",
        "sqnxt-tf inspect digits.onnx --card",
    ),
    "benchmark": (
        "sqnxt-tf benchmark digits.onnx digits.tflite --threads 1,2",
        "sqnxt-tf benchmark digits.onnx --accelerator squeezelerator-16x16",
        "sqnxt-tf benchmark digits-npu.tflite --npu ethos-u55-128",
    ),
    "classify": ("sqnxt-tf classify photos.tflite cat.jpg dog.jpg", "sqnxt-tf classify photos.tflite --camera 0"),
    "webdemo": ("sqnxt-tf webdemo digits.tflite -o site/",),
    "micro": (
        "sqnxt-tf micro digits-int8.tflite -o firmware/",
        "sqnxt-tf micro photos-int8.tflite -o firmware/ --flash 1M --ram 256K --image cat.jpg",
    ),
    "simulate": (
        "sqnxt-tf simulate digits.onnx --accelerator squeezelerator-8x8",
        "sqnxt-tf simulate 1.0-SqNxt-23 --max-cycles 2M",
        "sqnxt-tf simulate --layer 56x56x64,3x3x128,stride=2",
        "sqnxt-tf simulate 1.0-SqNxt-23 --sweep array.rows=8,16,32 buffer.bytes=64K,128K",
        "sqnxt-tf simulate 1.0-SqNxt-23 --precision int8 --accelerator ethos-u65-256",
    ),
    "compare": (
        "sqnxt-tf compare digits.onnx pruned.onnx",
        "sqnxt-tf compare digits.onnx digits.onnx --accelerator squeezelerator-8x8 --accelerator eyeriss-like",
    ),
    "evolve": ("sqnxt-tf evolve digits.keras --sizes 1.5,0.9 -o evolved/",),
    "accelerators": (
        "sqnxt-tf accelerators squeezelerator-16x16",
        "sqnxt-tf accelerators --new mine.toml --from squeezelerator-16x16",
    ),
    "recipes": ("sqnxt-tf recipes photos", "sqnxt-tf recipes photos --toml > mine.toml"),
    "search": (
        "sqnxt-tf search --max-params 1M --against sqnxt23v5_w1",
        "sqnxt-tf search wide --trials 2000 --picture candidates.html",
        "sqnxt-tf search photos --supernet super.keras --build 1 -o best.keras",
    ),
    "report": ("sqnxt-tf report digits.onnx pruned.onnx -o report.html",),
    "reproduce": ("sqnxt-tf reproduce table3", "sqnxt-tf reproduce figure7 -o figures/"),
    "demo": ("sqnxt-tf demo -o first-look/",),
    "doctor": ("sqnxt-tf doctor",),
}


def with_examples(command: click.Command, verb: str) -> click.Command:
    """Give a command, and the commands of a group, the examples of `verb` as the end of its help; return it."""
    lines = [f"  {line}" for line in EXAMPLES.get(verb, ())]
    if lines:
        command.epilog = "\n".join(["\b", "Examples:" if len(lines) > 1 else "Example:", *lines])
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            with_examples(inner, f"{verb} {name}")
    return command
