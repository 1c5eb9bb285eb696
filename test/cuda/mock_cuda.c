/* A stand-in for libcuda.so.1: host memory, and one kernel that every module has. It adds 1 to each float of its second
 * buffer argument and writes the third: the words are n, then two one-dimensional descriptors of five words each. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int mock_launches, mock_grid, mock_block, mock_allocated, mock_fail_alloc, mock_minor;

int cuInit(unsigned flags) { return 0; }
int cuGetErrorString(int code, const char **text) {
  *text = code == 2 ? "out of memory" : code == 500 ? "named symbol not found" : "unknown error";
  return 0;
}
int cuDriverGetVersion(int *version) { *version = 13000; return 0; }
int cuDeviceGet(int *device, int ordinal) { *device = 0; return 0; }
int cuDeviceGetName(char *text, int size, int device) { strncpy(text, "Mock GPU", size); return 0; }
int cuDeviceGetAttribute(int *value, int attribute, int device) {
  *value = attribute == 75 ? 9 : mock_minor;
  return 0;
}
int cuDevicePrimaryCtxRetain(void **context, int device) { *context = &mock_launches; return 0; }
int cuCtxSetCurrent(void *context) { return context == &mock_launches ? 0 : 201; }
int cuCtxSynchronize(void) { return 0; }
int cuModuleLoadData(void **module, const char *code) { *module = strdup(code); return 0; }
int cuModuleUnload(void *module) { free(module); return 0; }
int cuModuleGetFunction(void **function, void *module, const char *name) {
  *function = &mock_grid;
  return strcmp(name, "absent") == 0 ? 500 : 0;
}
int cuMemAlloc_v2(uint64_t *address, size_t size) {
  if (mock_fail_alloc) return 2;
  *address = (uint64_t)malloc(size);
  mock_allocated++;
  return 0;
}
int cuMemFree_v2(uint64_t address) { free((void *)address); mock_allocated--; return 0; }
int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t size) { memcpy((void *)to, from, size); return 0; }
int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t size) { memcpy(to, (void *)from, size); return 0; }
int cuLaunchKernel(void *function, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,
                   unsigned shared, void *stream, void **parameters, void **extra) {
  mock_launches++;
  mock_grid = gx;
  mock_block = bx;
  int64_t n = *(int64_t *)parameters[0];
  const float *in = *(float **)parameters[2];
  float *out = *(float **)parameters[7];
  for (int64_t i = 0; i < n && i < (int64_t)gx * bx; i++) out[i] = in[i] + 1.0f;
  return 0;
}
