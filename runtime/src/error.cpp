// The message of a thread's last error.
#include <stdarg.h>
#include <stdio.h>

#include "internal.h"

namespace {
thread_local char last_message[1024];
}

int stepwell::fail(int status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(last_message, sizeof last_message, format, arguments);
  va_end(arguments);
  return status;
}

SW_EXPORT const char *sw_last_error(void) { return last_message; }

SW_EXPORT uint32_t sw_abi_version(void) { return SW_ABI_VERSION; }
