#include "image.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace {

constexpr int kBits = 22;  // of a weight's fraction: pillow's 32, less 8 of a pixel and 2 of a sign and a sum

// The part of one side of an image that is shown, in pixels.
struct Span {
  double begin = 0, end = 0;
};

// Pixels `first` and following of a row or a column, and their weights.
struct Taps {
  int first = 0;
  std::vector<std::int32_t> weights;
};

double triangle(double x) { return std::max(1.0 - std::fabs(x), 0.0); }

// Pillow's bilinear filter, which widens with the reduction so that every pixel counts.
std::vector<Taps> find_taps(int side, Span shown, int target) {
  // The span passes through a float in pillow.
  const float begin = static_cast<float>(shown.begin), end = static_cast<float>(shown.end);
  const double scale = static_cast<double>(end - begin) / target, reach = std::max(scale, 1.0);
  std::vector<Taps> all(target);
  for (int place = 0; place < target; place++) {
    const double center = begin + (place + 0.5) * scale;
    const int first = std::max(static_cast<int>(center - reach + 0.5), 0);
    const int last = std::min(static_cast<int>(center + reach + 0.5), side);
    std::vector<double> values;
    double sum = 0;
    for (int i = first; i < last; i++) {
      values.push_back(triangle((i - center + 0.5) * (1.0 / reach)));
      sum += values.back();
    }
    all[place].first = first;
    for (const double value : values)
      all[place].weights.push_back(static_cast<std::int32_t>(0.5 + (sum != 0 ? value / sum : value) * (1 << kBits)));
  }
  return all;
}

// One pass over one axis: `step` is the distance of two pixels on it, `start` that of the first one from the beginning.
std::uint8_t weigh(const std::uint8_t* start, std::size_t step, const Taps& taps) {
  std::int32_t sum = 1 << (kBits - 1);
  for (std::size_t i = 0; i < taps.weights.size(); i++) sum += start[(taps.first + i) * step] * taps.weights[i];
  return static_cast<std::uint8_t>(std::clamp(sum >> kBits, 0, 255));
}

bool is_whole(Span shown, int side, int target) { return side == target && shown.begin == 0 && shown.end == side; }

Image resize_across(const Image& image, Span shown, int width) {
  if (is_whole(shown, image.width, width)) return image;
  const std::vector<Taps> taps = find_taps(image.width, shown, width);
  Image done{image.height, width, image.channels, {}};
  for (int y = 0; y < image.height; y++)
    for (int x = 0; x < width; x++)
      for (int c = 0; c < image.channels; c++) {
        const std::size_t row = static_cast<std::size_t>(y) * image.width * image.channels;
        done.pixels.push_back(weigh(&image.pixels[row + c], image.channels, taps[x]));
      }
  return done;
}

Image resize_down(const Image& image, Span shown, int height) {
  if (is_whole(shown, image.height, height)) return image;
  const std::vector<Taps> taps = find_taps(image.height, shown, height);
  const std::size_t row = static_cast<std::size_t>(image.width) * image.channels;
  Image done{height, image.width, image.channels, {}};
  for (int y = 0; y < height; y++)
    for (std::size_t i = 0; i < row; i++) done.pixels.push_back(weigh(&image.pixels[i], row, taps[y]));
  return done;
}

// ITU-R 601-2 luma in pillow's integers.
Image to_grey(const Image& image) {
  Image grey{image.height, image.width, 1, {}};
  for (std::size_t i = 0; i < image.pixels.size(); i += 3) {
    const std::uint8_t* rgb = &image.pixels[i];
    grey.pixels.push_back(static_cast<std::uint8_t>((rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16));
  }
  return grey;
}

// The middle part of a side that is `shown` pixels long.
Span middle(int side, double shown) {
  const double begin = std::max((side - shown) / 2, 0.0);
  return {begin, std::min(begin + shown, static_cast<double>(side))};
}

}  // namespace

Image read_raw_rgb(const std::string& path, int width, int height) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error(path + ": cannot be read; check the path");
  Image image{height, width, 3, {}};
  image.pixels.assign(std::istreambuf_iterator<char>(file), {});
  const std::size_t wanted = static_cast<std::size_t>(width) * height * 3;
  if (image.pixels.size() != wanted)
    throw std::runtime_error(path + ": has " + std::to_string(image.pixels.size()) + " bytes, and " + std::to_string(width) +
                             "x" + std::to_string(height) + " pixels of RGB have " + std::to_string(wanted) + "; give its own size");
  return image;
}

Image fit(const Image& image, const Preprocessing& how) {
  const Image source = how.channels == 1 ? to_grey(image) : image;
  Span across{0, static_cast<double>(image.width)}, down{0, static_cast<double>(image.height)};
  if (how.crops && (image.height != how.height || image.width != how.width)) {
    const double ratio = std::min(static_cast<double>(image.width) / how.width, static_cast<double>(image.height) / how.height);
    across = middle(image.width, ratio * how.width);
    down = middle(image.height, ratio * how.height);
  }
  // Pillow 13 and later begin with the pass that shortens more; earlier ones went across first.
  const int shorter = image.height - how.height;
  if (shorter > 0 && shorter > 2 * (image.width - how.width))
    return resize_across(resize_down(source, down, how.height), across, how.width);
  return resize_down(resize_across(source, across, how.width), down, how.height);
}
