// Temporary memory of compiled code: counted, aligned, kept from one call to the next, and taken back after a failure.
#include <stdlib.h>
#include <string.h>

#include "internal.h"

namespace stepwell {
namespace {

constexpr uint64_t kHeader = 64;
constexpr uint64_t kKeepAlways = 1u << 20;  // cached bytes below which nothing is given back within a call
constexpr uint64_t kIdleCalls = 16;       // calls that a cached block may go unused: entries may alternate
constexpr uint64_t kLargest = UINT64_C(1) << 62;
static_assert(sizeof(Block) <= kHeader, "the header fits before the data");

void push(Block *head, Block *block) {
  block->previous = head;
  block->next = head->next;
  head->next->previous = block;
  head->next = block;
}

void unlink(Block *block) {
  block->previous->next = block->next;
  block->next->previous = block->previous;
}

uint64_t round_up(uint64_t value, uint64_t step) { return (value + step - 1) / step * step; }

// Four sizes for each power of two, so that sizes that vary a little find each other's blocks.
uint64_t size_class(uint64_t bytes) {
  if (bytes <= 256) return round_up(bytes ? bytes : 1, SW_ALIGNMENT);
  const int top = 63 - __builtin_clzll(bytes - 1);
  return round_up(bytes, UINT64_C(1) << (top - 2));
}

uint8_t *data_of(Block *block) { return reinterpret_cast<uint8_t *>(block) + kHeader; }

Block *new_block(uint64_t capacity, uint64_t alignment) {
  uint8_t *base = static_cast<uint8_t *>(aligned_alloc(alignment, alignment + round_up(capacity, alignment)));
  if (!base) return nullptr;
  Block *block = reinterpret_cast<Block *>(base + alignment - kHeader);
  block->base = base;
  block->capacity = capacity;
  block->alignment = alignment;
  block->heap = nullptr;
  return block;
}

// The smallest cached block that fits without wasting more than half of it.
Block *take_cached(Heap *heap, uint64_t capacity, uint64_t alignment) {
  Block *best = nullptr;
  for (Block *block = heap->cached.next; block != &heap->cached; block = block->next) {
    if (block->alignment < alignment || block->capacity < capacity || block->capacity / 2 > capacity) continue;
    if (!best || block->capacity < best->capacity) best = block;
  }
  if (best) {
    unlink(best);
    heap->cached_bytes -= best->capacity;
  }
  return best;
}

void drop(Heap *heap, Block *block) {
  unlink(block);
  heap->cached_bytes -= block->capacity;
  free(block->base);
}

void release(Heap *heap, Block *block) {
  unlink(block);
  heap->live_bytes -= block->capacity;
  block->last_call = heap->call;
  push(&heap->cached, block);
  heap->cached_bytes += block->capacity;
  // What is kept and what is in use stay under twice the peak.
  while (heap->cached_bytes > kKeepAlways && heap->live_bytes + heap->cached_bytes > 2 * heap->peak_bytes)
    drop(heap, heap->cached.previous);
}

}  // namespace

void heap_start(Heap *heap) {
  memset(heap, 0, sizeof *heap);
  pthread_mutex_init(&heap->lock, nullptr);
  heap->live.previous = heap->live.next = &heap->live;
  heap->cached.previous = heap->cached.next = &heap->cached;
}

void heap_destroy(Heap *heap) {
  while (heap->live.next != &heap->live) release(heap, heap->live.next);
  while (heap->cached.next != &heap->cached) drop(heap, heap->cached.next);
  pthread_mutex_destroy(&heap->lock);
}

void *heap_allocate(Heap *heap, uint64_t bytes, uint64_t alignment) {
  if (alignment < SW_ALIGNMENT) alignment = SW_ALIGNMENT;
  if (bytes > kLargest || alignment > kLargest || (alignment & (alignment - 1)) != 0) return nullptr;
  const uint64_t capacity = size_class(bytes);
  if (!heap) {
    Block *block = new_block(capacity, alignment);
    return block ? data_of(block) : nullptr;
  }
  pthread_mutex_lock(&heap->lock);
  Block *block = take_cached(heap, capacity, alignment);
  if (!block) {
    block = new_block(capacity, alignment);
    if (block) heap->system_allocations++;
  }
  if (block) {
    block->heap = heap;
    block->last_call = heap->call;
    push(&heap->live, block);
    heap->live_bytes += block->capacity;
    if (heap->live_bytes > heap->peak_bytes) heap->peak_bytes = heap->live_bytes;
  }
  pthread_mutex_unlock(&heap->lock);
  return block ? data_of(block) : nullptr;
}

void heap_end_call(Heap *heap) {
  while (heap->live.next != &heap->live) release(heap, heap->live.next);
  for (Block *block = heap->cached.next; block != &heap->cached;) {
    Block *next = block->next;
    if (heap->call - block->last_call > kIdleCalls) drop(heap, block);
    block = next;
  }
  heap->call++;
}

void *allocate_aligned(uint64_t bytes) {
  return bytes > kLargest ? nullptr : aligned_alloc(SW_ALIGNMENT, round_up(bytes ? bytes : 1, SW_ALIGNMENT));
}

}  // namespace stepwell

SW_EXPORT void *stepwell_alloc(uint64_t bytes, uint64_t alignment) {
  stepwell::Landing *landing = stepwell::current_landing();
  void *memory = stepwell::heap_allocate(landing ? landing->call->heap : nullptr, bytes, alignment);
  if (!memory) {
    stepwell::end_call(SW_ERROR_MEMORY, "out of memory: a temporary of %llu bytes could not be allocated",
                       static_cast<unsigned long long>(bytes));
  }
  return memory;
}

SW_EXPORT void stepwell_free(void *pointer) {
  if (!pointer) return;
  auto *block = reinterpret_cast<stepwell::Block *>(static_cast<uint8_t *>(pointer) - stepwell::kHeader);
  stepwell::Heap *heap = block->heap;
  if (!heap) {
    free(block->base);
    return;
  }
  pthread_mutex_lock(&heap->lock);
  stepwell::release(heap, block);
  pthread_mutex_unlock(&heap->lock);
}
