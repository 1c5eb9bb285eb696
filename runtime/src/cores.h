// Which cores the threads of the pool run on.
#pragma once

#include <pthread.h>
#include <stdint.h>

namespace stepwell {

constexpr int32_t kMostThreads = 256;

struct Workers {
  pthread_t threads[kMostThreads];
  int32_t cores[kMostThreads];  // where each worker is kept, if `spare` is the core that is left for the caller
  int32_t spare;                // -1: workers run where the kernel puts them
  int32_t count;
};

// 1 to kMostThreads.
int32_t available_cores();

// A worker for every core but one: each gets a core of its own. The kernel would often wake a worker on the caller's
// core, where it waits for the caller that waits for it.
void keep_apart(Workers *workers);

// The caller may have been moved to a worker's core since: that worker gets the core that is free.
void make_way(Workers *workers);

}  // namespace stepwell
