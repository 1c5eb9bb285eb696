// What the files of the runtime share. No exceptions, no RTTI, no library containers: only libc is needed.
#pragma once

#include <pthread.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include "dense.h"
#include "stepwell/abi.h"
#include "stepwell/runtime.h"

// Protected: a model.so that carries a copy of the runtime calls that copy, whatever else the process has loaded.
#define SW_EXPORT extern "C" __attribute__((visibility("protected")))

namespace stepwell {

// ---- error.cpp ----

// Sets the thread's message and returns `status`.
int fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

// ---- allocation.cpp ----

// A block of temporary memory; its header lies in the 64 bytes before what the program sees.
struct Block {
  Block *previous;
  Block *next;
  struct Heap *heap;  // NULL for a block taken outside of any call
  void *base;
  uint64_t capacity;
  uint64_t alignment;
  uint64_t last_call;
};

// Temporary memory of one session: what a call frees serves the next one.
struct Heap {
  pthread_mutex_t lock;
  Block live;    // heads of circular lists
  Block cached;
  uint64_t call;
  uint64_t live_bytes;
  uint64_t cached_bytes;
  uint64_t peak_bytes;
  uint64_t system_allocations;
};

void heap_start(Heap *heap);
void heap_destroy(Heap *heap);
// NULL when out of memory.
void *heap_allocate(Heap *heap, uint64_t bytes, uint64_t alignment);
// Takes back what the call left behind and drops cached blocks that were not used for some calls.
void heap_end_call(Heap *heap);

// Memory aligned to SW_ALIGNMENT, at least one byte; free() releases it. NULL when out of memory.
void *allocate_aligned(uint64_t bytes);

// ---- parameter_file.cpp ----

struct FileTensor {
  const char *name;
  const char *dtype;  // as safetensors spells it
  uint64_t begin;     // in the data section
  uint64_t end;
};

struct ParameterFile {
  void *mapping;
  uint64_t mapping_bytes;
  const uint8_t *data;
  uint64_t data_bytes;
  char *names;          // decoded strings
  FileTensor *tensors;  // sorted by name
  uint32_t n_tensors;
};

int parameter_file_open(const char *path, ParameterFile *file);
void parameter_file_close(ParameterFile *file);
const FileTensor *parameter_file_find(const ParameterFile *file, const char *name);
// Compares the file with the table that the code was compiled for.
int parameter_file_check(const ParameterFile *file, const char *path, const sw_model_desc *model, bool digest);

// ---- weights.cpp ----

// A parameter file in use: by the model, whose code reads the one it points at, and by each session that has run on it.
struct Weights {
  ParameterFile file;
  int64_t references;
};

// `path` may be NULL for a model without parameters. The model's states are known by now.
int weights_open(const sw_model *model, const char *path, uint32_t flags, Weights **result);
// NULL is allowed.
void weights_release(Weights *weights);
// Lets the session, which is not running, go over to the model's present parameter file.
void weights_follow(sw_session *session);
void set_initial_states(sw_session *session);

// ---- header_parser.cpp ----

// Parses a safetensors header into file->names, tensors and n_tensors.
int parse_header(const char *path, const char *text, uint64_t length, ParameterFile *file);

// ---- sha256.cpp ----

// The digest of `data` in lower-case hexadecimal.
void sha256_hex(const uint8_t *data, uint64_t bytes, char out[65]);

// ---- library_file.cpp ----

// Fails where `path` is no shared library, or one that is cut short.
int check_library_file(const char *path);

// ---- cpu_features.cpp ----

// Fails where `features` (LLVM's spelling) names one that this processor lacks.
int check_cpu_features(const char *features);

// ---- tensor.cpp ----

// The MLIR name of a DLPack dtype, or NULL.
const char *dtype_name(int32_t code, int32_t bits);
uint64_t element_bytes(const sw_tensor_desc *tensor);
// Product of sizes and element size; false where it overflows or a size is negative.
bool byte_count(const int64_t *sizes, int32_t rank, uint64_t element, uint64_t *bytes);
// Whether `data` suits the element type of `tensor`.
bool is_aligned(const void *data, const sw_tensor_desc &tensor);
// The elements of `tensor` in row-major order.
void copy_dense(void *to, const void *from, const DLTensor *tensor);
// Whether the memory that two tensors span has a byte in common.
bool overlap(const DLTensor *a, const DLTensor *b);

// ---- check.cpp and bind.cpp ----

struct Frame;
// Whether a dimension is known before the run, and its size.
bool known_size(const Frame *frame, const sw_size &size, int64_t *value);
// The words "expected shape ..., got ..." for an argument.
int shape_mismatch(const Frame *frame, const char *kind, const sw_tensor_desc &tensor, const DLTensor *given);
// Device, dtype and rank.
int check_header(const Frame *frame, const char *kind, const sw_tensor_desc &tensor, const DLTensor *given);
// Sizes of an input; symbols take their values from the first input that has them.
int check_sizes(Frame *frame, const sw_tensor_desc &tensor, const DLTensor *given);

// Checks the arguments of a run and points the frame's descriptors at them.
// `allocations` counts blocks taken from the system.
int bind_inputs(Frame *frame, uint64_t *allocations, DLTensor *const *inputs, uint32_t count);
int bind_outputs(Frame *frame, DLTensor *const *outputs, uint32_t count, DLTensor *const *inputs);

// ---- call.cpp ----

// Where a thread lands when what it runs fails. Loop bodies on other threads have landings of their own.
struct Landing {
  jmp_buf target;
  struct Call *call;
};

// One run of an entry.
struct Call {
  sw_session *session;
  Frame *frame;
  Heap *heap;
  int status;
  char message[512];
  // run_loop of the copy of the runtime that started the call: its pool serves all models.
  bool (*run_loop)(Call *, int64_t, int64_t, int64_t, void (*)(int64_t, int64_t, void *), void *);
};

// The thread's landing in this copy of the runtime; NULL outside of a call.
Landing *current_landing();
Landing *set_landing(Landing *landing);

// Ends the current call. Returns only where there is none, after which the process is aborted.
[[noreturn]] void end_call(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));

