#include "metadata.h"

#include <stdexcept>

#include "json.h"

namespace {

constexpr int kLargestSide = 8192;

std::vector<double> numbers(const json::Value& values, int count) {
  std::vector<double> found;
  for (const json::Value& value : values.as_list()) found.push_back(value.as_number());
  if (static_cast<int>(found.size()) != count) throw std::runtime_error("its mean or scale has a number too few or many");
  return found;
}

void check(const Preprocessing& how, const std::string& resize) {
  for (const int side : {how.height, how.width})
    if (side < 1 || side > kLargestSide) throw std::runtime_error("its images have an impossible size");
  if (how.channels != 1 && how.channels != 3) throw std::runtime_error("its images are neither grey nor RGB");
  if (resize != "stretch" && resize != "short_side_crop") throw std::runtime_error("unknown rule of resizing: " + resize);
  for (const double divisor : how.scale)
    if (divisor == 0) throw std::runtime_error("its scale is 0");
}

}  // namespace

Metadata read_metadata(const std::string& text) {
  const json::Value values = json::parse(text);
  Metadata found;
  for (const json::Value& label : values.at("labels").as_list()) found.labels.push_back(label.as_text());
  const json::Value& given = values.at("preprocessing");
  Preprocessing& how = found.preprocessing;
  how.height = given.at("height").as_integer();
  how.width = given.at("width").as_integer();
  how.channels = given.at("channels").as_integer();
  how.mean = numbers(given.at("mean"), how.channels);
  how.scale = numbers(given.at("scale"), how.channels);
  const std::string& resize = given.at("resize").as_text();
  check(how, resize);
  how.crops = resize == "short_side_crop";
  return found;
}
