// The arguments of a run against the entry's signature.
#include <stdarg.h>
#include <stdio.h>

#include "internal.h"

namespace stepwell {
namespace {

// A short text built piece by piece; what does not fit is cut.
struct Text {
  char words[256];
  size_t length;

  void add(const char *format, ...) __attribute__((format(printf, 2, 3))) {
    va_list arguments;
    va_start(arguments, format);
    const int written = vsnprintf(words + length, sizeof words - length, format, arguments);
    va_end(arguments);
    if (written > 0) length += static_cast<size_t>(written);
    if (length >= sizeof words) length = sizeof words - 1;
  }
};

Text expected_shape(const sw_entry_desc *entry, const sw_tensor_desc &tensor) {
  Text text = {{0}, 0};
  text.add("[");
  for (int32_t i = 0; i < tensor.rank; ++i) {
    const sw_size &size = tensor.sizes[i];
    if (i) text.add(", ");
    if (size.symbol == SW_SIZE_UNKNOWN) {
      text.add("?");
    } else if (size.symbol < 0) {
      text.add("%lld", static_cast<long long>(size.offset));
    } else {
      if (size.scale != 1) text.add("%lld*", static_cast<long long>(size.scale));
      text.add("%s", entry->symbols[size.symbol].name);
      if (size.offset) text.add("%+lld", static_cast<long long>(size.offset));
    }
  }
  text.add("]");
  return text;
}

Text given_shape(const DLTensor *tensor) {
  Text text = {{0}, 0};
  text.add("[");
  for (int32_t i = 0; i < tensor->ndim; ++i) text.add(i ? ", %lld" : "%lld", static_cast<long long>(tensor->shape[i]));
  text.add("]");
  return text;
}

// Finds the symbol's value from one dimension, or compares with what an earlier one gave.
int match_symbol(Frame *frame, const sw_tensor_desc &tensor, const DLTensor *given, int32_t dim) {
  const sw_size &size = tensor.sizes[dim];
  const sw_symbol_desc &symbol = frame->entry->symbols[size.symbol];
  const int64_t rest = given->shape[dim] - size.offset;
  if (size.scale == 0 || rest % size.scale != 0) return shape_mismatch(frame, "input", tensor, given);
  const int64_t value = rest / size.scale;
  if (!frame->symbol_known[size.symbol]) {
    if (value < symbol.min || value > symbol.max) {
      if (symbol.max == INT64_MAX)
        return fail(SW_ERROR_INPUT, "input '%s': dimension %d makes '%s' %lld, which must be at least %lld",
                    tensor.name, dim, symbol.name, static_cast<long long>(value), static_cast<long long>(symbol.min));
      return fail(SW_ERROR_INPUT, "input '%s': dimension %d makes '%s' %lld, which must lie in %lld to %lld",
                  tensor.name, dim, symbol.name, static_cast<long long>(value), static_cast<long long>(symbol.min),
                  static_cast<long long>(symbol.max));
    }
    frame->symbols[size.symbol] = value;
    frame->symbol_known[size.symbol] = true;
    return SW_OK;
  }
  if (frame->symbols[size.symbol] != value)
    return fail(SW_ERROR_INPUT, "input '%s': expected shape %s with '%s' = %lld as in earlier inputs, got %s",
                tensor.name, expected_shape(frame->entry, tensor).words, symbol.name,
                static_cast<long long>(frame->symbols[size.symbol]), given_shape(given).words);
  return SW_OK;
}

}  // namespace

bool known_size(const Frame *frame, const sw_size &size, int64_t *value) {
  if (size.symbol == SW_SIZE_UNKNOWN || (size.symbol >= 0 && !frame->symbol_known[size.symbol])) return false;
  *value = size.symbol >= 0 ? size.scale * frame->symbols[size.symbol] + size.offset : size.offset;
  return true;
}

int shape_mismatch(const Frame *frame, const char *kind, const sw_tensor_desc &tensor, const DLTensor *given) {
  return fail(SW_ERROR_INPUT, "%s '%s': expected shape %s, got %s", kind, tensor.name,
              expected_shape(frame->entry, tensor).words, given_shape(given).words);
}

// What holds for inputs and for outputs with memory: device, dtype, rank, pointer.
int check_header(const Frame *frame, const char *kind, const sw_tensor_desc &tensor, const DLTensor *given) {
  if (given->device.device_type != kDLCPU && given->device.device_type != kDLCUDAHost)
    return fail(SW_ERROR_INPUT, "%s '%s': expected memory of the CPU, got DLPack device type %d", kind, tensor.name,
                static_cast<int>(given->device.device_type));
  if (given->dtype.code != tensor.dtype_code || given->dtype.bits != tensor.dtype_bits || given->dtype.lanes != 1) {
    const char *name = dtype_name(given->dtype.code, given->dtype.bits);
    if (name && given->dtype.lanes == 1)
      return fail(SW_ERROR_INPUT, "%s '%s': expected dtype %s, got %s", kind, tensor.name,
                  dtype_name(tensor.dtype_code, tensor.dtype_bits), name);
    return fail(SW_ERROR_INPUT, "%s '%s': expected dtype %s, got DLPack code %d with %d bits in %d lanes", kind,
                tensor.name, dtype_name(tensor.dtype_code, tensor.dtype_bits), given->dtype.code, given->dtype.bits,
                given->dtype.lanes);
  }
  if (given->ndim != tensor.rank || (tensor.rank && !given->shape)) {
    if (given->ndim < 0 || (given->ndim && !given->shape))
      return fail(SW_ERROR_INPUT, "%s '%s': the tensor has no shape", kind, tensor.name);
    return shape_mismatch(frame, kind, tensor, given);
  }
  return SW_OK;
}

int check_sizes(Frame *frame, const sw_tensor_desc &tensor, const DLTensor *given) {
  for (int32_t i = 0; i < tensor.rank; ++i) {
    const sw_size &size = tensor.sizes[i];
    const bool fixed = size.symbol == SW_SIZE_STATIC;
    if (given->shape[i] < 0 || (fixed && given->shape[i] != size.offset))
      return shape_mismatch(frame, "input", tensor, given);
    if (size.symbol < 0) continue;
    if (int status = match_symbol(frame, tensor, given, i)) return status;
  }
  return SW_OK;
}

}  // namespace stepwell
