"""What may help where an artifact fails its proof, by the fault and by what was done already."""

from __future__ import annotations

from sqnxt_export.options import ArtifactOptions
from sqnxt_export.parity_result import Parity
from sqnxt_export.quantise.precision import CALIBRATED
from sqnxt_export.runtimes.tensors import as_arrays
from sqnxt_export.samples import ExportSamples
from sqnxt_export.thresholds import MIN_AGREEMENT

_ENOUGH_IMAGES = 256
"""Calibration images beyond which more of them do not move the ranges noticeably: benchmarks/README.md."""
_NOT_THE_SAME_GRAPH_DB = 0.0
"""Signal-to-noise ratio below which an artifact's output has nothing to do with the model's."""


def remedy_for(options: ArtifactOptions, samples: ExportSamples, parity: Parity) -> str:
    """Return what may help against a lost parity.

    More calibration images help only where few were used and the outputs resemble each other at all.
    """
    if options.precision == "float32":
        return f'export with `format="{_other(options.format)}"`, and report this with the model'
    if parity.proves_nothing:
        return "train the model, or give it weights whose answers depend on the image"
    if options.precision == "float16":
        return 'use `precision="float32"`'
    if options.precision == "int8-weights":
        return 'use `precision="float16"`'
    if options.io != "float32":
        return f'use `io="float32"`, since integers at the border have 256 steps, or {_wider(options)}'
    return _remedy_for_integers(options, samples, parity)


def _remedy_for_integers(options: ArtifactOptions, samples: ExportSamples, parity: Parity) -> str:
    given = 0 if samples.calibration is None else len(as_arrays(samples.calibration)[0])
    if given < _ENOUGH_IMAGES and not parity.sqnr_db < _NOT_THE_SAME_GRAPH_DB:
        return f"calibrate with more images of the training split ({given} were used), or {_wider(options)}"
    if options.precision == "int16":
        return _wider(options)
    as_it_is = ", or ship it as it is with `allow_drop`" if _loses_answers(options, parity) else ""
    return (
        f"{_wider(options)}, or fine-tune the model by quantisation-aware training (`train` with its option `qat`)"
        f"{as_it_is}: more calibration images do not help"
    )


def _loses_answers(options: ArtifactOptions, parity: Parity) -> bool:
    minimum = MIN_AGREEMENT.get(options.precision, 0.0)
    return any(output.top1_interval and output.top1_interval[1] < minimum for output in parity.outputs)


def unsure_note(parity: Parity, precision: str) -> str:
    """Return what is known of the answers where the samples are too few to judge them."""
    low, high = next(output.top1_interval for output in parity.outputs if output.unsure and output.top1_interval)
    return (
        f"top-1 agreement is {100 * low:.1f} to {100 * high:.1f} % (95 % interval of {parity.samples} samples), which "
        f"is too wide to tell whether it is the {100 * MIN_AGREEMENT[precision]:g} % that {precision} is asked for: "
        "judge it on more images"
    )


def remedy_for_refusal(options: ArtifactOptions) -> str:
    """Return what may help where a runtime refuses the artifact."""
    if options.precision not in CALIBRATED:
        return f'export with `format="{_other(options.format)}"`, and report this'
    return _wider(options)


def _wider(options: ArtifactOptions) -> str:
    if options.precision == "int8":
        sixteen = "int16" if options.format == "onnx" else "int16x8"
        budget = ", or `max_drop`, which leaves the worst layers at 16 bits" if options.format == "onnx" else ""
        return f'use `precision="{sixteen}"`{budget}'
    return 'use `precision="float16"`'


def _other(format: str) -> str:
    return "tflite" if format == "onnx" else "onnx"
