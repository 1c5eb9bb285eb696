// Models: the description of compiled code and its parameter file, checked before anything runs.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

namespace stepwell {
namespace {

int check_tensor(const sw_entry_desc *entry, const char *kind, const sw_tensor_desc &tensor) {
  if (!dtype_name(tensor.dtype_code, tensor.dtype_bits))
    return fail(SW_ERROR_ARTIFACT, "entry '%s': %s '%s' has an unknown dtype (code %d, %d bits)", entry->name, kind,
                tensor.name, tensor.dtype_code, tensor.dtype_bits);
  for (int32_t i = 0; i < tensor.rank; ++i)
    if (tensor.sizes[i].symbol >= static_cast<int64_t>(entry->n_symbols))
      return fail(SW_ERROR_ARTIFACT, "entry '%s': %s '%s' uses a size that the entry does not declare", entry->name,
                  kind, tensor.name);
  return SW_OK;
}

int check_entry(const sw_entry_desc *entry) {
  for (uint32_t i = 0; i < entry->n_inputs; ++i)
    if (int status = check_tensor(entry, "input", entry->inputs[i])) return status;
  for (uint32_t i = 0; i < entry->n_outputs; ++i)
    if (int status = check_tensor(entry, "output", entry->outputs[i])) return status;
  return SW_OK;
}

bool same_state(const sw_tensor_desc &a, const sw_tensor_desc &b) {
  bool same = a.dtype_code == b.dtype_code && a.dtype_bits == b.dtype_bits && a.rank == b.rank;
  for (int32_t i = 0; same && i < a.rank; ++i) same = a.sizes[i].offset == b.sizes[i].offset;
  return same;
}

// Lays the state out behind the others.
int add_state(sw_model *model, const sw_entry_desc *entry, const sw_tensor_desc &tensor) {
  if (int status = check_tensor(entry, "state", tensor)) return status;
  for (int32_t i = 0; i < tensor.rank; ++i)
    if (tensor.sizes[i].symbol != SW_SIZE_STATIC)
      return fail(SW_ERROR_ARTIFACT, "entry '%s': state '%s' has a dynamic size", entry->name, tensor.name);
  for (uint32_t i = 0; i < model->n_states; ++i) {
    if (strcmp(model->states[i].tensor->name, tensor.name) != 0) continue;
    if (same_state(*model->states[i].tensor, tensor)) return SW_OK;
    return fail(SW_ERROR_ARTIFACT, "state '%s' differs between entries", tensor.name);
  }
  State *state = &model->states[model->n_states];
  state->tensor = &tensor;
  state->sizes = static_cast<int64_t *>(calloc(static_cast<size_t>(tensor.rank) + 1, sizeof(int64_t)));
  if (!state->sizes) return fail(SW_ERROR_MEMORY, "out of memory");
  model->n_states++;
  for (int32_t i = 0; i < tensor.rank; ++i) state->sizes[i] = tensor.sizes[i].offset;
  if (!byte_count(state->sizes, tensor.rank, element_bytes(&tensor), &state->bytes))
    return fail(SW_ERROR_ARTIFACT, "state '%s' is too large", tensor.name);
  state->offset = model->state_bytes;
  model->state_bytes += (state->bytes + SW_ALIGNMENT - 1) / SW_ALIGNMENT * SW_ALIGNMENT;
  return SW_OK;
}

int start(sw_model *model, const sw_model_desc *description, const char *parameter_file, uint32_t flags) {
  if (description->abi_version != SW_ABI_VERSION)
    return fail(SW_ERROR_ARTIFACT, "the model was compiled for interface version %u, this runtime has version %u",
                description->abi_version, SW_ABI_VERSION);
  if (int status = check_cpu_features(description->cpu_features)) return status;
  while (description->better && check_cpu_features(description->better->cpu_features) == SW_OK)
    description = description->better;
  model->description = description;
  model->threads = static_cast<int32_t>(description->threads);
  uint64_t most_states = 0;
  for (uint32_t i = 0; i < description->n_entries; ++i) {
    const sw_entry_desc *entry = &description->entries[i];
    if (int status = check_entry(entry)) return status;
    most_states += entry->n_states;
    if (entry->arena_bytes > model->arena_bytes) model->arena_bytes = entry->arena_bytes;
  }
  model->states = static_cast<State *>(calloc(most_states + 1, sizeof(State)));
  if (!model->states) return fail(SW_ERROR_MEMORY, "out of memory");
  for (uint32_t i = 0; i < description->n_entries; ++i)
    for (uint32_t j = 0; j < description->entries[i].n_states; ++j)
      if (int status = add_state(model, &description->entries[i], description->entries[i].states[j])) return status;
  return weights_open(model, parameter_file, flags, &model->weights);
}

// As sw_model_create, for code that enters through `hooks`; the model owns `library`, whether this succeeds or not.
int create(const sw_model_desc *description, const Hooks *hooks, void *library, const char *parameter_file,
           uint32_t flags, sw_model **result) {
  auto *model = static_cast<sw_model *>(calloc(1, sizeof(sw_model)));
  if (!model) {
    if (library) dlclose(library);
    return fail(SW_ERROR_MEMORY, "out of memory");
  }
  model->references = 1;
  pthread_mutex_init(&model->weights_lock, nullptr);
  model->library = library;
  model->hooks = hooks;
  if (int status = start(model, description, parameter_file, flags)) {
    sw_model_close(model);
    return status;
  }
  *result = model;
  return SW_OK;
}

}  // namespace

void model_retain(sw_model *model) { __atomic_add_fetch(&model->references, 1, __ATOMIC_RELAXED); }

}  // namespace stepwell

