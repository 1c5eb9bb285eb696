// Parallel loops on a pool of threads that sleep when idle. One loop at a time: a loop that finds the pool taken, or
// that starts inside another loop's body, runs in its own thread.
#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "internal.h"

namespace stepwell {
namespace {

constexpr int32_t kMostThreads = 256;
constexpr int kChunksPerThread = 4;   // so that a thread that comes late does not hold up the others
constexpr int kSpins = 2000;          // a few microseconds: less than sleeping and waking costs

struct Loop {
  int64_t next;
  int64_t end;
  int64_t chunk;
  void (*body)(int64_t, int64_t, void *);
  void *argument;
  Call *call;  // on whose behalf; NULL outside of a call
  int failed;
};

struct Pool {
  pthread_mutex_t owner;  // held by the thread whose loop runs
  pthread_mutex_t lock;   // guards what follows
  pthread_cond_t wake;
  pthread_cond_t idle;
  pthread_t threads[kMostThreads];
  int32_t n_workers;
  int32_t size;  // 0: not chosen yet
  int32_t working;
  uint32_t generation;
  bool stop;
  Loop *loop;
};

Pool pool = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER,
             PTHREAD_COND_INITIALIZER,  {},                        0,
             0,                         0,                         0,
             false,                     nullptr};
thread_local bool inside_loop;

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

// Takes chunks until none is left or one has failed.
void run_chunks(Loop *loop) {
  const bool outer = inside_loop;
  inside_loop = true;
  Landing landing;
  landing.call = loop->call;
  Landing *const previous = loop->call ? set_landing(&landing) : nullptr;
  if (!loop->call || _setjmp(landing.target) == 0) {
    while (!__atomic_load_n(&loop->failed, __ATOMIC_RELAXED)) {
      const int64_t begin = __atomic_fetch_add(&loop->next, loop->chunk, __ATOMIC_RELAXED);
      if (begin >= loop->end) break;
      const int64_t end = loop->end - begin < loop->chunk ? loop->end : begin + loop->chunk;
      loop->body(begin, end, loop->argument);
    }
  } else {
    __atomic_store_n(&loop->failed, 1, __ATOMIC_RELAXED);
  }
  if (loop->call) set_landing(previous);
  inside_loop = outer;
}

void *worker(void *) {
  uint32_t seen = 0;
  for (;;) {
    for (int i = 0; i < kSpins && __atomic_load_n(&pool.generation, __ATOMIC_RELAXED) == seen; ++i) pause_briefly();
    pthread_mutex_lock(&pool.lock);
    while (pool.generation == seen && !pool.stop) pthread_cond_wait(&pool.wake, &pool.lock);
    if (pool.stop) break;
    seen = pool.generation;
    Loop *loop = pool.loop;
    if (loop) __atomic_add_fetch(&pool.working, 1, __ATOMIC_RELAXED);
    pthread_mutex_unlock(&pool.lock);
    if (!loop) continue;
    run_chunks(loop);
    pthread_mutex_lock(&pool.lock);
    if (__atomic_sub_fetch(&pool.working, 1, __ATOMIC_RELAXED) == 0) pthread_cond_signal(&pool.idle);
    pthread_mutex_unlock(&pool.lock);
  }
  pthread_mutex_unlock(&pool.lock);
  return nullptr;
}

int32_t available_cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (sched_getaffinity(0, sizeof cores, &cores) != 0) return 1;
  const int count = CPU_COUNT(&cores);
  return count < 1 ? 1 : count > kMostThreads ? kMostThreads : count;
}

// Call with `owner` held. Fewer threads than asked for are no failure: the loops still run.
void start_workers() {
  if (pool.size == 0) __atomic_store_n(&pool.size, available_cores(), __ATOMIC_RELAXED);
  while (pool.n_workers < pool.size - 1) {
    if (pthread_create(&pool.threads[pool.n_workers], nullptr, worker, nullptr) != 0) break;
    pool.n_workers++;
  }
}

