// A reader of JSON (RFC 8259) that is large enough for the metadata of an artifact.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace json {

struct Value {
  enum class Kind { null, boolean, number, text, list, object };
  Kind kind = Kind::null;
  bool boolean = false;
  double number = 0;
  std::string text;  // UTF-8
  std::vector<Value> list;
  std::map<std::string, Value> object;

  // The accessors throw std::runtime_error where the value is of another kind, or the key is missing.
  const Value& at(const std::string& key) const;
  const std::string& as_text() const;
  double as_number() const;
  int as_integer() const;
  const std::vector<Value>& as_list() const;
};

// Read one document. Throws std::runtime_error where the text is not JSON, or nested more than 64 levels deep.
Value parse(const std::string& text);

}  // namespace json
