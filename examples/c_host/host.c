/* Runs an entry of an artifact: host FOLDER ENTRY OUTPUT_FOLDER [INPUT_FILE:SIZExSIZE...]
 *
 * Each input is a file of raw elements and the sizes they form; each output is written to OUTPUT_FOLDER/output_N.bin.
 * Nothing but the artifact is needed: this program is linked with its model.so, which brings the runtime. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <stepwell/runtime.h>

enum { MOST_TENSORS = 16, MOST_SIZES = 8 };

static int failed(const char *what) {
  fprintf(stderr, "host: %s: %s\n", what, sw_last_error());
  return 1;
}

static int complain(const char *what, const char *about) {
  fprintf(stderr, "host: %s: %s\n", what, about);
  return 1;
}

/* Fills `tensor` from "file:2x3" with elements of the type that the entry wants. `sizes` becomes its shape. */
static int read_input(const char *argument, const sw_tensor_desc *wanted, int64_t *sizes, DLTensor *tensor) {
  char path[4096];
  const char *colon = strrchr(argument, ':');
  if (!colon || colon - argument >= (long)sizeof path) return complain("write FILE:SIZExSIZE", argument);
  memcpy(path, argument, (size_t)(colon - argument));
  path[colon - argument] = 0;

  size_t count = 1;
  int rank = 0;
  for (const char *at = colon + 1; *at && rank < MOST_SIZES; at += *at == 'x') {
    char *end;
    sizes[rank] = strtoll(at, &end, 10);
    if (end == at) return complain("not a size", at);
    count *= (size_t)sizes[rank++];
    at = end;
  }
  const size_t bytes = count * (size_t)wanted->dtype_bits / 8;
  void *data = malloc(bytes ? bytes : 1);
  FILE *file = fopen(path, "rb");
  if (!data || !file || fread(data, 1, bytes, file) != bytes) return complain("can't read enough of", path);
  fclose(file);

  memset(tensor, 0, sizeof *tensor);
  tensor->data = data;
  tensor->device.device_type = kDLCPU;
  tensor->ndim = rank;
  tensor->dtype.code = (uint8_t)wanted->dtype_code;
  tensor->dtype.bits = (uint8_t)wanted->dtype_bits;
  tensor->dtype.lanes = 1;
  tensor->shape = sizes;
  return 0;
}

static int write_output(const char *folder, uint32_t index, const DLTensor *tensor) {
  char path[4096];
  size_t bytes = tensor->dtype.bits / 8;
  for (int i = 0; i < tensor->ndim; ++i) bytes *= (size_t)tensor->shape[i];
  snprintf(path, sizeof path, "%s/output_%u.bin", folder, (unsigned)index);
  FILE *file = fopen(path, "wb");
  if (!file || fwrite(tensor->data, 1, bytes, file) != bytes || fclose(file) != 0) return complain("can't write", path);
  printf("output %u:", (unsigned)index);
  for (int i = 0; i < tensor->ndim; ++i) printf(" %lld", (long long)tensor->shape[i]);
  printf(", %lu bytes\n", (unsigned long)bytes);
  return 0;
}

int main(int count, char **arguments) {
  if (count < 4) return complain("usage", "host FOLDER ENTRY OUTPUT_FOLDER [INPUT_FILE:SIZExSIZE...]");

  sw_model *model;
  if (sw_model_open(arguments[1], SW_CHECK_DIGEST, &model) != SW_OK) return failed("open");
  const int32_t entry = sw_model_entry(model, arguments[2]);
  if (entry < 0) return complain("there is no entry", arguments[2]);
  const sw_entry_desc *description = &sw_model_description(model)->entries[entry];
  const uint32_t given = (uint32_t)(count - 4);
  if (given != description->n_inputs || given > MOST_TENSORS || description->n_outputs > MOST_TENSORS)
    return complain("the entry takes another number of inputs than given", arguments[2]);

  int64_t sizes[MOST_TENSORS][MOST_SIZES];
  DLTensor in[MOST_TENSORS], out[MOST_TENSORS], *inputs[MOST_TENSORS], *outputs[MOST_TENSORS];
  for (uint32_t i = 0; i < given; ++i) {
    if (read_input(arguments[4 + i], &description->inputs[i], sizes[i], &in[i])) return 1;
    inputs[i] = &in[i];
  }
  memset(out, 0, sizeof out); /* no data: the session gives it */
  for (uint32_t i = 0; i < description->n_outputs; ++i) outputs[i] = &out[i];

  sw_session *session;
  if (sw_session_create(model, &session) != SW_OK) return failed("session");
  if (sw_session_run(session, (uint32_t)entry, inputs, given, outputs, description->n_outputs) != SW_OK)
    return failed("run");
  for (uint32_t i = 0; i < description->n_outputs; ++i)
    if (write_output(arguments[3], i, &out[i])) return 1;

  sw_session_destroy(session);
  sw_model_close(model);
  for (uint32_t i = 0; i < given; ++i) free(in[i].data);
  return 0;
}
