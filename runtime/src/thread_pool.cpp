// Parallel loops on a pool of threads that sleep when idle. One loop at a time: a loop that finds the pool taken, or
// that starts inside another loop's body, runs in its own thread. The pool is that of the runtime that opened the
// models, however many of them carry a copy of the runtime.
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "cores.h"
#include "internal.h"

namespace stepwell {
namespace {

constexpr int kChunksPerThread = 4;  // so that a thread that comes late does not hold up the others
// Waking a thread takes system calls on both sides, so an idle one looks out for the next loop for this long (the next
// call's first one, too); and the caller waits as long for the others' last chunks before it sleeps.
constexpr int64_t kSpinNanoseconds = 50000;

// The part of a loop that a thread begins with, on a cache line of its own: the same thread then meets the same part of
// an image, which its cache still holds, in one loop after the other. Who is done helps with the others' parts.
struct alignas(64) Span {
  int64_t next;
  int64_t end;
};

struct Loop {
  int64_t chunk;
  int32_t n_spans;
  void (*body)(int64_t, int64_t, void *);
  void *argument;
  Call *call;  // on whose behalf; NULL outside of a call
  int failed;
};

// What workers look out for: a number for each loop, and in its low half how many of them may still join.
constexpr uint64_t kPlaces = 0xffffffff;
constexpr uint64_t kNextLoop = kPlaces + 1;

struct Pool {
  pthread_mutex_t owner;  // held by the thread whose loop runs
  pthread_mutex_t lock;   // held to fall asleep and to wake: threads that are awake need none
  pthread_cond_t wake;
  pthread_cond_t idle;
  Workers workers;
  int32_t size;  // 0: not chosen yet
  bool stop;
  alignas(64) uint64_t entry;
  Loop *loop;
  int32_t sleepers;          // workers that have to be woken
  alignas(64) int32_t done;  // workers that joined the loop and have left it
  int32_t waiting;           // whether the loop's owner has to be woken
  Span spans[kMostThreads];
};

Pool pool = {PTHREAD_MUTEX_INITIALIZER,
             PTHREAD_MUTEX_INITIALIZER,
             PTHREAD_COND_INITIALIZER,
             PTHREAD_COND_INITIALIZER,
             {{}, {}, -1, 0},
             0,
             false,
             0,
             nullptr,
             0,
             0,
             0,
             {}};
thread_local bool inside_loop;

int64_t nanoseconds() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000000000 + now.tv_nsec;
}

void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Waits a short time until `done` holds; false where it still does not.
template <typename Condition>
bool spin_until(Condition done) {
  const int64_t start = nanoseconds();
  do {
    for (int i = 0; i < 16; ++i) {
      if (done()) return true;
      pause_briefly();
    }
  } while (nanoseconds() - start < kSpinNanoseconds);
  return done();
}

// Landings are those of the copy of the runtime that the call's code is linked with.
Landing *set_landing_of(Call *call, Landing *landing) { return call->session->model->hooks->set_landing(landing); }

// Takes chunks, those of span `first` before others, until none is left or one has failed.
void run_chunks(Loop *loop, int32_t first) {
  const bool outer = inside_loop;
  inside_loop = true;
  Landing landing;
  landing.call = loop->call;
  Landing *const previous = loop->call ? set_landing_of(loop->call, &landing) : nullptr;
  if (!loop->call || _setjmp(landing.target) == 0) {
    for (int32_t i = 0; i < loop->n_spans; ++i) {
      Span *const span = &pool.spans[(first + i) % loop->n_spans];
      while (!__atomic_load_n(&loop->failed, __ATOMIC_RELAXED)) {
        const int64_t begin = __atomic_fetch_add(&span->next, loop->chunk, __ATOMIC_RELAXED);
        if (begin >= span->end) break;
        const int64_t end = span->end - begin < loop->chunk ? span->end : begin + loop->chunk;
        loop->body(begin, end, loop->argument);
      }
    }
  } else {
    __atomic_store_n(&loop->failed, 1, __ATOMIC_RELAXED);
  }
  if (loop->call) set_landing_of(loop->call, previous);
  inside_loop = outer;
}

uint64_t entry_now() { return __atomic_load_n(&pool.entry, __ATOMIC_SEQ_CST); }

// Takes a place in the loop that `entry` announces; false where there is none any more.
bool join(uint64_t entry) {
  const uint64_t number = entry & ~kPlaces;
  while ((entry & kPlaces) != 0 && (entry & ~kPlaces) == number)
    if (__atomic_compare_exchange_n(&pool.entry, &entry, entry - 1, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
      return true;
  return false;
}

void *worker(void *number) {
  const auto first = static_cast<int32_t>(reinterpret_cast<intptr_t>(number)) + 1;  // the caller's span is the first
  uint64_t seen = 0;
  const auto is_news = [&seen] { return (entry_now() & ~kPlaces) != seen; };
  for (;;) {
    if (!spin_until(is_news)) {
      pthread_mutex_lock(&pool.lock);
      __atomic_add_fetch(&pool.sleepers, 1, __ATOMIC_SEQ_CST);
      while (!is_news() && !pool.stop) pthread_cond_wait(&pool.wake, &pool.lock);
      __atomic_sub_fetch(&pool.sleepers, 1, __ATOMIC_SEQ_CST);
      const bool stop = pool.stop;
      pthread_mutex_unlock(&pool.lock);
      if (stop) return nullptr;
    }
    const uint64_t entry = entry_now();
    seen = entry & ~kPlaces;
    if (!join(entry)) continue;
    run_chunks(pool.loop, first % pool.loop->n_spans);
    __atomic_add_fetch(&pool.done, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&pool.waiting, __ATOMIC_SEQ_CST)) {
      pthread_mutex_lock(&pool.lock);
      pthread_cond_signal(&pool.idle);
      pthread_mutex_unlock(&pool.lock);
    }
  }
}

// Call with `owner` held. Fewer workers than asked for are no failure: the loops still run.
void start_workers(int32_t count) {
  if (pool.workers.count >= count) return;
  while (pool.workers.count < count) {
    const intptr_t number = pool.workers.count;
    if (pthread_create(&pool.workers.threads[number], nullptr, worker, reinterpret_cast<void *>(number)) != 0) break;
    pool.workers.count++;
  }
  keep_apart(&pool.workers);
}

// Call with `owner` held.
void stop_workers() {
  pthread_mutex_lock(&pool.lock);
  pool.stop = true;
  pthread_cond_broadcast(&pool.wake);
  pthread_mutex_unlock(&pool.lock);
  for (int32_t i = 0; i < pool.workers.count; ++i) pthread_join(pool.workers.threads[i], nullptr);
  pool.workers.count = 0;
  pool.stop = false;
  pool.entry = 0;
}

// Call with `owner` held.
void run_on_pool(Loop *loop) {
  const int32_t places = loop->n_spans - 1;
  make_way(&pool.workers);
  pool.loop = loop;
  __atomic_store_n(&pool.done, 0, __ATOMIC_RELAXED);
  const uint64_t number = (entry_now() & ~kPlaces) + kNextLoop;
  __atomic_store_n(&pool.entry, number | static_cast<uint64_t>(places), __ATOMIC_SEQ_CST);
  if (__atomic_load_n(&pool.sleepers, __ATOMIC_SEQ_CST)) {
    pthread_mutex_lock(&pool.lock);
    pthread_cond_broadcast(&pool.wake);
    pthread_mutex_unlock(&pool.lock);
  }
  run_chunks(loop, 0);
  // A worker that comes only now finds no place.
  const uint64_t left = __atomic_exchange_n(&pool.entry, number, __ATOMIC_SEQ_CST) & kPlaces;
  const int32_t joined = places - static_cast<int32_t>(left);
  const auto all_done = [joined] { return __atomic_load_n(&pool.done, __ATOMIC_SEQ_CST) == joined; };
  if (spin_until(all_done)) return;
  pthread_mutex_lock(&pool.lock);
  __atomic_store_n(&pool.waiting, 1, __ATOMIC_SEQ_CST);
  while (!all_done()) pthread_cond_wait(&pool.idle, &pool.lock);
  __atomic_store_n(&pool.waiting, 0, __ATOMIC_SEQ_CST);
  pthread_mutex_unlock(&pool.lock);
}

// A forked child has none of the threads.
void forget_workers() {
  pthread_mutex_init(&pool.owner, nullptr);
  pthread_mutex_init(&pool.lock, nullptr);
  pthread_cond_init(&pool.wake, nullptr);
  pthread_cond_init(&pool.idle, nullptr);
  pool.workers.count = pool.sleepers = pool.waiting = 0;
  pool.stop = false;
  pool.workers.spare = -1;
  pool.entry = 0;
}

__attribute__((constructor)) void watch_forks() { pthread_atfork(nullptr, nullptr, forget_workers); }

// Threads must be gone before the library's code is unmapped.
__attribute__((destructor)) void leave() {
  if (pthread_mutex_trylock(&pool.owner) != 0) return;
  stop_workers();
  pthread_mutex_unlock(&pool.owner);
}

// Threads for the loops of `call`, its own included.
int32_t threads_for(const Call *call) {
  const int32_t wanted = call ? __atomic_load_n(&call->session->model->threads, __ATOMIC_RELAXED) : 0;
  return wanted ? wanted : sw_threads();
}

}  // namespace

bool run_loop(Call *call, int64_t begin, int64_t end, int64_t grain, void (*body)(int64_t, int64_t, void *),
              void *argument) {
  const int32_t threads = threads_for(call);
  if (end - begin <= grain || inside_loop || threads == 1 || pthread_mutex_trylock(&pool.owner) != 0) {
    body(begin, end, argument);
    return true;
  }
  start_workers(threads - 1);
  const int64_t parts = static_cast<int64_t>(threads) * kChunksPerThread;
  const int64_t share = (end - begin + parts - 1) / parts;
  const int64_t chunk = share > grain ? share : grain;
  const int64_t chunks = (end - begin + chunk - 1) / chunk;
  const int64_t spans = chunks < threads ? chunks : threads;
  for (int64_t i = 0; i < spans; ++i)
    pool.spans[i] = {begin + (end - begin) * i / spans, begin + (end - begin) * (i + 1) / spans};
  Loop loop = {chunk, static_cast<int32_t>(spans), body, argument, call, 0};
  run_on_pool(&loop);
  pthread_mutex_unlock(&pool.owner);
  return !loop.failed;
}

int check_threads(int32_t count) {
  if (count >= 0 && count <= kMostThreads) return SW_OK;
  return fail(SW_ERROR_USAGE, "threads must be 0 (all cores) to %d, not %d", kMostThreads, count);
}

}  // namespace stepwell

