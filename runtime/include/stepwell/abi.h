/* What compiled code and the runtime know of each other: the constant that describes a model, and the functions that
 * compiled code may call. Plain C; a change of any layout here raises SW_ABI_VERSION. */
#ifndef STEPWELL_ABI_H
#define STEPWELL_ABI_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define SW_ABI_VERSION 2u

/* Alignment in bytes of the arena, of each parameter, of states and of temporaries. Inputs and outputs that a caller
 * owns are aligned to their element only. */
#define SW_ALIGNMENT 64u

enum { SW_SIZE_STATIC = -1, SW_SIZE_UNKNOWN = -2 };

/* One dimension: symbol >= 0 is an index into the entry's symbols and the size is scale * value + offset;
 * SW_SIZE_STATIC has its size in offset; SW_SIZE_UNKNOWN is known only when the entry has run. (24 bytes) */
typedef struct sw_size {
  int32_t symbol;
  int32_t reserved;
  int64_t scale;
  int64_t offset;
} sw_size;

/* A tensor at the boundary of an entry; dtype_code and dtype_bits as in DLPack (bool is code 6, 8 bits). (32 bytes) */
typedef struct sw_tensor_desc {
  const char *name;
  int32_t dtype_code;
  int32_t dtype_bits;
  int32_t rank;
  int32_t reserved;
  const sw_size *sizes; /* rank of them; NULL for rank 0 */
} sw_tensor_desc;

/* A symbolic size and its inclusive range; max is INT64_MAX where it is unbounded. (24 bytes) */
typedef struct sw_symbol_desc {
  const char *name;
  int64_t min;
  int64_t max;
} sw_symbol_desc;

/* Where a parameter lies in the data section of the parameter file. (32 bytes) */
typedef struct sw_parameter_desc {
  const char *name;
  uint64_t offset;
  uint64_t bytes;
  int32_t dtype_code;
  int32_t dtype_bits;
} sw_parameter_desc;

/* Which of the arguments after inputs and states an entry takes. */
enum {
  SW_ENTRY_PARAMETERS = 1, /* memref<Nxi8>: the data section of the parameter file, read only */
  SW_ENTRY_ARENA = 2,      /* memref<Nxi8>: scratch memory of the session, arena_bytes long */
  SW_ENTRY_CONTEXT = 4     /* memref<?xi8>: the runtime's record of the call */
};

/* An entry point. call takes one pointer per argument to a ranked memref descriptor {allocated, aligned, offset,
 * sizes[rank], strides[rank]}, in the order inputs, states, parameters, arena, context (the last three as flags say).
 * It returns 0. (80 bytes) */
typedef struct sw_entry_desc {
  const char *name;
  int32_t (*call)(void **descriptors);
  const sw_tensor_desc *inputs;
  const sw_tensor_desc *states;
  const sw_tensor_desc *outputs;
  const sw_symbol_desc *symbols;
  uint32_t n_inputs;
  uint32_t n_states;
  uint32_t n_outputs;
  uint32_t n_symbols;
  uint64_t arena_bytes;
  uint32_t flags;
  uint32_t reserved;
} sw_entry_desc;

/* A model. Entries of one model that name the same state share it. A state called S starts as the parameter
 * `state:S` of the file, or as zeros where there is none. (80 bytes) */
typedef struct sw_model_desc {
  uint32_t abi_version; /* SW_ABI_VERSION */
  uint32_t n_entries;
  const sw_entry_desc *entries;
  const sw_parameter_desc *parameters;
  uint32_t n_parameters;
  uint32_t threads;             /* that its loops use unless told otherwise; 0: as many as there are */
  uint64_t parameter_bytes;     /* length of the data section; 0: the model has no parameter file */
  const char *parameter_digest; /* SHA-256 of the data section in hexadecimal, or "" */
  const char *triple;           /* what the code was compiled for */
  const char *cpu_name;
  const char *cpu_features; /* as LLVM writes them: "+avx2,+fma,-avx512f" */
  /* The same model for processors with more features, or NULL; opening a model takes the best that can run. */
  const struct sw_model_desc *better;
} sw_model_desc;

/* The one symbol that an artifact's code exports for the runtime. */
extern const sw_model_desc stepwell_model;

/* ---- What compiled code may call. Each of these may leave the entry by longjmp when it fails. ---- */

/* memref<?xi8> and memref<?xindex>. */
typedef struct sw_memref_1d {
  void *allocated;
  void *aligned;
  int64_t offset;
  int64_t size;
  int64_t stride;
} sw_memref_1d;

/* The buffer of output `index` at the sizes in dims (as many as its rank). */
void _mlir_ciface_stepwell_output(sw_memref_1d *result, sw_memref_1d *context, int64_t index, sw_memref_1d *dims);

/* The session's memory for temporaries whose sizes follow from those of the inputs: at least `bytes` bytes, the same as in
 * the call before unless that had less. An entry asks once, when it begins. */
void _mlir_ciface_stepwell_arena(sw_memref_1d *result, sw_memref_1d *context, int64_t bytes);

/* A temporary of `bytes` bytes at a power-of-two alignment; what a call leaves behind is freed when it ends. */
void *stepwell_alloc(uint64_t bytes, uint64_t alignment);
void stepwell_free(void *pointer);

/* Ends the call with the message of a failed cf.assert. Does not return. */
void stepwell_assert_failed(const char *message);

/* Runs body(lo, hi, argument) over chunks of [begin, end) of at least `grain` iterations, on the runtime's threads and
 * the caller's; returns when all have ended. A call from inside a body, or while
 * another loop has the threads, runs in its own thread. */
void stepwell_parallel_for(int64_t begin, int64_t end, int64_t grain, void (*body)(int64_t, int64_t, void *),
                           void *argument);

#ifdef __cplusplus
}
#endif

#endif
