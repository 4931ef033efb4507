/* Bilinear resizing with a support that grows with the reduction, as in Pillow, and in the same integers. */
#include "preprocess.h"

#include <math.h>

/* Bits of a weight's fraction: 32, less 8 of a pixel and 2 of a sign and a sum. */
#define PRECISION_BITS 22

/* Pixels first .. first + count - 1 of a row or a column, weighted. */
typedef struct {
  int first;
  int count;
  int32_t weights[PREPROCESS_MOST_TAPS];
} taps_t;

/* One of the two passes, over rows or columns: its taps, and the bytes from one pixel to the next in its direction. */
typedef struct {
  taps_t taps;
  int32_t step;
} pass_t;

/* The part of one side of the image that one side of the input shows, and how many pixels make one. */
typedef struct {
  float begin;
  double scale;
  double filter_scale;
  int image_side;
  int input_side;
} side_t;

static side_t side_of(int image_side, float begin, float end, int input_side) {
  side_t side;
  side.begin = begin;
  side.scale = (double)(end - begin) / input_side;
  side.filter_scale = side.scale < 1.0 ? 1.0 : side.scale;
  side.image_side = image_side;
  side.input_side = input_side;
  return side;
}

static int is_copied(const side_t *side, float end) {
  return side->begin == 0.0f && end == (float)side->input_side && side->image_side == side->input_side;
}

static double triangle(double x) {
  x = fabs(x);
  return x < 1.0 ? 1.0 - x : 0.0;
}

static void find_taps(const side_t *side, int place, taps_t *taps) {
  const double center = side->begin + (place + 0.5) * side->scale;
  const double support = side->filter_scale;
  const double inverse = 1.0 / side->filter_scale;
  double values[PREPROCESS_MOST_TAPS];
  double sum = 0.0;
  int first = (int)(center - support + 0.5);
  int end = (int)(center + support + 0.5);
  int i;
  if (first < 0) first = 0;
  if (end > side->image_side) end = side->image_side;
  taps->first = first;
  taps->count = end - first;
  for (i = 0; i < taps->count; i++) {
    values[i] = triangle((i + first - center + 0.5) * inverse);
    sum += values[i];
  }
  for (i = 0; i < taps->count; i++) {
    const double weight = sum != 0.0 ? values[i] / sum : values[i];
    taps->weights[i] = (int32_t)(0.5 + weight * (1 << PRECISION_BITS));
  }
}

static void copy_tap(int place, taps_t *taps) {
  taps->first = place;
  taps->count = 1;
  taps->weights[0] = 1 << PRECISION_BITS;
}

static uint8_t rounded(int32_t sum) {
  const int32_t value = sum >> PRECISION_BITS;
  return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* One channel of one pixel after the first pass, rounded to 8 bits as the image between both passes is. */
static uint8_t after_first(const uint8_t *pixels, const pass_t *pass) {
  int32_t sum = 1 << (PRECISION_BITS - 1);
  int i;
  for (i = 0; i < pass->taps.count; i++) sum += pixels[(pass->taps.first + i) * pass->step] * pass->taps.weights[i];
  return rounded(sum);
}

static void one_pixel(const uint8_t *pixels, const pass_t *first, const pass_t *second, model_input_t *input) {
  int channel, i;
  for (channel = 0; channel < MODEL_INPUT_CHANNELS; channel++) {
    int32_t sum = 1 << (PRECISION_BITS - 1);
    for (i = 0; i < second->taps.count; i++) {
      const uint8_t *line = pixels + (second->taps.first + i) * second->step + channel;
      sum += after_first(line, first) * second->taps.weights[i];
    }
    input[channel] = model_pixels[channel][rounded(sum)];
  }
}

/* Pillow 13 and later begin with the pass that shortens more; earlier ones went across first. */
static int is_down_first(int width, int height) {
  const int shorter = height - MODEL_INPUT_HEIGHT;
  return shorter > 0 && shorter > 2 * (width - MODEL_INPUT_WIDTH);
}

/* The box of the image that is shown: all of it, or the largest centred one with the input's aspect. */
static void find_box(int width, int height, float box[4]) {
  box[0] = box[1] = 0.0f;
  box[2] = (float)width;
  box[3] = (float)height;
#if MODEL_CROPS
  {
    const double across_ratio = (double)width / MODEL_INPUT_WIDTH;
    const double down_ratio = (double)height / MODEL_INPUT_HEIGHT;
    const double ratio = across_ratio < down_ratio ? across_ratio : down_ratio;
    const double box_width = ratio * MODEL_INPUT_WIDTH, box_height = ratio * MODEL_INPUT_HEIGHT;
    double left = (width - box_width) / 2, top = (height - box_height) / 2;
    if (left < 0.0) left = 0.0;
    if (top < 0.0) top = 0.0;
    box[0] = (float)left;
    box[1] = (float)top;
    box[2] = (float)(left + box_width < width ? left + box_width : width);
    box[3] = (float)(top + box_height < height ? top + box_height : height);
  }
#endif
}

int preprocess(const uint8_t *pixels, int width, int height, model_input_t *input) {
  float box[4];
  side_t across_side, down_side;
  pass_t rows, columns;
  const int down_first = is_down_first(width, height);
  int x, y;
  if (width < 1 || height < 1) return 1;
  find_box(width, height, box);
  across_side = side_of(width, box[0], box[2], MODEL_INPUT_WIDTH);
  down_side = side_of(height, box[1], box[3], MODEL_INPUT_HEIGHT);
  if (2 * ceil(across_side.filter_scale) + 1 > PREPROCESS_MOST_TAPS) return 1;
  if (2 * ceil(down_side.filter_scale) + 1 > PREPROCESS_MOST_TAPS) return 1;
  columns.step = MODEL_INPUT_CHANNELS;
  rows.step = (int32_t)width * MODEL_INPUT_CHANNELS;
  for (y = 0; y < MODEL_INPUT_HEIGHT; y++) {
    if (is_copied(&down_side, box[3])) copy_tap(y, &rows.taps);
    else find_taps(&down_side, y, &rows.taps);
    for (x = 0; x < MODEL_INPUT_WIDTH; x++) {
      if (is_copied(&across_side, box[2])) copy_tap(x, &columns.taps);
      else find_taps(&across_side, x, &columns.taps);
      one_pixel(pixels, down_first ? &rows : &columns, down_first ? &columns : &rows,
                input + (y * MODEL_INPUT_WIDTH + x) * MODEL_INPUT_CHANNELS);
    }
  }
  return 0;
}
