/* Classify the bundled test image, and compare the answer with the one that was computed when this was written. */
#include <stdio.h>

#include "classifier.h"
#include "preprocess.h"
#include "test_image.h"

int main(void) {
  int best, fault = classifier_begin();
  if (fault) {
    printf("TensorFlow Lite Micro refuses the model (%d)\n", fault);
    return 2;
  }
  if (preprocess(test_image, TEST_IMAGE_WIDTH, TEST_IMAGE_HEIGHT, classifier_input()) || classifier_run()) {
    printf("the model did not run\n");
    return 2;
  }
  best = classifier_best(classifier_output());
  printf("class %d (%s), expected %d\n", best, model_labels[best], TEST_IMAGE_CLASS);
  printf("arena: %lu of %lu bytes\n", (unsigned long)classifier_arena_used(), (unsigned long)MODEL_ARENA_BYTES);
  return best == TEST_IMAGE_CLASS ? 0 : 1;
}
