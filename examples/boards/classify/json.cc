#include "json.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

namespace json {
namespace {

constexpr int kDeepest = 64;

class Reader {
 public:
  explicit Reader(const std::string& text) : text_(text) {}

  Value document() {
    Value value = read(0);
    skip_space();
    if (at_ != text_.size()) fail("something follows the document");
    return value;
  }

 private:
  [[noreturn]] void fail(const char* why) const {
    throw std::runtime_error("not JSON at byte " + std::to_string(at_) + ": " + why);
  }

  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  void skip_space() {
    while (at_ < text_.size() && std::strchr(" \t\r\n", text_[at_]) && text_[at_]) at_++;
  }

  bool taken(char wanted) {
    skip_space();
    if (peek() != wanted || at_ >= text_.size()) return false;
    at_++;
    return true;
  }

  void take_word(const char* word) {
    if (text_.compare(at_, std::strlen(word), word) != 0) fail("a value is missing");
    at_ += std::strlen(word);
  }

  Value read(int depth) {
    if (depth > kDeepest) fail("too deep");
    skip_space();
    Value value;
    switch (peek()) {
      case '{': read_object(value, depth); break;
      case '[': read_list(value, depth); break;
      case '"': value.kind = Value::Kind::text; value.text = read_text(); break;
      case 't': take_word("true"); value.kind = Value::Kind::boolean; value.boolean = true; break;
      case 'f': take_word("false"); value.kind = Value::Kind::boolean; break;
      case 'n': take_word("null"); break;
      default: read_number(value);
    }
    return value;
  }

  void read_object(Value& value, int depth) {
    value.kind = Value::Kind::object;
    at_++;
    if (taken('}')) return;
    do {
      skip_space();
      if (peek() != '"') fail("a key is missing");
      std::string key = read_text();
      if (!taken(':')) fail("a colon is missing");
      value.object[key] = read(depth + 1);
    } while (taken(','));
    if (!taken('}')) fail("an object does not end");
  }

  void read_list(Value& value, int depth) {
    value.kind = Value::Kind::list;
    at_++;
    if (taken(']')) return;
    do value.list.push_back(read(depth + 1));
    while (taken(','));
    if (!taken(']')) fail("a list does not end");
  }

  void read_number(Value& value) {
    const std::size_t end = text_.find_first_not_of("+-.0123456789Ee", at_);
    const std::string digits = text_.substr(at_, end == std::string::npos ? end : end - at_);
    char* rest = nullptr;
    value.kind = Value::Kind::number;
    value.number = std::strtod(digits.c_str(), &rest);
    if (digits.empty() || *rest != '\0' || !std::isfinite(value.number)) fail("a value is missing");
    at_ += digits.size();
  }

  std::string read_text() {
    std::string found;
    at_++;
    while (peek() != '"') {
      if (at_ >= text_.size() || static_cast<unsigned char>(peek()) < 0x20) fail("a text does not end");
      if (peek() == '\\') {
        at_++;
        read_escape(found);
      } else {
        found += text_[at_++];
      }
    }
    at_++;
    return found;
  }

  void read_escape(std::string& found) {
    static const char names[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    const char name = peek();
    at_++;
    if (name == 'u') return add_utf8(found, read_code_point());
    const char* place = name ? std::strchr(names, name) : nullptr;
    if (!place) fail("an unknown escape");
    found += meant[place - names];
  }

  unsigned read_code_point() {
    const unsigned first = read_hex();
    if (first < 0xD800 || first > 0xDBFF || text_.compare(at_, 2, "\\u") != 0) return first;
    at_ += 2;  // UTF-16: two halves of one character
    return 0x10000 + ((first - 0xD800) << 10) + ((read_hex() - 0xDC00) & 0x3FF);
  }

  unsigned read_hex() {
    const std::string digits = text_.substr(at_, 4);
    if (digits.size() != 4 || digits.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos) fail("four digits are missing");
    at_ += 4;
    return static_cast<unsigned>(std::strtoul(digits.c_str(), nullptr, 16));
  }

  static void add_utf8(std::string& text, unsigned code) {
    const auto add = [&text](unsigned byte) { text += static_cast<char>(byte); };
    if (code < 0x80) return add(code);
    if (code < 0x800) {
      add(0xC0 | code >> 6);
    } else {
      if (code < 0x10000) {
        add(0xE0 | code >> 12);
      } else {
        add(0xF0 | code >> 18);
        add(0x80 | (code >> 12 & 0x3F));
      }
      add(0x80 | (code >> 6 & 0x3F));
    }
    add(0x80 | (code & 0x3F));
  }

  const std::string& text_;
  std::size_t at_ = 0;
};

const Value& checked(const Value& value, Value::Kind kind, const char* name) {
  if (value.kind != kind) throw std::runtime_error(std::string("a value is not ") + name);
  return value;
}

}  // namespace

const Value& Value::at(const std::string& key) const {
  const auto found = object.find(key);
  if (kind != Kind::object || found == object.end()) throw std::runtime_error("no field \"" + key + "\"");
  return found->second;
}

const std::string& Value::as_text() const { return checked(*this, Kind::text, "a text").text; }
double Value::as_number() const { return checked(*this, Kind::number, "a number").number; }
const std::vector<Value>& Value::as_list() const { return checked(*this, Kind::list, "a list").list; }

int Value::as_integer() const {
  const double found = as_number();
  if (found != std::floor(found) || std::fabs(found) > 1e6) throw std::runtime_error("a value is not a small integer");
  return static_cast<int>(found);
}

Value parse(const std::string& text) { return Reader(text).document(); }

}  // namespace json
