// One run of an entry.
#include <string.h>

#include "internal.h"

namespace stepwell {
namespace {

// Enters the compiled code; a failure anywhere inside comes back here.
int enter(sw_session *session, Frame *frame, Landing *landing) {
  Call &call = session->call;
  call.frame = frame;
  call.status = SW_OK;
  call.run_loop = run_loop;
  landing->call = &call;
  Landing *previous = session->model->hooks->set_landing(landing);
  if (_setjmp(landing->target) == 0) {
    const int32_t code = frame->entry->call(frame->descriptors);
    if (code != 0) {
      call.status = SW_ERROR_EXECUTION;
      strcpy(call.message, "the compiled program returned an error code");
    }
  }
  session->model->hooks->set_landing(previous);
  heap_end_call(&session->heap);
  return call.status;
}

int run(sw_session *session, Frame *frame, DLTensor *const *inputs, uint32_t n_inputs, DLTensor *const *outputs,
        uint32_t n_outputs) {
  weights_follow(session);
  if (int status = bind_inputs(frame, &session->buffer_allocations, inputs, n_inputs)) return status;
  if (int status = bind_outputs(frame, outputs, n_outputs, inputs)) return status;
  Landing landing;
  if (int status = enter(session, frame, &landing)) return fail(status, "%s", session->call.message);
  session->runs++;
  for (uint32_t i = 0; i < n_outputs; ++i)
    if (!frame->outputs[i].produced)
      return fail(SW_ERROR_EXECUTION, "entry '%s' did not produce output '%s'", frame->entry->name,
                  frame->entry->outputs[i].name);
  return SW_OK;
}

// Takes the session for one run; with `allocate`, outputs without data come from there.
int run_alone(sw_session *session, uint32_t entry, DLTensor *const *inputs, uint32_t n_inputs,
              DLTensor *const *outputs, uint32_t n_outputs, sw_allocate allocate, void *user) {
  if (!session) return fail(SW_ERROR_USAGE, "sw_session_run: the session is NULL");
  if (entry >= session->model->description->n_entries)
    return fail(SW_ERROR_USAGE, "the model has %u entries, none of index %u", session->model->description->n_entries,
                entry);
  if (__atomic_exchange_n(&session->running, 1, __ATOMIC_ACQUIRE))
    return fail(SW_ERROR_USAGE, "the session is running in another thread: give each thread a session of its own");
  const sw_allocate own = session->allocate;
  void *const own_user = session->allocate_user;
  if (allocate) {
    session->allocate = allocate;
    session->allocate_user = user;
  }
  const int status = run(session, &session->frames[entry], inputs, n_inputs, outputs, n_outputs);
  session->allocate = own;
  session->allocate_user = own_user;
  __atomic_store_n(&session->running, 0, __ATOMIC_RELEASE);
  return status;
}

}  // namespace
}  // namespace stepwell

SW_EXPORT int sw_session_run(sw_session *session, uint32_t entry, DLTensor *const *inputs, uint32_t n_inputs,
                             DLTensor *const *outputs, uint32_t n_outputs) {
  return stepwell::run_alone(session, entry, inputs, n_inputs, outputs, n_outputs, nullptr, nullptr);
}

SW_EXPORT int sw_session_run_with(sw_session *session, uint32_t entry, DLTensor *const *inputs, uint32_t n_inputs,
                                  DLTensor *const *outputs, uint32_t n_outputs, sw_allocate allocate, void *user) {
  return stepwell::run_alone(session, entry, inputs, n_inputs, outputs, n_outputs, allocate, user);
}
