// An .onnx artifact that is ready to classify, by onnxruntime's C API.
#pragma once

#include <onnxruntime_c_api.h>

#include <cstdint>
#include <string>
#include <vector>

#include "image.h"
#include "metadata.h"

class Network {
 public:
  // Open a file and read its metadata. Throws std::runtime_error where it is not a classifier of this project.
  Network(const std::string& path, int threads);
  ~Network();
  Network(const Network&) = delete;
  Network& operator=(const Network&) = delete;

  const Metadata& metadata() const { return metadata_; }

  // Return the network's first output for an image that has its size: one score for each class.
  std::vector<float> run(const Image& image) const;

 private:
  void check(OrtStatus* status) const;
  std::string read_property(const char* key) const;
  void read_input();
  std::vector<float> values_of(const Image& image) const;

  const OrtApi* api_ = nullptr;
  OrtEnv* env_ = nullptr;
  OrtSession* session_ = nullptr;
  OrtAllocator* allocator_ = nullptr;
  OrtMemoryInfo* memory_ = nullptr;
  std::string path_, input_, output_;
  std::vector<std::int64_t> shape_;
  ONNXTensorElementDataType type_ = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  bool channels_first_ = false;
  Metadata metadata_;
};
