// Whether elements follow each other without gaps; for the runtime and for the short way from Python.
#ifndef STEPWELL_DENSE_H
#define STEPWELL_DENSE_H

#include "stepwell/dlpack.h"

namespace stepwell {

inline bool is_dense(const DLTensor *tensor) {
  if (!tensor->strides) return true;
  int64_t expected = 1;
  for (int32_t i = tensor->ndim - 1; i >= 0; --i) {
    if (tensor->shape[i] != 1 && tensor->strides[i] != expected) return false;
    expected *= tensor->shape[i];
  }
  return true;
}

}  // namespace stepwell

#endif
