/* A model written by hand, as a compiler would emit it: the tests compile it and drive the runtime with it. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "stepwell/abi.h"

#define COUNT(array) (uint32_t)(sizeof(array) / sizeof((array)[0]))
#define STATIC(n) {SW_SIZE_STATIC, 0, 0, (n)}

typedef struct {
  float *allocated, *aligned;
  int64_t offset, size, stride;
} vector;

typedef struct {
  float *allocated, *aligned;
  int64_t offset, sizes[2], strides[2];
} matrix;

/* Asks for output `index` at the given sizes. */
static void *output(sw_memref_1d *context, int64_t index, int64_t *sizes, int64_t rank) {
  sw_memref_1d result, dims = {sizes, sizes, 0, rank, 1};
  _mlir_ciface_stepwell_output(&result, context, index, &dims);
  return result.aligned;
}

/* add: y[n, 4] = x[n, 4] + w[4], through a temporary; n is dynamic. */
static int32_t add(void **arguments) {
  const matrix *x = arguments[0];
  const float *w = (const float *)((char *)((sw_memref_1d *)arguments[1])->aligned + 64);
  int64_t sizes[2] = {x->sizes[0], 4};
  float *temporary = stepwell_alloc((uint64_t)sizes[0] * 16, 64);
  for (int64_t i = 0; i < sizes[0] * 4; ++i) temporary[i] = x->aligned[i] + w[i % 4];
  float *y = output(arguments[2], 0, sizes, 2);
  memcpy(y, temporary, (size_t)sizes[0] * 16);
  stepwell_free(temporary);
  return 0;
}

/* count: the state `total` (f32[2]) grows by x; y is its new value; the arena holds an intermediate. */
static int32_t count(void **arguments) {
  const vector *x = arguments[0], *total = arguments[1];
  float *arena = ((sw_memref_1d *)arguments[2])->aligned;
  int64_t size = 2;
  for (int i = 0; i < 2; ++i) arena[i] = x->aligned[i];
  for (int i = 0; i < 2; ++i) total->aligned[i] += arena[i];
  memcpy(output(arguments[3], 0, &size, 1), total->aligned, 8);
  return 0;
}

/* positive: y[?] are the positive elements of x[n]; an element above 100 breaks an assertion, with memory in use. */
static int32_t positive(void **arguments) {
  const vector *x = arguments[0];
  float *kept = stepwell_alloc((uint64_t)x->size * 4, 256);
  int64_t found = 0;
  for (int64_t i = 0; i < x->size; ++i) {
    if (x->aligned[i] > 100) stepwell_assert_failed("an element is above 100");
    if (x->aligned[i] > 0) kept[found++] = x->aligned[i];
  }
  memcpy(output(arguments[1], 0, &found, 1), kept, (size_t)found * 4);
  return 0; /* kept is left to the runtime */
}

typedef struct {
  const float *x;
  float *y;
} job;

static void square_part(int64_t begin, int64_t end, void *argument) {
  const job *j = argument;
  for (int64_t i = begin; i < end; ++i) {
    if (j->x[i] > 1000) stepwell_assert_failed("an element is above 1000");
    float *own = stepwell_alloc(4, 64);
    *own = j->x[i] * j->x[i];
    j->y[i] = *own;
    stepwell_free(own);
  }
}

/* square: y[n] = x[n] * x[n] on all threads. */
static int32_t square(void **arguments) {
  const vector *x = arguments[0];
  int64_t size = x->size;
  job j = {x->aligned, output(arguments[1], 0, &size, 1)};
  stepwell_parallel_for(0, size, 8, square_part, &j);
  return 0;
}

/* pair: a[2 * n], b[n + 1] -> nothing. */
static int32_t pair(void **arguments) {
  (void)arguments;
  return 0;
}

/* huge: asks for more memory than there is. */
static int32_t huge(void **arguments) {
  (void)arguments;
  stepwell_alloc(UINT64_C(1) << 60, 64);
  return 0;
}

static const sw_size rows_by_4[] = {{0, 0, 1, 0}, STATIC(4)};
static const sw_size n_only[] = {{0, 0, 1, 0}};
static const sw_size twice_n[] = {{0, 0, 2, 0}};
static const sw_size n_and_1[] = {{0, 0, 1, 1}};
static const sw_size two[] = {STATIC(2)};
static const sw_size unknown[] = {{SW_SIZE_UNKNOWN, 0, 0, 0}};
static const sw_symbol_desc n_to_1000[] = {{"n", 0, 1000}};
static const sw_symbol_desc n_unbounded[] = {{"n", 2, INT64_MAX}};

#define F32(name, sizes) {name, 2, 32, COUNT(sizes), 0, sizes}
static const sw_tensor_desc add_in[] = {F32("x", rows_by_4)}, add_out[] = {F32("y", rows_by_4)};
static const sw_tensor_desc count_in[] = {F32("x", two)}, count_out[] = {F32("y", two)}, totals[] = {F32("total", two)};
static const sw_tensor_desc vector_in[] = {F32("x", n_only)}, vector_out[] = {F32("y", n_only)};
static const sw_tensor_desc unknown_out[] = {F32("y", unknown)};
static const sw_tensor_desc pair_in[] = {F32("a", twice_n), F32("b", n_and_1)};

static const sw_entry_desc entries[] = {
    {"add", add, add_in, NULL, add_out, n_to_1000, 1, 0, 1, 1, 0, SW_ENTRY_PARAMETERS | SW_ENTRY_CONTEXT, 0},
    {"count", count, count_in, totals, count_out, NULL, 1, 1, 1, 0, 128, SW_ENTRY_ARENA | SW_ENTRY_CONTEXT, 0},
    {"positive", positive, vector_in, NULL, unknown_out, n_to_1000, 1, 0, 1, 1, 0, SW_ENTRY_CONTEXT, 0},
    {"square", square, vector_in, NULL, vector_out, n_unbounded, 1, 0, 1, 1, 0, SW_ENTRY_CONTEXT, 0},
    {"pair", pair, pair_in, NULL, NULL, n_to_1000, 2, 0, 0, 1, 0, 0, 0},
    {"huge", huge, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, 0, 0},
};

static const sw_parameter_desc parameters[] = {{"b", 0, 8, 4, 16}, {"w", 64, 16, 2, 32}};

#ifndef FEATURES
#define FEATURES "+sse4.2"
#endif
#ifndef ABI
#define ABI SW_ABI_VERSION
#endif
#ifndef DIGEST
#define DIGEST ""
#endif

const sw_model_desc stepwell_model = {
    ABI, COUNT(entries), entries, parameters, COUNT(parameters), 0, 192, DIGEST, "x86_64-linux-gnu", "generic",
    FEATURES};
