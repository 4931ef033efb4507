// `classify MODEL.onnx IMAGE.rgb WIDTH HEIGHT [THREADS]`: the five best classes of a raw RGB image.
//
// Labels and preprocessing travel inside the artifact, so the program works for every .onnx file that
// `sqnxt-tf export` writes for an image classifier. It prints the answers of `sqnxt-tf classify`.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include "image.h"
#include "network.h"

namespace {

constexpr std::size_t kTop = 5;
constexpr double kFurthestSum = 0.5;  // of probabilities from 1, when each of a thousand is rounded to 8 bits

// Scores as probabilities: by softmax, unless the network ends in one.
std::vector<double> probabilities(const std::vector<float>& scores) {
  std::vector<double> values(scores.begin(), scores.end());
  const auto [lowest, highest] = std::minmax_element(values.begin(), values.end());
  const double sum = std::accumulate(values.begin(), values.end(), 0.0), top = *highest;
  if (*lowest >= 0 && top <= 1 && std::fabs(sum - 1) <= kFurthestSum) return values;
  for (double& value : values) value = std::exp(value - top);
  const double raised = std::accumulate(values.begin(), values.end(), 0.0);
  for (double& value : values) value /= raised;
  return values;
}

// A label without the control characters with which a file could steer a terminal.
std::string shown(std::string label) {
  for (char& letter : label)
    if (static_cast<unsigned char>(letter) < 0x20 || letter == 0x7F) letter = '?';
  return label;
}

int count(const char* text, const char* name) {
  char* rest = nullptr;
  const long value = std::strtol(text, &rest, 10);
  if (*text == '\0' || *rest != '\0' || value < 1 || value > 65535)
    throw std::runtime_error(std::string(name) + ": " + text + " is not a number of 1 to 65535");
  return static_cast<int>(value);
}

void classify(int arguments, char** given) {
  const Network network(given[1], arguments > 5 ? count(given[5], "THREADS") : 1);
  const Image image = read_raw_rgb(given[2], count(given[3], "WIDTH"), count(given[4], "HEIGHT"));
  const std::vector<float> scores = network.run(fit(image, network.metadata().preprocessing));
  if (!std::all_of(scores.begin(), scores.end(), [](float score) { return std::isfinite(score); }))
    throw std::runtime_error(std::string(given[1]) + ": returns values that are not numbers; export it again");
  const std::vector<double> chances = probabilities(scores);
  std::vector<std::size_t> order(chances.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return chances[a] > chances[b]; });
  const std::vector<std::string>& labels = network.metadata().labels;
  for (std::size_t place = 0; place < std::min(kTop, order.size()); place++) {
    const std::size_t best = order[place];
    const std::string label = labels.size() == chances.size() ? labels[best] : "class " + std::to_string(best);
    std::printf("%9.4f %%  %s\n", 100 * chances[best], shown(label).c_str());
  }
}

}  // namespace

int main(int arguments, char** given) {
  if (arguments != 5 && arguments != 6) {
    std::fprintf(stderr, "usage: classify MODEL.onnx IMAGE.rgb WIDTH HEIGHT [THREADS]\n");
    return 2;
  }
  setenv("ORT_DISABLE_TELEMETRY", "1", 0);  // from 1.29 on onnxruntime would report to its maker
  try {
    classify(arguments, given);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
  return 0;
}
