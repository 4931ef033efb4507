/*
 * From an image of any size to the model's input, as `sqnxt-tf classify` does it with Pillow 13, bit for bit. Earlier
 * versions resize tall images in another order of passes, which moves a pixel by 1 of 255 at most.
 */
#ifndef PREPROCESS_H
#define PREPROCESS_H

#include <stdint.h>

#include "model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Most pixels of a row or a column that one input pixel is made of. 65 allows images of 32 times the input's sides. */
#ifndef PREPROCESS_MOST_TAPS
#define PREPROCESS_MOST_TAPS 65
#endif

/*
 * Resize an image and convert its pixels to the model's input.
 *
 * pixels: uint8, rows from top to bottom, MODEL_INPUT_CHANNELS interleaved values a pixel (grey, or R, G, B).
 * input:  MODEL_INPUT_HEIGHT * MODEL_INPUT_WIDTH * MODEL_INPUT_CHANNELS values.
 *
 * Returns 0; 1 if a side is not positive, or so long that PREPROCESS_MOST_TAPS are too few.
 * It needs no memory but about 16 * PREPROCESS_MOST_TAPS bytes of stack.
 */
int preprocess(const uint8_t *pixels, int width, int height, model_input_t *input);

#ifdef __cplusplus
}
#endif

#endif
