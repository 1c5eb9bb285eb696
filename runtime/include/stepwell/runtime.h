/* The C interface of a compiled model: open it, make a session for each thread, run. Every function that returns int
 * returns an sw_status; the words are in sw_last_error(). Link with model.so or with libstepwell_runtime. */
#ifndef STEPWELL_RUNTIME_H
#define STEPWELL_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#include "stepwell/abi.h"
#include "stepwell/dlpack.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  SW_OK = 0,
  SW_ERROR_INPUT = 1,     /* the arguments do not fit the entry */
  SW_ERROR_ARTIFACT = 2,  /* the artifact or its parameter file is missing, damaged, or made for something else */
  SW_ERROR_MEMORY = 3,    /* out of memory */
  SW_ERROR_EXECUTION = 4, /* the compiled program stopped, for instance at a failed assertion */
  SW_ERROR_USAGE = 5      /* a NULL handle, an unknown name, a session that is running already */
} sw_status;

/* The message of this thread's last error; never NULL. Valid until the thread's next failing call. */
const char *sw_last_error(void);

uint32_t sw_abi_version(void);

/* Threads that parallel loops of all models use, the caller's included; 0 asks for one for each available core. Idle
 * threads sleep. Results do not depend on their number. */
int sw_set_threads(int32_t count);
int32_t sw_threads(void);

/* ---- Models: immutable, shared by threads ---- */

typedef struct sw_model sw_model;

enum { SW_CHECK_DIGEST = 1 }; /* compare the SHA-256 of the parameter file's data with the model's */

/* Opens the artifact in `folder`: its model.so and its model.safetensors. */
int sw_model_open(const char *folder, uint32_t flags, sw_model **model);

/* As sw_model_open, with the two files named; `parameter_file` may be NULL where the model has no parameters. */
int sw_model_load(const char *library_file, const char *parameter_file, uint32_t flags, sw_model **model);

/* A model whose code is in this process. `parameter_file` may be NULL where the model has no parameters. */
int sw_model_create(const sw_model_desc *description, const char *parameter_file, uint32_t flags, sw_model **model);

/* Closes the model when its last session is gone; its code and parameters are unmapped then. NULL is allowed. */
void sw_model_close(sw_model *model);

/* Gives the model other weights of the same shapes, as `stepwell rebind` writes them. A session goes over to them at its
 * next run or reset; a run that is under way ends with the old ones. States keep their values until a reset. */
int sw_model_rebind(sw_model *model, const char *parameter_file, uint32_t flags);

const sw_model_desc *sw_model_description(const sw_model *model);

/* The index of the entry called `name`, or -1. */
int32_t sw_model_entry(const sw_model *model, const char *name);

/* Threads for the loops of this model alone; 0: as sw_set_threads says. Models opened by one runtime share its pool. */
int sw_model_set_threads(sw_model *model, int32_t count);

/* ---- Sessions: arena and mutable state; each is used by one thread at a time ---- */

typedef struct sw_session sw_session;

int sw_session_create(sw_model *model, sw_session **session);

/* Gives every state its initial value. */
int sw_session_reset(sw_session *session);

/* A new session on the same model that starts with the states of `session`. */
int sw_session_clone(sw_session *session, sw_session **copy);

/* NULL is allowed. */
void sw_session_destroy(sw_session *session);

/* Runs an entry. Inputs may have any strides and are not written. An output whose data is NULL gets a buffer: from the
 * allocator, else from the session, valid until its next run of this entry; its shape, where NULL, then points into the
 * session too, else it is filled in. An output with data must have the right shape, be dense, and overlap no input.
 * When the program itself fails (SW_ERROR_EXECUTION, SW_ERROR_MEMORY) the states hold what it had written so far. */
int sw_session_run(sw_session *session, uint32_t entry, DLTensor *const *inputs, uint32_t n_inputs,
                   DLTensor *const *outputs, uint32_t n_outputs);

/* A view of the state called `name`, writable between runs; valid as long as the session. */
int sw_session_state(sw_session *session, const char *name, DLTensor *view);

/* Called once for each output without data: returns `bytes` bytes, aligned to the element, or NULL to end the call. */
typedef void *(*sw_allocate)(void *user, uint32_t output, int32_t rank, const int64_t *sizes, uint64_t bytes);

/* NULL gives back the session's own memory. */
int sw_session_set_allocator(sw_session *session, sw_allocate allocate, void *user);

/* As sw_session_run, with an allocator for this run alone. */
int sw_session_run_with(sw_session *session, uint32_t entry, DLTensor *const *inputs, uint32_t n_inputs,
                        DLTensor *const *outputs, uint32_t n_outputs, sw_allocate allocate, void *user);

typedef struct sw_statistics {
  uint64_t runs;
  uint64_t system_allocations; /* blocks taken from the system since the session began */
  uint64_t peak_bytes;         /* most temporary memory in use at once, arenas excluded */
  uint64_t live_bytes;         /* temporary memory in use now: 0 between runs */
  uint64_t cached_bytes;       /* temporary memory kept for the next run */
  uint64_t arena_bytes;        /* of both arenas; the one for dynamic sizes is as large as any call wanted it */
  uint64_t state_bytes;
} sw_statistics;

int sw_session_statistics(sw_session *session, sw_statistics *statistics);

#ifdef __cplusplus
}
#endif

#endif