// Call with `owner` held.
void stop_workers() {
  pthread_mutex_lock(&pool.lock);
  pool.stop = true;
  pthread_cond_broadcast(&pool.wake);
  pthread_mutex_unlock(&pool.lock);
  for (int32_t i = 0; i < pool.n_workers; ++i) pthread_join(pool.threads[i], nullptr);
  pool.n_workers = 0;
  pool.stop = false;
  pool.generation = 0;
}

// Call with `owner` held.
void run_on_pool(Loop *loop) {
  pthread_mutex_lock(&pool.lock);
  pool.loop = loop;
  __atomic_store_n(&pool.generation, pool.generation + 1, __ATOMIC_RELAXED);
  pthread_cond_broadcast(&pool.wake);
  pthread_mutex_unlock(&pool.lock);
  run_chunks(loop);
  for (int i = 0; i < kSpins && __atomic_load_n(&pool.working, __ATOMIC_RELAXED) != 0; ++i) pause_briefly();
  pthread_mutex_lock(&pool.lock);
  pool.loop = nullptr;  // a worker that wakes only now finds nothing to do
  while (pool.working != 0) pthread_cond_wait(&pool.idle, &pool.lock);
  pthread_mutex_unlock(&pool.lock);
}

// A forked child has none of the threads.
void forget_workers() {
  pthread_mutex_init(&pool.owner, nullptr);
  pthread_mutex_init(&pool.lock, nullptr);
  pthread_cond_init(&pool.wake, nullptr);
  pthread_cond_init(&pool.idle, nullptr);
  pool.n_workers = pool.working = 0;
  pool.generation = 0;
  pool.loop = nullptr;
}

__attribute__((constructor)) void watch_forks() { pthread_atfork(nullptr, nullptr, forget_workers); }

// Threads must be gone before the library's code is unmapped.
__attribute__((destructor)) void leave() {
  if (pthread_mutex_trylock(&pool.owner) != 0) return;
  stop_workers();
  pthread_mutex_unlock(&pool.owner);
}

}  // namespace
}  // namespace stepwell

SW_EXPORT void stepwell_parallel_for(int64_t begin, int64_t end, int64_t grain,
                                     void (*body)(int64_t, int64_t, void *), void *argument) {
  using namespace stepwell;
  if (begin >= end) return;
  if (grain < 1) grain = 1;
  if (end - begin <= grain || inside_loop || sw_threads() == 1 || pthread_mutex_trylock(&pool.owner) != 0) {
    body(begin, end, argument);
    return;
  }
  start_workers();
  const int64_t parts = static_cast<int64_t>(pool.n_workers + 1) * kChunksPerThread;
  const int64_t share = (end - begin + parts - 1) / parts;
  Landing *landing = current_landing();
  Loop loop = {begin, end, share > grain ? share : grain, body, argument, landing ? landing->call : nullptr, 0};
  run_on_pool(&loop);
  pthread_mutex_unlock(&pool.owner);
  if (loop.failed) longjmp(landing->target, 1);
}

SW_EXPORT int sw_set_threads(int32_t count) {
  using namespace stepwell;
  if (count < 0 || count > kMostThreads)
    return fail(SW_ERROR_USAGE, "threads must be 0 (all cores) to %d, not %d", kMostThreads, count);
  if (inside_loop) return fail(SW_ERROR_USAGE, "the number of threads can't change inside a parallel loop");
  pthread_mutex_lock(&pool.owner);
  stop_workers();
  __atomic_store_n(&pool.size, count ? count : available_cores(), __ATOMIC_RELAXED);
  pthread_mutex_unlock(&pool.owner);
  return SW_OK;
}

SW_EXPORT int32_t sw_threads(void) {
  const int32_t chosen = __atomic_load_n(&stepwell::pool.size, __ATOMIC_RELAXED);
  return chosen ? chosen : stepwell::available_cores();
}
