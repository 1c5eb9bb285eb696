// The compiled code's side of a call: outputs, failures, and the way out of a failed entry.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

namespace stepwell {
namespace {

thread_local Landing *landing_of_thread;

// The memory of output `index` from the caller, the allocator or the session.
void *output_memory(Call *call, uint32_t index, uint64_t bytes) {
  sw_session *session = call->session;
  const sw_tensor_desc &tensor = call->frame->entry->outputs[index];
  OutputSlot &slot = call->frame->outputs[index];
  if (slot.given) {
    for (int32_t i = 0; i < tensor.rank; ++i) {
      if (slot.tensor->shape[i] != slot.sizes[i])
        end_call(SW_ERROR_INPUT, "output '%s': dimension %d of the given buffer is %lld, the result's is %lld",
                 tensor.name, i, static_cast<long long>(slot.tensor->shape[i]), static_cast<long long>(slot.sizes[i]));
    }
    return static_cast<uint8_t *>(slot.tensor->data) + slot.tensor->byte_offset;
  }
  if (session->allocate) {
    void *memory = session->allocate(session->allocate_user, index, tensor.rank, slot.sizes, bytes);
    if (bytes == 0) return &slot;  // never read or written; not NULL
    if (!memory)
      end_call(SW_ERROR_MEMORY, "output '%s': the allocator gave no memory for %llu bytes", tensor.name,
               static_cast<unsigned long long>(bytes));
    return memory;
  }
  if (bytes > slot.owned_bytes || !slot.owned) {
    free(slot.owned);
    slot.owned_bytes = 0;
    slot.owned = allocate_aligned(bytes);
    session->buffer_allocations++;
    if (!slot.owned)
      end_call(SW_ERROR_MEMORY, "out of memory: output '%s' takes %llu bytes", tensor.name,
               static_cast<unsigned long long>(bytes));
    slot.owned_bytes = bytes;
  }
  return slot.owned;
}

void describe_output(const sw_tensor_desc &desc, OutputSlot *slot, void *memory) {
  DLTensor *tensor = slot->tensor;
  tensor->data = memory;
  tensor->device = DLDevice{kDLCPU, 0};
  tensor->ndim = desc.rank;
  tensor->dtype = DLDataType{static_cast<uint8_t>(desc.dtype_code), static_cast<uint8_t>(desc.dtype_bits), 1};
  if (tensor->shape)
    memcpy(tensor->shape, slot->sizes, static_cast<size_t>(desc.rank) * sizeof(int64_t));
  else
    tensor->shape = slot->sizes;
  tensor->strides = nullptr;
  tensor->byte_offset = 0;
}

}  // namespace

Landing *current_landing() { return landing_of_thread; }

Landing *set_landing(Landing *landing) {
  Landing *previous = landing_of_thread;
  landing_of_thread = landing;
  return previous;
}

void end_call(int status, const char *format, ...) {
  char message[sizeof Call::message];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  Landing *landing = landing_of_thread;
  if (!landing) {
    fprintf(stderr, "stepwell: %s\n", message);
    abort();
  }
  Call *call = landing->call;
  pthread_mutex_lock(&call->heap->lock);
  if (call->status == SW_OK) {  // the first failure of several threads is the one that is told
    call->status = status;
    memcpy(call->message, message, sizeof message);
  }
  pthread_mutex_unlock(&call->heap->lock);
  longjmp(landing->target, 1);
}

}  // namespace stepwell

using stepwell::end_call;

SW_EXPORT void stepwell_assert_failed(const char *message) {
  end_call(SW_ERROR_EXECUTION, "%s", message && *message ? message : "an assertion of the compiled program failed");
}

SW_EXPORT void _mlir_ciface_stepwell_output(sw_memref_1d *result, sw_memref_1d *context, int64_t index,
                                            sw_memref_1d *dims) {
  auto *call = static_cast<stepwell::Call *>(context->aligned);
  const sw_entry_desc *entry = call->frame->entry;
  if (index < 0 || index >= entry->n_outputs)
    end_call(SW_ERROR_EXECUTION, "the compiled program asked for output %lld of %u", static_cast<long long>(index),
             entry->n_outputs);
  const sw_tensor_desc &tensor = entry->outputs[index];
  stepwell::OutputSlot &slot = call->frame->outputs[index];
  if (dims->size != tensor.rank)
    end_call(SW_ERROR_EXECUTION, "output '%s': the compiled program gave %lld sizes for rank %d", tensor.name,
             static_cast<long long>(dims->size), tensor.rank);
  const int64_t *sizes = static_cast<const int64_t *>(dims->aligned) + dims->offset;
  for (int32_t i = 0; i < tensor.rank; ++i) {
    slot.sizes[i] = sizes[i * dims->stride];
    int64_t known = 0;
    if (stepwell::known_size(call->frame, tensor.sizes[i], &known) && slot.sizes[i] != known)
      end_call(SW_ERROR_EXECUTION, "output '%s': dimension %d came out as %lld, not %lld", tensor.name, i,
               static_cast<long long>(slot.sizes[i]), static_cast<long long>(known));
  }
  uint64_t bytes = 0;
  if (!stepwell::byte_count(slot.sizes, tensor.rank, stepwell::element_bytes(&tensor), &bytes))
    end_call(SW_ERROR_MEMORY, "output '%s' is too large", tensor.name);
  void *memory = stepwell::output_memory(call, static_cast<uint32_t>(index), bytes);
  if (!slot.given) stepwell::describe_output(tensor, &slot, memory);
  slot.produced = true;
  *result = sw_memref_1d{memory, memory, 0, static_cast<int64_t>(bytes), 1};
}

SW_EXPORT void _mlir_ciface_stepwell_arena(sw_memref_1d *result, sw_memref_1d *context, int64_t bytes) {
  sw_session *session = static_cast<stepwell::Call *>(context->aligned)->session;
  const auto wanted = static_cast<uint64_t>(bytes);
  if (wanted > session->dynamic_arena_bytes || !session->dynamic_arena) {
    free(session->dynamic_arena);  // first: both at once may be too much
    session->dynamic_arena_bytes = 0;
    session->dynamic_arena = static_cast<uint8_t *>(stepwell::allocate_aligned(wanted));
    session->buffer_allocations++;
    if (!session->dynamic_arena)
      end_call(SW_ERROR_MEMORY, "out of memory: temporaries of %llu bytes could not be allocated",
               static_cast<unsigned long long>(wanted));
    session->dynamic_arena_bytes = wanted;
  }
  *result = sw_memref_1d{session->dynamic_arena, session->dynamic_arena, 0, bytes, 1};
}

// The table through which another copy of the runtime enters calls of this copy's code.
SW_EXPORT const stepwell::Hooks stepwell_hooks = {stepwell::kHooksVersion, stepwell::set_landing};
