// The parameter file that a model's code reads, shared by its sessions; another one can take its place.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

namespace stepwell {
namespace {

const FileTensor *initial_state(const Weights *weights, const char *state) {
  char name[512];
  snprintf(name, sizeof name, "state:%s", state);
  return parameter_file_find(&weights->file, name);
}

int check_states(const sw_model *model, const Weights *weights) {
  for (uint32_t i = 0; i < model->n_states; ++i) {
    const State &state = model->states[i];
    const FileTensor *initial = initial_state(weights, state.tensor->name);
    if (initial && initial->end - initial->begin != state.bytes)
      return fail(SW_ERROR_ARTIFACT, "the parameter file holds %llu bytes for state '%s', the code expects %llu",
                  static_cast<unsigned long long>(initial->end - initial->begin), state.tensor->name,
                  static_cast<unsigned long long>(state.bytes));
  }
  return SW_OK;
}

int open_file(const sw_model *model, const char *path, uint32_t flags, Weights *weights) {
  if (path)
    if (int status = parameter_file_open(path, &weights->file)) return status;
  if (!path && !model->description->parameter_bytes) return SW_OK;
  if (!path) return fail(SW_ERROR_ARTIFACT, "the model's parameter file is missing");
  if (int status = parameter_file_check(&weights->file, path, model->description, (flags & SW_CHECK_DIGEST) != 0))
    return status;
  return check_states(model, weights);
}

}  // namespace

int weights_open(const sw_model *model, const char *path, uint32_t flags, Weights **result) {
  auto *weights = static_cast<Weights *>(calloc(1, sizeof(Weights)));
  if (!weights) return fail(SW_ERROR_MEMORY, "out of memory");
  weights->references = 1;
  if (int status = open_file(model, path, flags, weights)) {
    weights_release(weights);
    return status;
  }
  *result = weights;
  return SW_OK;
}

void weights_release(Weights *weights) {
  if (!weights || __atomic_sub_fetch(&weights->references, 1, __ATOMIC_ACQ_REL) != 0) return;
  parameter_file_close(&weights->file);
  free(weights);
}

void weights_follow(sw_session *session) {
  sw_model *model = session->model;
  if (__atomic_load_n(&model->weights, __ATOMIC_ACQUIRE) == session->weights) return;
  pthread_mutex_lock(&model->weights_lock);
  Weights *current = model->weights;
  __atomic_add_fetch(&current->references, 1, __ATOMIC_RELAXED);
  pthread_mutex_unlock(&model->weights_lock);
  weights_release(session->weights);
  session->weights = current;
  // Compiled code only reads the parameters; a memref has no way to say so.
  auto *data = const_cast<uint8_t *>(current->file.data);
  session->parameter_descriptor = sw_memref_1d{data, data, 0, static_cast<int64_t>(current->file.data_bytes), 1};
}

void set_initial_states(sw_session *session) {
  for (uint32_t i = 0; i < session->model->n_states; ++i) {
    const State &state = session->model->states[i];
    if (const FileTensor *initial = initial_state(session->weights, state.tensor->name))
      memcpy(session->states + state.offset, session->weights->file.data + initial->begin, state.bytes);
    else
      memset(session->states + state.offset, 0, state.bytes);
  }
}

}  // namespace stepwell

SW_EXPORT int sw_model_rebind(sw_model *model, const char *parameter_file, uint32_t flags) {
  using stepwell::fail;
  if (!model || !parameter_file) return fail(SW_ERROR_USAGE, "sw_model_rebind: the model or the file is NULL");
  stepwell::Weights *weights;
  if (int status = stepwell::weights_open(model, parameter_file, flags, &weights)) return status;
  pthread_mutex_lock(&model->weights_lock);
  stepwell::Weights *old = model->weights;
  __atomic_store_n(&model->weights, weights, __ATOMIC_RELEASE);
  pthread_mutex_unlock(&model->weights_lock);
  stepwell::weights_release(old);
  return SW_OK;
}
