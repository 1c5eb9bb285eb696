/* A host program in C: opens an artifact folder, runs it in a session and a clone, after a fork, and reports errors. */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stepwell/runtime.h"

enum { SIZE = 5000 };
static float x[SIZE], y[SIZE];
static int64_t size[1] = {SIZE};

static DLTensor vector(float *data, int64_t *shape) {
  DLTensor tensor = {data, {kDLCPU, 0}, 1, {kDLFloat, 32, 1}, shape, NULL, 0};
  return tensor;
}

static int stop(const char *where) {
  fprintf(stderr, "%s: %s\n", where, sw_last_error());
  return 1;
}

static int square(sw_session *session, uint32_t entry) {
  DLTensor in = vector(x, size), out = vector(y, size);
  DLTensor *inputs[] = {&in}, *outputs[] = {&out};
  if (sw_session_run(session, entry, inputs, 1, outputs, 1) != SW_OK) return stop("square");
  for (int i = 0; i < SIZE; ++i)
    if (y[i] != x[i] * x[i]) return fprintf(stderr, "square: wrong at %d\n", i), 1;
  return 0;
}

int main(int count, char **arguments) {
  sw_model *model;
  sw_session *session, *copy;
  if (count < 2 || sw_model_open(arguments[1], SW_CHECK_DIGEST, &model) != SW_OK) return stop("open");
  if (sw_model_set_threads(model, 4) != SW_OK) return stop("threads");
  if (sw_session_create(model, &session) != SW_OK) return stop("create");
  sw_model_close(model); /* the session keeps it */
  for (int i = 0; i < SIZE; ++i) x[i] = (float)(i % 31);

  const uint32_t entry = (uint32_t)sw_model_entry(model, "square");
  if (square(session, entry)) return 1;
  const pid_t child = fork(); /* which has none of the pool's threads */
  if (child == 0) _exit(square(session, entry));
  int status = 1;
  if (waitpid(child, &status, 0) != child || status != 0) return stop("child");

  int64_t two[1] = {2};
  DLTensor in = vector(x, two), out = {0}, total;
  DLTensor *inputs[] = {&in}, *outputs[] = {&out};
  const uint32_t counter = (uint32_t)sw_model_entry(model, "count");
  if (sw_session_run(session, counter, inputs, 1, outputs, 1) != SW_OK) return stop("count");
  if (sw_session_clone(session, &copy) != SW_OK) return stop("clone");
  if (sw_session_run(copy, counter, inputs, 1, outputs, 1) != SW_OK) return stop("count");
  if (sw_session_state(copy, "total", &total) != SW_OK) return stop("state");
  printf("%g %g\n", ((float *)out.data)[1], ((float *)total.data)[1]);

  two[0] = 3;
  if (sw_session_run(session, counter, inputs, 1, outputs, 1) != SW_ERROR_INPUT) return 1;
  printf("%s\n", sw_last_error());
  sw_session_destroy(copy);
  sw_session_destroy(session);
  return 0;
}
