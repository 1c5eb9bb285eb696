// The header of a safetensors file: a JSON object of tensors, parsed strictly (https://github.com/huggingface/safetensors).
#include <stdlib.h>
#include <string.h>

#include "internal.h"

namespace stepwell {
namespace {

struct Parser {
  const char *next;
  const char *end;
  char *out;  // where decoded strings go; a string never grows by decoding

  void skip_blanks() {
    while (next < end && (*next == ' ' || *next == '\t' || *next == '\n' || *next == '\r')) ++next;
  }

  bool take(char c) {
    skip_blanks();
    if (next >= end || *next != c) return false;
    ++next;
    return true;
  }

  bool hex4(uint32_t *value) {
    *value = 0;
    for (int i = 0; i < 4; ++i, ++next) {
      if (next >= end) return false;
      const char c = *next;
      const int digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
      if (digit < 0) return false;
      *value = *value * 16 + static_cast<uint32_t>(digit);
    }
    return true;
  }

  void put_utf8(uint32_t code) {
    if (code < 0x80) {
      *out++ = static_cast<char>(code);
    } else if (code < 0x800) {
      *out++ = static_cast<char>(0xC0 | code >> 6);
      *out++ = static_cast<char>(0x80 | (code & 0x3F));
    } else if (code < 0x10000) {
      *out++ = static_cast<char>(0xE0 | code >> 12);
      *out++ = static_cast<char>(0x80 | (code >> 6 & 0x3F));
      *out++ = static_cast<char>(0x80 | (code & 0x3F));
    } else {
      *out++ = static_cast<char>(0xF0 | code >> 18);
      *out++ = static_cast<char>(0x80 | (code >> 12 & 0x3F));
      *out++ = static_cast<char>(0x80 | (code >> 6 & 0x3F));
      *out++ = static_cast<char>(0x80 | (code & 0x3F));
    }
  }

  bool escape() {
    static const char kFrom[] = "\"\\/bfnrt";
    static const char kTo[] = "\"\\/\b\f\n\r\t";
    if (next >= end) return false;
    const char c = *next++;
    if (c == 'u') {
      uint32_t code = 0;
      if (!hex4(&code)) return false;
      if (code >= 0xD800 && code < 0xDC00) {  // the first half of a pair
        uint32_t low = 0;
        if (end - next < 6 || next[0] != '\\' || next[1] != 'u') return false;
        next += 2;
        if (!hex4(&low) || low < 0xDC00 || low > 0xDFFF) return false;
        code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
      }
      if (code == 0) return false;
      put_utf8(code);
      return true;
    }
    const char *found = c ? strchr(kFrom, c) : nullptr;
    if (!found) return false;
    *out++ = kTo[found - kFrom];
    return true;
  }

  bool string(const char **value) {
    if (!take('"')) return false;
    *value = out;
    while (next < end && *next != '"') {
      const char c = *next++;
      if (static_cast<unsigned char>(c) < 0x20) return false;
      if (c != '\\')
        *out++ = c;
      else if (!escape())
        return false;
    }
    if (next >= end) return false;
    ++next;
    *out++ = '\0';
    return true;
  }

  bool number(uint64_t *value) {
    skip_blanks();
    const char *start = next;
    *value = 0;
    while (next < end && *next >= '0' && *next <= '9') {
      if (__builtin_mul_overflow(*value, 10, value) ||
          __builtin_add_overflow(*value, static_cast<uint64_t>(*next - '0'), value))
        return false;
      ++next;
    }
    return next != start;
  }

  // Any list of numbers; the first two are kept.
  bool numbers(uint64_t kept[2], uint32_t *count) {
    *count = 0;
    if (!take('[')) return false;
    if (take(']')) return true;
    do {
      uint64_t value = 0;
      if (!number(&value)) return false;
      if (*count < 2) kept[*count] = value;
      ++*count;
    } while (take(','));
    return take(']');
  }

  bool metadata() {
    if (!take('{')) return false;
    if (take('}')) return true;
    do {
      const char *text = nullptr;
      if (!string(&text) || !take(':') || !string(&text)) return false;
    } while (take(','));
    return take('}');
  }

  bool tensor(FileTensor *tensor) {
    bool has_dtype = false;
    bool has_offsets = false;
    if (!take('{')) return false;
    do {
      const char *key = nullptr;
      uint64_t values[2] = {0, 0};
      uint32_t count = 0;
      if (!string(&key) || !take(':')) return false;
      if (strcmp(key, "dtype") == 0) {
        if (!string(&tensor->dtype)) return false;
        has_dtype = true;
      } else if (strcmp(key, "shape") == 0) {
        if (!numbers(values, &count)) return false;
      } else if (strcmp(key, "data_offsets") == 0) {
        if (!numbers(values, &count) || count != 2) return false;
        tensor->begin = values[0];
        tensor->end = values[1];
        has_offsets = true;
      } else {
        return false;
      }
    } while (take(','));
    return take('}') && has_dtype && has_offsets;
  }
};

int by_name(const void *a, const void *b) {
  return strcmp(static_cast<const FileTensor *>(a)->name, static_cast<const FileTensor *>(b)->name);
}

// An upper bound of the tensors in the header: each opens a brace.
uint64_t count_braces(const char *text, uint64_t length) {
  uint64_t count = 0;
  for (uint64_t i = 0; i < length; ++i) count += text[i] == '{';
  return count;
}

bool parse(Parser *parser, ParameterFile *file) {
  if (!parser->take('{')) return false;
  if (!parser->take('}')) {
    do {
      const char *name = nullptr;
      if (!parser->string(&name) || !parser->take(':')) return false;
      if (strcmp(name, "__metadata__") == 0) {
        if (!parser->metadata()) return false;
        continue;
      }
      FileTensor *tensor = &file->tensors[file->n_tensors];
      tensor->name = name;
      if (!parser->tensor(tensor)) return false;
      if (tensor->begin > tensor->end || tensor->end > file->data_bytes) return false;
      file->n_tensors++;
    } while (parser->take(','));
    if (!parser->take('}')) return false;
  }
  parser->skip_blanks();
  return parser->next == parser->end;
}

}  // namespace

int parse_header(const char *path, const char *text, uint64_t length, ParameterFile *file) {
  file->names = static_cast<char *>(malloc(length + 1));
  file->tensors = static_cast<FileTensor *>(calloc(count_braces(text, length) + 1, sizeof(FileTensor)));
  if (!file->names || !file->tensors) return fail(SW_ERROR_MEMORY, "out of memory");
  Parser parser = {text, text + length, file->names};
  if (!parse(&parser, file))
    return fail(SW_ERROR_ARTIFACT, "parameter file %s: its header is damaged near byte %llu", path,
                static_cast<unsigned long long>(8 + (parser.next - text)));
  qsort(file->tensors, file->n_tensors, sizeof(FileTensor), by_name);
  for (uint32_t i = 1; i < file->n_tensors; ++i)
    if (strcmp(file->tensors[i - 1].name, file->tensors[i].name) == 0)
      return fail(SW_ERROR_ARTIFACT, "parameter file %s: it holds '%s' twice", path, file->tensors[i].name);
  return SW_OK;
}

}  // namespace stepwell