using stepwell::fail;

SW_EXPORT int sw_model_create(const sw_model_desc *description, const char *parameter_file, uint32_t flags,
                              sw_model **model) {
  if (!description || !model) return fail(SW_ERROR_USAGE, "sw_model_create: the description or the result is NULL");
  return stepwell::create(description, &stepwell_hooks, nullptr, parameter_file, flags, model);
}

SW_EXPORT int sw_model_load(const char *library_file, const char *parameter_file, uint32_t flags, sw_model **model) {
  if (!library_file || !model) return fail(SW_ERROR_USAGE, "sw_model_load: the file or the result is NULL");
  char path[4096];  // dlopen looks for a name without a slash among the system's libraries
  const bool bare = strchr(library_file, '/') == nullptr;
  const int length = snprintf(path, sizeof path, "%s%s", bare ? "./" : "", library_file);
  if (length < 0 || static_cast<size_t>(length) >= sizeof path)
    return fail(SW_ERROR_ARTIFACT, "the path of the artifact is too long");
  if (int status = stepwell::check_library_file(path)) return status;
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (!library) return fail(SW_ERROR_ARTIFACT, "the artifact's code can't be loaded: %s", dlerror());
  const auto *description = static_cast<const sw_model_desc *>(dlsym(library, "stepwell_model"));
  const auto *hooks = static_cast<const stepwell::Hooks *>(dlsym(library, "stepwell_hooks"));
  if (!description || !hooks) {
    dlclose(library);
    return fail(SW_ERROR_ARTIFACT, "%s does not hold a compiled model", library_file);
  }
  if (hooks->version != stepwell::kHooksVersion) {
    dlclose(library);
    return fail(SW_ERROR_ARTIFACT, "%s was linked with another version of the runtime: compile the model again",
                library_file);
  }
  return stepwell::create(description, hooks, library, parameter_file, flags, model);
}

SW_EXPORT int sw_model_open(const char *folder, uint32_t flags, sw_model **model) {
  if (!folder || !model) return fail(SW_ERROR_USAGE, "sw_model_open: the folder or the result is NULL");
  char library[4096];
  char parameters[4096];
  if (strlen(folder) + sizeof "/model.safetensors" > sizeof parameters)
    return fail(SW_ERROR_ARTIFACT, "the path of the artifact is too long");
  snprintf(library, sizeof library, "%s/model.so", folder);
  snprintf(parameters, sizeof parameters, "%s/model.safetensors", folder);
  return sw_model_load(library, access(parameters, F_OK) == 0 ? parameters : nullptr, flags, model);
}

SW_EXPORT void sw_model_close(sw_model *model) {
  if (!model || __atomic_sub_fetch(&model->references, 1, __ATOMIC_ACQ_REL) != 0) return;
  for (uint32_t i = 0; i < model->n_states; ++i) free(model->states[i].sizes);
  free(model->states);
  stepwell::weights_release(model->weights);
  pthread_mutex_destroy(&model->weights_lock);
  void *library = model->library;
  free(model);
  if (library) dlclose(library);
}

SW_EXPORT const sw_model_desc *sw_model_description(const sw_model *model) { return model->description; }

SW_EXPORT int32_t sw_model_entry(const sw_model *model, const char *name) {
  for (uint32_t i = 0; i < model->description->n_entries; ++i)
    if (strcmp(model->description->entries[i].name, name) == 0) return static_cast<int32_t>(i);
  return -1;
}

SW_EXPORT int sw_model_set_threads(sw_model *model, int32_t count) {
  if (!model) return fail(SW_ERROR_USAGE, "sw_model_set_threads: the model is NULL");
  if (int status = stepwell::check_threads(count)) return status;
  __atomic_store_n(&model->threads, count, __ATOMIC_RELAXED);
  return SW_OK;
}
