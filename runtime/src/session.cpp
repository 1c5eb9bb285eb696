// Sessions: arena, states, and a frame for each entry.
#include <stdlib.h>
#include <string.h>

#include "internal.h"

namespace stepwell {
namespace {

// Words of a ranked memref descriptor: allocated, aligned, offset, sizes, strides.
uint64_t descriptor_words(int32_t rank) { return 3 + 2 * static_cast<uint64_t>(rank); }

const State *find_state(const sw_model *model, const char *name) {
  for (uint32_t i = 0; i < model->n_states; ++i)
    if (strcmp(model->states[i].tensor->name, name) == 0) return &model->states[i];
  return nullptr;
}

void fill_state_descriptor(int64_t *descriptor, const State *state, uint8_t *block) {
  const int32_t rank = state->tensor->rank;
  descriptor[0] = descriptor[1] = static_cast<int64_t>(reinterpret_cast<intptr_t>(block + state->offset));
  descriptor[2] = 0;
  int64_t step = 1;
  for (int32_t i = rank - 1; i >= 0; --i) {
    descriptor[3 + i] = state->sizes[i];
    descriptor[3 + rank + i] = step;
    step *= state->sizes[i];
  }
}

template <typename T>
bool allocate_array(T **array, uint64_t count) {
  *array = static_cast<T *>(calloc(count ? count : 1, sizeof(T)));
  return *array != nullptr;
}

bool start_frame(sw_session *session, const sw_entry_desc *entry, Frame *frame) {
  frame->entry = entry;
  uint64_t words = 0;
  uint64_t output_sizes = 0;
  for (uint32_t i = 0; i < entry->n_inputs; ++i) words += descriptor_words(entry->inputs[i].rank);
  for (uint32_t i = 0; i < entry->n_states; ++i) words += descriptor_words(entry->states[i].rank);
  for (uint32_t i = 0; i < entry->n_outputs; ++i) output_sizes += static_cast<uint64_t>(entry->outputs[i].rank);
  if (!allocate_array(&frame->descriptors, entry->n_inputs + entry->n_states + 3) ||
      !allocate_array(&frame->words, words + output_sizes) || !allocate_array(&frame->inputs, entry->n_inputs) ||
      !allocate_array(&frame->outputs, entry->n_outputs) || !allocate_array(&frame->symbols, entry->n_symbols) ||
      !allocate_array(&frame->symbol_known, entry->n_symbols))
    return false;

  int64_t *next = frame->words;
  void **descriptor = frame->descriptors;
  for (uint32_t i = 0; i < entry->n_inputs; ++i) {
    frame->inputs[i].descriptor = next;
    *descriptor++ = next;
    next += descriptor_words(entry->inputs[i].rank);
  }
  for (uint32_t i = 0; i < entry->n_states; ++i) {
    fill_state_descriptor(next, find_state(session->model, entry->states[i].name), session->states);
    *descriptor++ = next;
    next += descriptor_words(entry->states[i].rank);
  }
  for (uint32_t i = 0; i < entry->n_outputs; ++i) {
    frame->outputs[i].sizes = next;
    next += entry->outputs[i].rank;
  }
  if (entry->flags & SW_ENTRY_PARAMETERS) *descriptor++ = &session->parameter_descriptor;
  if (entry->flags & SW_ENTRY_ARENA) *descriptor++ = &session->arena_descriptor;
  if (entry->flags & SW_ENTRY_CONTEXT) *descriptor++ = &session->context_descriptor;
  return true;
}

void free_frame(Frame *frame) {
  for (uint32_t i = 0; frame->inputs && i < frame->entry->n_inputs; ++i) free(frame->inputs[i].scratch);
  for (uint32_t i = 0; frame->outputs && i < frame->entry->n_outputs; ++i) free(frame->outputs[i].owned);
  free(frame->descriptors);
  free(frame->words);
  free(frame->inputs);
  free(frame->outputs);
  free(frame->symbols);
  free(frame->symbol_known);
}

sw_memref_1d bytes_at(void *memory, uint64_t bytes) {
  return sw_memref_1d{memory, memory, 0, static_cast<int64_t>(bytes), 1};
}

bool start(sw_session *session) {
  sw_model *model = session->model;
  session->arena = static_cast<uint8_t *>(allocate_aligned(model->arena_bytes));
  session->states = static_cast<uint8_t *>(allocate_aligned(model->state_bytes));
  if (!session->arena || !session->states) return false;
  session->call.session = session;
  session->call.heap = &session->heap;
  weights_follow(session);
  session->arena_descriptor = bytes_at(session->arena, model->arena_bytes);
  session->context_descriptor = bytes_at(&session->call, sizeof session->call);
  if (!allocate_array(&session->frames, model->description->n_entries)) return false;
  for (uint32_t i = 0; i < model->description->n_entries; ++i)
    if (!start_frame(session, &model->description->entries[i], &session->frames[i])) return false;
  return true;
}

// Holds the session for one operation of the host.
struct Hold {
  sw_session *session;
  bool held;
  explicit Hold(sw_session *s) : session(s), held(s && !__atomic_exchange_n(&s->running, 1, __ATOMIC_ACQUIRE)) {}
  ~Hold() {
    if (held) __atomic_store_n(&session->running, 0, __ATOMIC_RELEASE);
  }
  Hold(const Hold &) = delete;
  Hold &operator=(const Hold &) = delete;