SW_EXPORT void stepwell_parallel_for(int64_t begin, int64_t end, int64_t grain,
                                     void (*body)(int64_t, int64_t, void *), void *argument) {
  using namespace stepwell;
  if (begin >= end) return;
  Landing *landing = current_landing();
  Call *call = landing ? landing->call : nullptr;
  const auto run = call ? call->run_loop : run_loop;
  if (!run(call, begin, end, grain < 1 ? 1 : grain, body, argument)) longjmp(landing->target, 1);
}

SW_EXPORT int sw_set_threads(int32_t count) {
  using namespace stepwell;
  if (int status = check_threads(count)) return status;
  if (inside_loop) return fail(SW_ERROR_USAGE, "the number of threads can't change inside a parallel loop");
  pthread_mutex_lock(&pool.owner);
  stop_workers();
  __atomic_store_n(&pool.size, count ? count : available_cores(), __ATOMIC_RELAXED);
  pthread_mutex_unlock(&pool.owner);
  return SW_OK;
}

SW_EXPORT int32_t sw_threads(void) {
  using stepwell::pool;
  const int32_t chosen = __atomic_load_n(&pool.size, __ATOMIC_RELAXED);
  if (chosen) return chosen;
  const int32_t found = stepwell::available_cores();
  int32_t none = 0;
  __atomic_compare_exchange_n(&pool.size, &none, found, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  return none ? none : found;
}
