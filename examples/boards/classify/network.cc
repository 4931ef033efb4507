#include "network.h"

#include <algorithm>
#include <memory>
#include <stdexcept>

namespace {

// An object of the C API that is released at the end of the block.
template <typename T>
using Held = std::unique_ptr<T, void(ORT_API_CALL*)(T*)>;

const OrtApi* find_api() {
  const OrtApi* api = OrtGetApiBase()->GetApi(ORT_API_VERSION);
  if (!api)
    throw std::runtime_error(std::string("onnxruntime ") + OrtGetApiBase()->GetVersionString() +
                             ": is older than the headers of this program; build it with the library's own headers");
  return api;
}

}  // namespace

Network::Network(const std::string& path, int threads) : api_(find_api()), path_(path) {
  check(api_->CreateEnv(ORT_LOGGING_LEVEL_FATAL, "classify", &env_));
  OrtSessionOptions* options = nullptr;
  check(api_->CreateSessionOptions(&options));
  const Held<OrtSessionOptions> held(options, api_->ReleaseSessionOptions);
  check(api_->SetIntraOpNumThreads(options, threads));
  check(api_->SetInterOpNumThreads(options, 1));
  check(api_->CreateSession(env_, path.c_str(), options, &session_));
  check(api_->GetAllocatorWithDefaultOptions(&allocator_));
  check(api_->CreateCpuMemoryInfo(OrtDeviceAllocator, OrtMemTypeDefault, &memory_));
  const std::string text = read_property("sqnxt.json");
  if (text.empty()) throw std::runtime_error(path + ": has no metadata of sqnxt-tf; export it with `sqnxt-tf export`");
  try {
    metadata_ = read_metadata(text);
  } catch (const std::runtime_error& error) {
    throw std::runtime_error(path + ": its metadata cannot be used (" + error.what() + "); export it again");
  }
  read_input();
}

Network::~Network() {
  if (memory_) api_->ReleaseMemoryInfo(memory_);
  if (session_) api_->ReleaseSession(session_);
  if (env_) api_->ReleaseEnv(env_);
}

void Network::check(OrtStatus* status) const {
  if (!status) return;
  const std::string message = api_->GetErrorMessage(status);
  api_->ReleaseStatus(status);
  throw std::runtime_error(path_ + ": onnxruntime cannot use it (" + message + ")");
}

std::string Network::read_property(const char* key) const {
  OrtModelMetadata* properties = nullptr;
  check(api_->SessionGetModelMetadata(session_, &properties));
  const Held<OrtModelMetadata> held(properties, api_->ReleaseModelMetadata);
  char* text = nullptr;
  check(api_->ModelMetadataLookupCustomMetadataMap(properties, allocator_, key, &text));
  if (!text) return {};
  std::string found = text;
  check(api_->AllocatorFree(allocator_, text));
  return found;
}

// Read names, shape and type of the first input and output, and refuse what this program cannot give.
void Network::read_input() {
  char* name = nullptr;
  check(api_->SessionGetInputName(session_, 0, allocator_, &name));
  input_ = name;
  check(api_->AllocatorFree(allocator_, name));
  check(api_->SessionGetOutputName(session_, 0, allocator_, &name));
  output_ = name;
  check(api_->AllocatorFree(allocator_, name));

  OrtTypeInfo* info = nullptr;
  check(api_->SessionGetInputTypeInfo(session_, 0, &info));
  const Held<OrtTypeInfo> held(info, api_->ReleaseTypeInfo);
  const OrtTensorTypeAndShapeInfo* tensor = nullptr;
  check(api_->CastTypeInfoToTensorInfo(info, &tensor));
  std::size_t rank = 0;
  if (tensor) check(api_->GetDimensionsCount(tensor, &rank));
  if (rank != 4) throw std::runtime_error(path_ + ": does not take images; give an image classifier");
  shape_.resize(rank);
  check(api_->GetDimensions(tensor, shape_.data(), rank));
  check(api_->GetTensorElementType(tensor, &type_));

  const Preprocessing& how = metadata_.preprocessing;
  if (shape_[0] < 1) shape_[0] = 1;  // a free batch
  const std::vector<std::int64_t> first{1, how.channels, how.height, how.width}, last{1, how.height, how.width, how.channels};
  channels_first_ = shape_ == first;
  if (!channels_first_ && shape_ != last)
    throw std::runtime_error(path_ + ": does not take one image of the size that its metadata say; export it with `--batch 1`");
  if (type_ != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT && type_ != ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8)
    throw std::runtime_error(path_ + ": takes neither float32 nor pixels; export it with `--io float32`");
}

// The input's values in the network's layout.
std::vector<float> Network::values_of(const Image& image) const {
  const Preprocessing& how = metadata_.preprocessing;
  const std::size_t places = static_cast<std::size_t>(how.height) * how.width, channels = how.channels;
  std::vector<float> values(places * channels);
  for (std::size_t place = 0; place < places; place++)
    for (std::size_t c = 0; c < channels; c++) {
      const float mean = static_cast<float>(how.mean[c]), scale = static_cast<float>(how.scale[c]);
      const float value = (static_cast<float>(image.pixels[place * channels + c]) - mean) / scale;
      values[channels_first_ ? c * places + place : place * channels + c] = value;
    }
  return values;
}

std::vector<float> Network::run(const Image& image) const {
  std::vector<float> values = values_of(image);
  std::vector<std::uint8_t> pixels;
  void* data = values.data();
  std::size_t bytes = values.size() * sizeof(float);
  if (type_ == ONNX_TENSOR_ELEMENT_DATA_TYPE_UINT8) {  // the graph subtracts and divides by itself
    pixels.assign(values.begin(), values.end());
    data = pixels.data();
    bytes = pixels.size();
  }
  OrtValue *given = nullptr, *answer = nullptr;
  check(api_->CreateTensorWithDataAsOrtValue(memory_, data, bytes, shape_.data(), shape_.size(), type_, &given));
  const Held<OrtValue> held_input(given, api_->ReleaseValue);
  const char *input = input_.c_str(), *output = output_.c_str();
  check(api_->Run(session_, nullptr, &input, &given, 1, &output, 1, &answer));
  const Held<OrtValue> held_answer(answer, api_->ReleaseValue);

  OrtTensorTypeAndShapeInfo* info = nullptr;
  check(api_->GetTensorTypeAndShape(answer, &info));
  const Held<OrtTensorTypeAndShapeInfo> held_info(info, api_->ReleaseTensorTypeAndShapeInfo);
  ONNXTensorElementDataType type = ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED;
  std::size_t count = 0;
  check(api_->GetTensorElementType(info, &type));
  check(api_->GetTensorShapeElementCount(info, &count));
  if (type != ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT || count < 2)
    throw std::runtime_error(path_ + ": returns no float32 score for each class; export it with `--io float32`");
  float* scores = nullptr;
  check(api_->GetTensorMutableData(answer, reinterpret_cast<void**>(&scores)));
  return {scores, scores + count};
}
