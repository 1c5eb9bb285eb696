// Facts about tensors: names and sizes of element types, strides, memory.
#include <string.h>

#include "internal.h"

namespace stepwell {
namespace {

struct Name {
  int32_t code, bits;
  const char *name;
};

const Name kNames[] = {
    {kDLBool, 8, "i1"},      {kDLInt, 8, "i8"},         {kDLInt, 16, "i16"},          {kDLInt, 32, "i32"},
    {kDLInt, 64, "i64"},     {kDLUInt, 8, "ui8"},       {kDLUInt, 16, "ui16"},        {kDLUInt, 32, "ui32"},
    {kDLUInt, 64, "ui64"},   {kDLFloat, 16, "f16"},     {kDLBfloat, 16, "bf16"},      {kDLFloat, 32, "f32"},
    {kDLFloat, 64, "f64"},   {kDLFloat8_e4m3fn, 8, "f8E4M3FN"}, {kDLFloat8_e5m2, 8, "f8E5M2"},
    {kDLComplex, 64, "complex<f32>"}, {kDLComplex, 128, "complex<f64>"},
};

// Rows of any stride into a dense buffer; returns where the next element goes.
uint8_t *copy_strided(uint8_t *to, const uint8_t *from, const DLTensor *tensor, int32_t dim, int64_t element) {
  if (dim == tensor->ndim) {
    memcpy(to, from, static_cast<size_t>(element));
    return to + element;
  }
  const int64_t step = tensor->strides[dim] * element;
  const int64_t count = tensor->shape[dim];
  if (dim == tensor->ndim - 1 && step == element) {
    memcpy(to, from, static_cast<size_t>(count * element));
    return to + count * element;
  }
  for (int64_t i = 0; i < count; ++i) to = copy_strided(to, from + i * step, tensor, dim + 1, element);
  return to;
}

// The addresses that a tensor's elements span.
void span_of(const DLTensor *tensor, uintptr_t *begin, uintptr_t *end) {
  const int64_t element = tensor->dtype.bits / 8;
  int64_t low = 0, high = element, dense = 1;
  for (int32_t i = tensor->ndim - 1; i >= 0; --i) {
    const int64_t reach = (tensor->strides ? tensor->strides[i] : dense) * (tensor->shape[i] - 1) * element;
    (reach < 0 ? low : high) += reach;
    dense *= tensor->shape[i];
  }
  const uintptr_t data = reinterpret_cast<uintptr_t>(tensor->data) + tensor->byte_offset;
  *begin = data + static_cast<uintptr_t>(low);
  *end = data + static_cast<uintptr_t>(high);
  if (dense == 0) *begin = *end = 0;
}

}  // namespace

const char *dtype_name(int32_t code, int32_t bits) {
  for (const Name &name : kNames)
    if (name.code == code && name.bits == bits) return name.name;
  return nullptr;
}

uint64_t element_bytes(const sw_tensor_desc *tensor) { return static_cast<uint64_t>(tensor->dtype_bits) / 8; }

bool byte_count(const int64_t *sizes, int32_t rank, uint64_t element, uint64_t *bytes) {
  uint64_t total = element;
  bool overflow = false;
  bool empty = false;
  for (int32_t i = 0; i < rank; ++i) {
    if (sizes[i] < 0) return false;
    empty |= sizes[i] == 0;
    overflow |= __builtin_mul_overflow(total, static_cast<uint64_t>(sizes[i]), &total);
  }
  *bytes = empty ? 0 : total;
  return empty || (!overflow && total <= static_cast<uint64_t>(INT64_MAX));
}

// A complex number is aligned to its halves.
bool is_aligned(const void *data, const sw_tensor_desc &tensor) {
  const uint64_t element = element_bytes(&tensor);
  const uint64_t alignment = tensor.dtype_code == kDLComplex ? element / 2 : element;
  return reinterpret_cast<uintptr_t>(data) % alignment == 0;
}

void copy_dense(void *to, const void *from, const DLTensor *tensor) {
  const int64_t element = tensor->dtype.bits / 8;
  auto *target = static_cast<uint8_t *>(to);
  if (tensor->strides) {
    copy_strided(target, static_cast<const uint8_t *>(from), tensor, 0, element);
    return;
  }
  uint64_t bytes = 0;
  if (byte_count(tensor->shape, tensor->ndim, static_cast<uint64_t>(element), &bytes)) memcpy(target, from, bytes);
}

bool overlap(const DLTensor *a, const DLTensor *b) {
  uintptr_t a_begin = 0, a_end = 0, b_begin = 0, b_end = 0;
  span_of(a, &a_begin, &a_end);
  span_of(b, &b_begin, &b_end);
  return a_begin < b_end && b_begin < a_end;
}

}  // namespace stepwell
