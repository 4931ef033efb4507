#include "classifier.h"

int classifier_best(const model_output_t *scores) {
  int best = 0, i;
  for (i = 1; i < MODEL_CLASSES; i++) {
    if (scores[i] > scores[best]) best = i;
  }
  return best;
}
