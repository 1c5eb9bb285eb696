/* Loops of many sizes by several threads at a time, plain stores in their bodies: a race detector sees what the pool
   does not order. Prints the number of wrong results. */
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include "stepwell/abi.h"
#include "stepwell/runtime.h"

enum { kMost = 1000, kLoops = 3000, kUsers = 3 };

struct work {
  int64_t from[kMost], to[kMost], nested[4];
  int64_t offset;
};

static void add(int64_t begin, int64_t end, void *argument) {
  int64_t *sums = argument;
  for (int64_t i = begin; i < end; ++i) sums[i] += i;
}

static void body(int64_t begin, int64_t end, void *argument) {
  struct work *work = argument;
  for (int64_t i = begin; i < end; ++i) work->to[i] = work->from[i] + work->offset;
  if (begin == 0) stepwell_parallel_for(0, 4, 1, add, work->nested);
}

static void *use(void *argument) {
  const int64_t user = (intptr_t)argument;
  intptr_t wrong = 0;
  struct work work = {{0}, {0}, {0}, 0};
  for (int64_t loop = 0; loop < kLoops; ++loop) {
    const int64_t size = 1 + (loop * 37 + user * 11) % kMost;
    for (int64_t i = 0; i < size; ++i) work.from[i] = i * loop;
    work.offset = loop;
    stepwell_parallel_for(0, size, 1 + loop % 7, body, &work);
    for (int64_t i = 0; i < size; ++i) wrong += work.to[i] != i * loop + loop;
    for (int64_t i = 0; i < 4; ++i) wrong += work.nested[i] != i * (loop + 1);
    if (loop % 50 == 0) usleep(200); /* long enough that workers fall asleep */
  }
  return (void *)wrong;
}

int main(void) {
  intptr_t wrong = 0;
  for (int32_t threads = 2; threads < 6; ++threads) {
    pthread_t users[kUsers];
    wrong += sw_set_threads(threads) != SW_OK;
    for (intptr_t user = 0; user < kUsers; ++user) pthread_create(&users[user], NULL, use, (void *)user);
    wrong += sw_set_threads(threads + 1) != SW_OK;
    for (int user = 0; user < kUsers; ++user) {
      void *result;
      pthread_join(users[user], &result);
      wrong += (intptr_t)result;
    }
  }
  printf("%ld\n", (long)wrong);
  return 0;
}
