// Raw images, and their pixels as a network wants them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "metadata.h"

struct Image {
  int height = 0, width = 0, channels = 0;
  std::vector<std::uint8_t> pixels;  // rows from the top, the channels of a pixel beside each other
};

// Read `width` x `height` pixels of RGB, three bytes each, as V4L2 ("RGB3") and GStreamer ("RGB") deliver them.
// Throws std::runtime_error where the file has another size.
Image read_raw_rgb(const std::string& path, int width, int height);

// Return the image in the network's size and channels, bit for bit as pillow 13 resizes in Python.
Image fit(const Image& image, const Preprocessing& how);
