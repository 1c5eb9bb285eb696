// The frame's descriptors pointed at the arguments of a run, once these are checked.
#include <stdlib.h>

#include "internal.h"

namespace stepwell {
namespace {

// A dense, aligned copy of `given` in memory that the session keeps.
int copy_to_scratch(const sw_tensor_desc &tensor, const DLTensor *given, const uint8_t *data, uint64_t bytes,
                    InputSlot *slot, uint64_t *allocations) {
  if (bytes > slot->scratch_bytes) {
    free(slot->scratch);
    slot->scratch_bytes = 0;
    slot->scratch = allocate_aligned(bytes);
    ++*allocations;
    if (!slot->scratch)
      return fail(SW_ERROR_MEMORY, "out of memory: a dense copy of input '%s' takes %llu bytes", tensor.name,
                  static_cast<unsigned long long>(bytes));
    slot->scratch_bytes = bytes;
  }
  copy_dense(slot->scratch, data, given);
  return SW_OK;
}

int bind_input(Frame *frame, uint32_t index, const DLTensor *given, uint64_t *allocations) {
  const sw_tensor_desc &tensor = frame->entry->inputs[index];
  if (!given) return fail(SW_ERROR_INPUT, "input '%s' is missing (NULL)", tensor.name);
  if (int status = check_header(frame, "input", tensor, given)) return status;
  InputSlot &slot = frame->inputs[index];
  int64_t *sizes = slot.descriptor + 3;
  int64_t *strides = sizes + tensor.rank;
  if (int status = check_sizes(frame, tensor, given)) return status;
  for (int32_t i = 0; i < tensor.rank; ++i) sizes[i] = given->shape[i];
  uint64_t bytes = 0;
  if (!byte_count(sizes, tensor.rank, element_bytes(&tensor), &bytes))
    return fail(SW_ERROR_INPUT, "input '%s' is too large", tensor.name);
  int64_t step = 1;
  for (int32_t i = tensor.rank - 1; i >= 0; --i) {
    strides[i] = step;
    step *= sizes[i];
  }
  const uint8_t *data = static_cast<const uint8_t *>(given->data) + given->byte_offset;
  if (bytes == 0) {
    data = reinterpret_cast<const uint8_t *>(slot.descriptor);  // never read; not NULL
  } else if (!given->data) {
    return fail(SW_ERROR_INPUT, "input '%s' has no data (NULL)", tensor.name);
  } else if (!is_dense(given) || !is_aligned(data, tensor)) {
    if (int status = copy_to_scratch(tensor, given, data, bytes, &slot, allocations)) return status;
    data = static_cast<const uint8_t *>(slot.scratch);
  }
  slot.descriptor[0] = slot.descriptor[1] = static_cast<int64_t>(reinterpret_cast<intptr_t>(data));
  return SW_OK;
}

int bind_output(Frame *frame, uint32_t index, DLTensor *given, DLTensor *const *inputs) {
  const sw_tensor_desc &tensor = frame->entry->outputs[index];
  if (!given) return fail(SW_ERROR_INPUT, "output '%s' is missing (NULL)", tensor.name);
  OutputSlot &slot = frame->outputs[index];
  slot.tensor = given;
  slot.produced = false;
  slot.given = given->data != nullptr;
  if (!slot.given) return SW_OK;
  if (int status = check_header(frame, "output", tensor, given)) return status;
  for (int32_t i = 0; i < tensor.rank; ++i) {
    int64_t known = 0;
    if (known_size(frame, tensor.sizes[i], &known) && given->shape[i] != known)
      return shape_mismatch(frame, "output", tensor, given);
  }
  if (!is_dense(given)) return fail(SW_ERROR_INPUT, "output '%s' must be dense and row-major", tensor.name);
  const uint8_t *data = static_cast<const uint8_t *>(given->data) + given->byte_offset;
  if (!is_aligned(data, tensor))
    return fail(SW_ERROR_INPUT, "output '%s' must be aligned to its element of %llu bytes", tensor.name,
                static_cast<unsigned long long>(element_bytes(&tensor)));
  for (uint32_t i = 0; i < frame->entry->n_inputs; ++i) {
    if (overlap(given, inputs[i]))
      return fail(SW_ERROR_INPUT, "output '%s' overlaps input '%s'", tensor.name, frame->entry->inputs[i].name);
  }
  return SW_OK;
}

}  // namespace

int bind_inputs(Frame *frame, uint64_t *allocations, DLTensor *const *inputs, uint32_t count) {
  const sw_entry_desc *entry = frame->entry;
  if (count != entry->n_inputs)
    return fail(SW_ERROR_INPUT, "entry '%s' takes %u inputs, got %u", entry->name, entry->n_inputs, count);
  if (count && !inputs) return fail(SW_ERROR_INPUT, "entry '%s': the list of inputs is NULL", entry->name);
  for (uint32_t i = 0; i < entry->n_symbols; ++i) frame->symbol_known[i] = false;
  for (uint32_t i = 0; i < count; ++i)
    if (int status = bind_input(frame, i, inputs[i], allocations)) return status;
  return SW_OK;
}

int bind_outputs(Frame *frame, DLTensor *const *outputs, uint32_t count, DLTensor *const *inputs) {
  const sw_entry_desc *entry = frame->entry;
  if (count != entry->n_outputs)
    return fail(SW_ERROR_INPUT, "entry '%s' gives %u outputs, got room for %u", entry->name, entry->n_outputs, count);
  if (count && !outputs) return fail(SW_ERROR_INPUT, "entry '%s': the list of outputs is NULL", entry->name);
  for (uint32_t i = 0; i < count; ++i)
    if (int status = bind_output(frame, i, outputs[i], inputs)) return status;
  return SW_OK;
}

}  // namespace stepwell
