/* A stand-in for libcuda.so.1: host memory, and one kernel that every module has. It adds 1 to each float of its second
 * buffer argument and writes the third: the words are n, then two one-dimensional descriptors of five words each. A
 * tensor map is just the address that it was made for; the kernel "by_map" reads its second argument through one. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int mock_launches, mock_grid, mock_block, mock_shared, mock_allocated, mock_fail_alloc, mock_minor;
int mock_graphs, mock_updates, mock_waits, mock_stream, mock_maps, mock_copies;
int mock_graphs, mock_updates, mock_waits, mock_stream;
int mock_window[10]; /* corners, channels, pixels and steps of the last tensor map of images */

typedef struct {
  void *function;
  unsigned grid[3], block[3], shared;
  void **parameters;
  void *extra, *kernel, *context;
} Node;

typedef struct {
  int count;
  Node nodes[16];
  uint64_t words[16][32];
  void *pointers[16][32];
} Graph;

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
int cuStreamSynchronize(void *stream) { return 0; }
int cuEventCreate(void **event, unsigned flags) { *event = &mock_waits; return 0; }
int cuEventDestroy_v2(void *event) { return 0; }
int cuEventRecord(void *event, void *stream) { return 0; }
int cuStreamWaitEvent(void *stream, void *event, unsigned flags) { mock_waits++; return 0; }
int cuFuncSetAttribute(void *function, int attribute, int value) { mock_shared = value; return 0; }
int cuModuleLoadData(void **module, const char *code) { *module = strdup(code); return 0; }
int cuModuleUnload(void *module) { free(module); return 0; }
int cuModuleGetFunction(void **function, void *module, const char *name) {
  *function = strcmp(name, "by_map") == 0 ? (void *)&mock_block : (void *)&mock_grid;
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
int cuMemcpyHtoDAsync_v2(uint64_t to, const void *from, size_t size, void *stream) {
  memcpy((void *)to, from, size);
  return 0;
}
int cuMemcpyDtoDAsync_v2(uint64_t to, uint64_t from, size_t size, void *stream) {
  mock_copies++;
  memcpy((void *)to, (void *)from, size);
  return 0;
}
int cuTensorMapEncodeTiled(void *map, int type, unsigned rank, uint64_t address, void *sizes, void *strides,
                           uint32_t *box, void *steps, int interleave, int swizzle, int promotion, int fill) {
  // Bytes of CUtensorMapDataType: a box with the 128-byte swizzle is as wide as that.
  static const unsigned bytes[] = {1, 2, 4, 4, 8, 8, 2, 4, 8, 2, 4, 4, 4};
  if (type < 0 || type > 12 || box[0] * bytes[type] != 128) return 1;
  memcpy(map, &address, sizeof address);
  mock_maps++;
  return 0;
}
int cuTensorMapEncodeIm2col(void *map, int type, unsigned rank, uint64_t address, void *sizes, void *strides, int *lower,
                            int *upper, unsigned channels, unsigned pixels, unsigned *steps, int interleave, int swizzle,
                            int promotion, int fill) {
  memcpy(map, &address, sizeof address);
  int seen[10] = {lower[0], lower[1], upper[0], upper[1], channels, pixels, steps[0], steps[1], steps[2], steps[3]};
  memcpy(mock_window, seen, sizeof seen);
  return 0;
}
static int launch(void *function, const unsigned *grid, const unsigned *block, void **parameters) {
  mock_launches++;
  mock_grid = grid[0];
  mock_block = block[0];
  int64_t n = *(int64_t *)parameters[0];
  int by_map = function == &mock_block;
  const float *in = by_map ? **(float ***)parameters[1] : *(float **)parameters[2];
  float *out = *(float **)parameters[by_map ? 2 : 7];
  for (int64_t i = 0; i < n && i < (int64_t)grid[0] * block[0]; i++) out[i] = in[i] + 1.0f;
  return 0;
}

typedef struct {
  unsigned grid[3], block[3], shared;
  void *stream, *attributes;
  unsigned attribute_count;
} Config;

int cuLaunchKernelEx(const Config *config, void *function, void **parameters, void **extra) {
  return launch(function, config->grid, config->block, parameters);
}

int cuGraphCreate(void **graph, unsigned flags) {
  *graph = calloc(1, sizeof(Graph));
  mock_graphs++;
  return 0;
}
int cuGraphDestroy(void *graph) { free(graph); mock_graphs--; return 0; }
/* As the driver does, keep the parameters as they are now: five words a buffer, three for "by_map". */
static void keep(Graph *graph, int index, const Node *node) {
  int count = node->function == &mock_block ? 7 : 11;
  graph->nodes[index] = *node;
  for (int i = 0; i < count; i++) {
    graph->words[index][i] = *(uint64_t *)node->parameters[i];
    graph->pointers[index][i] = &graph->words[index][i];
  }
}
int cuGraphAddKernelNode_v2(void **node, void *graph, void **before, size_t count, const Node *params) {
  Graph *made = graph;
  keep(made, made->count, params);
  *node = (void *)(uintptr_t)++made->count;
  return 0;
}
int cuGraphInstantiateWithFlags(void **exec, void *graph, unsigned long long flags) { *exec = graph; return 0; }
int cuGraphExecKernelNodeSetParams_v2(void *exec, void *node, const Node *params) {
  mock_updates++;
  keep(exec, (int)(uintptr_t)node - 1, params);
  return 0;
}
int cuGraphExecDestroy(void *exec) { return 0; }
int cuGraphLaunch(void *exec, void *stream) {
  Graph *graph = exec;
  mock_stream = (int)(uintptr_t)stream;
  for (int i = 0; i < graph->count; i++) {
    Node *node = &graph->nodes[i];
    launch(node->function, node->grid, node->block, graph->pointers[i]);
  }
  return 0;
}
