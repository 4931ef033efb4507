"""The files of a project that depend on its model: constants, arrays, the resolver, and a page that explains them."""

from __future__ import annotations

from string import Template

from sqnxt_export import Border
from sqnxt_tf.microcontroller.bundled_image import MicroTestImage
from sqnxt_tf.microcontroller.c_text import c_comment, c_decimal, c_numbers, c_string, c_values
from sqnxt_tf.microcontroller.micro_model import MicroModel

_C_TYPES = {"int8": "int8_t", "uint8": "uint8_t", "int16": "int16_t", "float32": "float"}

_MODEL_H = Template("""\
/* $name: its constants. Written by `sqnxt-tf micro`. */
#ifndef MODEL_H
#define MODEL_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The smallest arena in which TensorFlow Lite Micro $version runs the model with its reference kernels on a 64-bit
 * machine: $persistent bytes that persist and $transient for feature maps. Optimised kernels may need more. */
#ifndef MODEL_ARENA_BYTES
#define MODEL_ARENA_BYTES $arena
#endif

#define MODEL_BYTES $bytes
#define MODEL_INPUT_HEIGHT $height
#define MODEL_INPUT_WIDTH $width
#define MODEL_INPUT_CHANNELS $channels
#define MODEL_INPUT_SIZE (MODEL_INPUT_HEIGHT * MODEL_INPUT_WIDTH * MODEL_INPUT_CHANNELS)
/* 1: the largest centred box with the input's aspect is resized; 0: the whole image is. */
#define MODEL_CROPS $crops
#define MODEL_OUTPUT_INDEX $place
#define MODEL_CLASSES $classes

typedef $input_type model_input_t;
typedef $output_type model_output_t;

/* A stored value q stands for SCALE * (q - ZERO_POINT); numbers without quantisation have the scale 1. */
#define MODEL_INPUT_SCALE $input_scale
#define MODEL_INPUT_ZERO_POINT $input_zero
#define MODEL_OUTPUT_SCALE $output_scale
#define MODEL_OUTPUT_ZERO_POINT $output_zero

extern const unsigned char model_data[MODEL_BYTES];
extern const char *const model_labels[MODEL_CLASSES];
/* What the model takes for each value of a pixel: normalised, and quantised. */
extern const model_input_t model_pixels[MODEL_INPUT_CHANNELS][256];

#ifdef __cplusplus
}
#endif

#endif
""")

_MODEL_C = Template("""\
/* $name. Written by `sqnxt-tf micro`. */
#include "model.h"

#if defined(__GNUC__)
#define ALIGNED __attribute__((aligned(16)))
#elif defined(_MSC_VER)
#define ALIGNED __declspec(align(16))
#elif defined(__ICCARM__)
#define ALIGNED _Pragma("data_alignment=16")
#else
#error "Align model_data to 16 bytes with this compiler's own keyword."
#endif

ALIGNED const unsigned char model_data[MODEL_BYTES] = {
$data
};

const char *const model_labels[MODEL_CLASSES] = {
$labels
};

const model_input_t model_pixels[MODEL_INPUT_CHANNELS][256] = {
$pixels
};
""")

_RESOLVER_H = Template("""\
// The operators of the model, and no others. Written by `sqnxt-tf micro`.
#ifndef RESOLVER_H
#define RESOLVER_H

#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

using ModelResolver = tflite::MicroMutableOpResolver<$count>;

inline TfLiteStatus AddModelOperators(ModelResolver &resolver) {
$calls
  return kTfLiteOk;
}

#endif
""")

_TEST_IMAGE_H = Template("""\
/* $source, and the class that TensorFlow Lite Micro found for it when this was written. */
#ifndef TEST_IMAGE_H
#define TEST_IMAGE_H

#include <stdint.h>

#define TEST_IMAGE_WIDTH $width
#define TEST_IMAGE_HEIGHT $height
#define TEST_IMAGE_CLASS $answer

extern const uint8_t test_image[TEST_IMAGE_HEIGHT * TEST_IMAGE_WIDTH * $channels];

#endif
""")

_TEST_IMAGE_C = Template("""\
#include "test_image.h"

const uint8_t test_image[TEST_IMAGE_HEIGHT * TEST_IMAGE_WIDTH * $channels] = {
$pixels
};
""")


def generated_files(model: MicroModel, image: MicroTestImage) -> dict[str, str]:
    """Return the text of each file that depends on the model or on its test image, by name."""
    name = c_comment(model.path.name)
    height, width, channels = image.pixels.shape
    calls = (f"  if (resolver.{method}() != kTfLiteOk) return kTfLiteError;" for method in model.methods)
    return {
        "model.h": _model_h(model, name),
        "model.c": _model_c(model, name),
        "resolver.h": _RESOLVER_H.substitute(count=len(model.methods), calls="\n".join(calls)),
        "test_image.h": _TEST_IMAGE_H.substitute(
            source=c_comment(image.source), width=width, height=height, channels=channels, answer=image.answer
        ),
        "test_image.c": _TEST_IMAGE_C.substitute(
            channels=channels, pixels=c_numbers(image.pixels.reshape(-1).tolist())
        ),
    }


def _model_h(model: MicroModel, name: str) -> str:
    memory, preprocessing = model.memory, model.preprocessing
    return _MODEL_H.substitute(
        name=name,
        version=c_comment(memory.version),
        persistent=memory.persistent_bytes,
        transient=memory.transient_bytes,
        arena=memory.arena_bytes,
        bytes=len(model.data),
        height=preprocessing.height,
        width=preprocessing.width,
        channels=preprocessing.channels,
        crops=int(preprocessing.resize == "short_side_crop"),
        place=model.output_index,
        classes=len(model.labels),
        input_type=_C_TYPES[model.input_type],
        output_type=_C_TYPES[model.output_type],
        **_border("input", model.input),
        **_border("output", model.output),
    )


def _border(side: str, border: Border | None) -> dict[str, str]:
    scale, zero = (1.0, 0) if border is None else (border.scale, border.zero_point)
    return {f"{side}_scale": c_decimal(scale), f"{side}_zero": str(zero)}


def _model_c(model: MicroModel, name: str) -> str:
    rows = (f"  {{\n{c_numbers(c_values(row))}\n  }}," for row in model.pixels)
    return _MODEL_C.substitute(
        name=name,
        data=c_numbers(f"0x{byte:02x}" for byte in model.data),
        labels="\n".join(f"  {c_string(label)}," for label in model.labels),
        pixels="\n".join(rows),
    )
