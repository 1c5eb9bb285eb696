// Which cores the threads of the pool run on.
#include "cores.h"

#include <sched.h>

namespace stepwell {
namespace {

void keep_on(Workers *workers, int32_t number, int32_t core) {
  cpu_set_t own;
  CPU_ZERO(&own);
  CPU_SET(core, &own);
  pthread_setaffinity_np(workers->threads[number], sizeof own, &own);
  workers->cores[number] = core;
}

}  // namespace

int32_t available_cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (sched_getaffinity(0, sizeof cores, &cores) != 0) return 1;
  const int count = CPU_COUNT(&cores);
  return count < 1 ? 1 : count > kMostThreads ? kMostThreads : count;
}

void keep_apart(Workers *workers) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  workers->spare = -1;
  if (sched_getaffinity(0, sizeof cores, &cores) != 0 || CPU_COUNT(&cores) != workers->count + 1) return;
  const int here = sched_getcpu();
  if (here < 0 || here >= CPU_SETSIZE || !CPU_ISSET(here, &cores)) return;
  int32_t number = 0;
  for (int core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &cores) && core != here) keep_on(workers, number++, core);
  workers->spare = here;
}

void make_way(Workers *workers) {
  if (workers->spare < 0) return;
  const int here = sched_getcpu();
  if (here == workers->spare) return;
  for (int32_t i = 0; i < workers->count; ++i) {
    if (workers->cores[i] != here) continue;
    keep_on(workers, i, workers->spare);
    workers->spare = here;
    return;
  }
}

}  // namespace stepwell
