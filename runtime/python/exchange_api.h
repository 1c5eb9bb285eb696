/* DLPack's table of functions between tensor libraries (https://dmlc.github.io/dlpack), version 1, which a Python tensor
 * class offers as `__dlpack_c_exchange_api__`. What is not called here is left untyped. */
#ifndef STEPWELL_EXCHANGE_API_H
#define STEPWELL_EXCHANGE_API_H

#include "stepwell/dlpack.h"

typedef struct {
  uint32_t major, minor;
} DLPackVersion;

typedef struct DLPackExchangeAPIHeader {
  DLPackVersion version;
  struct DLPackExchangeAPIHeader *previous;
} DLPackExchangeAPIHeader;

typedef struct {
  DLPackExchangeAPIHeader header;
  void *managed_tensor_allocator;
  void *managed_tensor_from_py_object_no_sync;
  void *managed_tensor_to_py_object_no_sync;
  /* Describes a tensor without owning it; 0, or -1 with a Python exception set. */
  int (*dltensor_from_py_object_no_sync)(void *object, DLTensor *described);
  void *current_work_stream;
} DLPackExchangeAPI;

#endif