  int refuse() const {
    return session ? fail(SW_ERROR_USAGE, "the session is running in another thread")
                   : fail(SW_ERROR_USAGE, "the session is NULL");
  }
};

}  // namespace
}  // namespace stepwell

using stepwell::fail;
using stepwell::Hold;

SW_EXPORT int sw_session_create(sw_model *model, sw_session **session) {
  if (!model || !session) return fail(SW_ERROR_USAGE, "sw_session_create: the model or the result is NULL");
  auto *created = static_cast<sw_session *>(calloc(1, sizeof(sw_session)));
  if (!created) return fail(SW_ERROR_MEMORY, "out of memory");
  created->model = model;
  stepwell::model_retain(model);
  stepwell::heap_start(&created->heap);
  if (!stepwell::start(created)) {
    const auto bytes = static_cast<unsigned long long>(model->arena_bytes + model->state_bytes);
    sw_session_destroy(created);
    return fail(SW_ERROR_MEMORY, "out of memory: a session of this model takes %llu bytes", bytes);
  }
  stepwell::set_initial_states(created);
  *session = created;
  return SW_OK;
}

SW_EXPORT int sw_session_reset(sw_session *session) {
  Hold hold(session);
  if (!hold.held) return hold.refuse();
  stepwell::weights_follow(session);
  stepwell::set_initial_states(session);
  return SW_OK;
}

SW_EXPORT int sw_session_clone(sw_session *session, sw_session **copy) {
  Hold hold(session);
  if (!hold.held) return hold.refuse();
  if (int status = sw_session_create(session->model, copy)) return status;
  memcpy((*copy)->states, session->states, session->model->state_bytes);
  return SW_OK;
}

SW_EXPORT void sw_session_destroy(sw_session *session) {
  if (!session) return;
  for (uint32_t i = 0; session->frames && i < session->model->description->n_entries; ++i)
    if (session->frames[i].entry) stepwell::free_frame(&session->frames[i]);
  stepwell::heap_destroy(&session->heap);
  free(session->frames);
  free(session->arena);
  free(session->dynamic_arena);
  free(session->states);
  stepwell::weights_release(session->weights);
  sw_model *model = session->model;
  free(session);
  sw_model_close(model);
}

SW_EXPORT int sw_session_state(sw_session *session, const char *name, DLTensor *view) {
  if (!session || !name || !view) return fail(SW_ERROR_USAGE, "sw_session_state: an argument is NULL");
  const stepwell::State *state = stepwell::find_state(session->model, name);
  if (!state) return fail(SW_ERROR_USAGE, "the model has no state called '%s'", name);
  const sw_tensor_desc *tensor = state->tensor;
  *view = DLTensor{session->states + state->offset,
                   DLDevice{kDLCPU, 0},
                   tensor->rank,
                   DLDataType{static_cast<uint8_t>(tensor->dtype_code), static_cast<uint8_t>(tensor->dtype_bits), 1},
                   state->sizes,
                   nullptr,
                   0};
  return SW_OK;
}

SW_EXPORT int sw_session_set_allocator(sw_session *session, sw_allocate allocate, void *user) {
  Hold hold(session);
  if (!hold.held) return hold.refuse();
  session->allocate = allocate;
  session->allocate_user = user;
  return SW_OK;
}

SW_EXPORT int sw_session_statistics(sw_session *session, sw_statistics *statistics) {
  Hold hold(session);
  if (!hold.held) return hold.refuse();
  *statistics = sw_statistics{session->runs,
                              session->heap.system_allocations + session->buffer_allocations,
                              session->heap.peak_bytes,
                              session->heap.live_bytes,
                              session->heap.cached_bytes,
                              session->model->arena_bytes + session->dynamic_arena_bytes,
                              session->model->state_bytes};
  return SW_OK;
}
