// The model in TensorFlow Lite Micro: an arena of fixed size, and a resolver with the operators that the model uses.
#include "classifier.h"

#include "resolver.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/system_setup.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace {

alignas(16) uint8_t arena[MODEL_ARENA_BYTES];
tflite::MicroInterpreter *interpreter = nullptr;

}  // namespace

int classifier_begin(void) {
  tflite::InitializeTarget();
  const tflite::Model *model = tflite::GetModel(model_data);
  if (model->version() != TFLITE_SCHEMA_VERSION) return 1;
  static ModelResolver resolver;
  if (AddModelOperators(resolver) != kTfLiteOk) return 2;
  static tflite::MicroInterpreter only(model, resolver, arena, sizeof(arena));
  if (only.AllocateTensors() != kTfLiteOk) return 3;
  if (only.input(0)->bytes != MODEL_INPUT_SIZE * sizeof(model_input_t)) return 4;
  if (only.output(MODEL_OUTPUT_INDEX)->bytes != MODEL_CLASSES * sizeof(model_output_t)) return 5;
  interpreter = &only;
  return 0;
}

model_input_t *classifier_input(void) { return reinterpret_cast<model_input_t *>(interpreter->input(0)->data.raw); }

int classifier_run(void) { return interpreter->Invoke() == kTfLiteOk ? 0 : 1; }

const model_output_t *classifier_output(void) {
  return reinterpret_cast<const model_output_t *>(interpreter->output(MODEL_OUTPUT_INDEX)->data.raw);
}

size_t classifier_arena_used(void) { return interpreter->arena_used_bytes(); }
