// What an artifact says of itself: the names of its classes, and how an image becomes its input.
#pragma once

#include <string>
#include <vector>

struct Preprocessing {
  int height = 0, width = 0, channels = 0;  // of the network's input; 1 (grey) or 3 (RGB) channels
  bool crops = false;                       // to the input's aspect, around the centre; otherwise the image is stretched
  std::vector<double> mean, scale;          // per channel: the input is (pixel - mean) / scale
};

struct Metadata {
  std::vector<std::string> labels;
  Preprocessing preprocessing;
};

// Read the property `sqnxt.json`. Throws std::runtime_error where it does not say what is needed.
Metadata read_metadata(const std::string& text);
