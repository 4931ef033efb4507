/* The model in TensorFlow Lite Micro, to be called from C. */
#ifndef CLASSIFIER_H
#define CLASSIFIER_H

#include <stddef.h>

#include "model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Load the model and allocate its tensors in the arena. Returns 0; another number if TensorFlow Lite Micro refuses. */
int classifier_begin(void);

/* The model's input, to be filled before each run: a run may overwrite it. */
model_input_t *classifier_input(void);

/* Run the model. Returns 0 if it did. */
int classifier_run(void);

/* One score a class, valid until the next run. */
const model_output_t *classifier_output(void);

/* Bytes of the arena that are in use; MODEL_ARENA_BYTES may be lowered to them. */
size_t classifier_arena_used(void);

/* The class with the largest score. */
int classifier_best(const model_output_t *scores);

#ifdef __cplusplus
}
#endif

#endif
