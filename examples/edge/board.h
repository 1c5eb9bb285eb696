/* What a program without an operating system brings: start-up code, files through the debugger or the emulator (Arm's
 * semihosting), and the two functions of the C library that compiled code may call. */
#ifndef BOARD_H
#define BOARD_H

#include <stddef.h>
#include <stdint.h>

enum { FILE_READ = 1, FILE_WRITE = 5 }; /* fopen's "rb" and "wb" */

static int semihost(int operation, const void *argument) {
  register int r0 __asm__("r0") = operation;
  register const void *r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
}

static int open_file(const char *name, int mode) {
  size_t length = 0;
  while (name[length]) ++length;
  const uintptr_t block[] = {(uintptr_t)name, (uintptr_t)mode, length};
  return semihost(0x01, block);
}

static void close_file(int file) {
  const uintptr_t block[] = {(uintptr_t)file};
  semihost(0x02, block);
}

/* Whether all of it was read, or written: the operations give the bytes that were not. */
static int read_file(int file, void *data, size_t bytes) {
  const uintptr_t block[] = {(uintptr_t)file, (uintptr_t)data, bytes};
  return semihost(0x06, block) == 0;
}

static int write_file(int file, const void *data, size_t bytes) {
  const uintptr_t block[] = {(uintptr_t)file, (uintptr_t)data, bytes};
  return semihost(0x05, block) == 0;
}

static void print(const char *text) { semihost(0x04, text); }

static int fail(const char *message) {
  print(message);
  return 1;
}

static void leave(int status) {
  const uintptr_t block[] = {0x20026, (uintptr_t)status}; /* the application ends, with its status */
  semihost(0x20, block);
  for (;;) continue;
}

static int run(void); /* the program */

void reset(void) {
  *(volatile uint32_t *)0xE000ED88 |= 0xFu << 20; /* CPACR: the floating-point unit, where there is one */
  __asm__ volatile("dsb\n isb");
  leave(run());
}

static void stop(void) { leave(fail("the processor met a fault\n")); }

extern char stack_top[];
__attribute__((section(".vectors"), used)) static const void *const vectors[] = {
    stack_top, (void *)reset, (void *)stop, (void *)stop, (void *)stop, (void *)stop, (void *)stop};

/* The compiler would make calls of themselves of these loops. */
#define PLAIN_LOOP __attribute__((used, optimize("no-tree-loop-distribute-patterns")))

PLAIN_LOOP void *memcpy(void *to, const void *from, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) ((uint8_t *)to)[i] = ((const uint8_t *)from)[i];
  return to;
}

PLAIN_LOOP void *memset(void *to, int value, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) ((uint8_t *)to)[i] = (uint8_t)value;
  return to;
}

#endif