// A model.so carries a copy of the runtime, which its code uses; whoever opened it enters calls through this table.
struct Hooks {
  uint32_t version;
  Landing *(*set_landing)(Landing *);
};
constexpr uint32_t kHooksVersion = 2;

// ---- thread_pool.cpp ----

// Runs a loop (see stepwell_parallel_for) on behalf of `call`, which may be NULL; false where a body failed.
bool run_loop(Call *call, int64_t begin, int64_t end, int64_t grain, void (*body)(int64_t, int64_t, void *),
              void *argument);
// Fails where there can't be `count` threads.
int check_threads(int32_t count);

// ---- session.cpp ----

struct InputSlot {
  int64_t *descriptor;
  void *scratch;  // a dense copy of an input that is not
  uint64_t scratch_bytes;
};

struct OutputSlot {
  DLTensor *tensor;  // of the running call
  bool given;        // the caller gave the memory
  bool produced;
  int64_t *sizes;
  void *owned;
  uint64_t owned_bytes;
};

// What a session holds ready for one entry, so that a run only fills in pointers and dynamic sizes.
struct Frame {
  const sw_entry_desc *entry;
  void **descriptors;
  int64_t *words;
  InputSlot *inputs;
  OutputSlot *outputs;
  int64_t *symbols;
  bool *symbol_known;
};

// ---- model.cpp ----

struct State {
  const sw_tensor_desc *tensor;
  int64_t *sizes;
  uint64_t offset;  // in the session's state block
  uint64_t bytes;
};

void model_retain(sw_model *model);

}  // namespace stepwell

// This copy's table; a model.so exports its own under the same name.
SW_EXPORT const stepwell::Hooks stepwell_hooks;

struct sw_model {
  const sw_model_desc *description;
  const stepwell::Hooks *hooks;
  void *library;
  pthread_mutex_t weights_lock;  // held while `weights` is exchanged, or gets another user
  stepwell::Weights *weights;
  stepwell::State *states;
  uint32_t n_states;
  uint64_t state_bytes;
  uint64_t arena_bytes;
  int64_t references;  // the opener and each session
  int32_t threads;     // that its loops use; 0: as many as the pool has
};

struct sw_session {
  sw_model *model;
  stepwell::Weights *weights;  // of its last run
  uint8_t *arena;
  uint8_t *dynamic_arena;  // as large as the largest call so far wanted it
  uint64_t dynamic_arena_bytes;
  uint8_t *states;
  stepwell::Frame *frames;
  stepwell::Heap heap;
  sw_allocate allocate;
  void *allocate_user;
  uint64_t runs;
  uint64_t buffer_allocations;
  int running;
  sw_memref_1d parameter_descriptor;
  sw_memref_1d arena_descriptor;
  sw_memref_1d context_descriptor;
  stepwell::Call call;
};
