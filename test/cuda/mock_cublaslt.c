/* A stand-in for libcublasLt: products of f32 and f64 in host memory, as the real one counts, column by column. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int mock_products, mock_alive, mock_ways = 1, mock_status;

typedef struct { int transposed[2], compute; } Product;
typedef struct { int type; uint64_t rows, columns; int64_t pitch, stride; int32_t batch; } Layout;
typedef struct { uint64_t algorithm[8]; size_t workspace; int state; float waves; int reserved[4]; } Choice;

static void *made(size_t size) { mock_alive++; return calloc(1, size); }
static int gone(void *handle) { mock_alive--; free(handle); return 0; }

int cublasLtCreate(void **handle) { *handle = &mock_products; return 0; }
int cublasLtMatmulDescCreate(Product **product, int compute, int scale) {
  *product = made(sizeof(Product));
  (*product)->compute = compute;
  return (compute == 70) == (scale == 1) ? 0 : 7;
}
int cublasLtMatmulDescSetAttribute(Product *product, int attribute, const void *value, size_t size) {
  if (attribute != 3 && attribute != 4 || size != 4) return 7;
  memcpy(&product->transposed[attribute - 3], value, 4);
  return 0;
}
int cublasLtMatmulDescDestroy(Product *product) { return gone(product); }
int cublasLtMatrixLayoutCreate(Layout **layout, int type, uint64_t rows, uint64_t columns, int64_t pitch) {
  *layout = made(sizeof(Layout));
  **layout = (Layout){type, rows, columns, pitch, 0, 1};
  return rows && columns ? 0 : 7;
}
int cublasLtMatrixLayoutSetAttribute(Layout *layout, int attribute, const void *value, size_t size) {
  if (attribute == 5 && size == 4) memcpy(&layout->batch, value, size);
  else if (attribute == 6 && size == 8) memcpy(&layout->stride, value, size);
  else return 7;
  return 0;
}
int cublasLtMatrixLayoutDestroy(Layout *layout) { return gone(layout); }
int cublasLtMatmulPreferenceCreate(void **preference) { *preference = made(8); return 0; }
int cublasLtMatmulPreferenceSetAttribute(void *preference, int attribute, const void *value, size_t size) {
  return attribute == 1 && size == 8 ? 0 : 7;
}
int cublasLtMatmulPreferenceDestroy(void *preference) { return gone(preference); }
int cublasLtMatmulAlgoGetHeuristic(void *handle, Product *product, Layout *a, Layout *b, Layout *c, Layout *d,
                                   void *preference, int wanted, Choice *choice, int *found) {
  choice->algorithm[0] = 42;
  *found = mock_ways;
  return 0;
}

static double number(const void *base, int type, int64_t place) {
  return type == 1 ? ((const double *)base)[place] : ((const float *)base)[place];
}

int cublasLtMatmul(void *handle, Product *product, const void *alpha, const void *a, Layout *at, const void *b,
                   Layout *bt, const void *beta, const void *c, Layout *ct, void *d, Layout *dt,
                   const uint64_t *algorithm, void *workspace, size_t size, void *stream) {
  if (mock_status) return mock_status;
  if (algorithm[0] != 42 || !workspace || size == 0) return 7;
  mock_products++;
  uint64_t depth = product->transposed[0] ? at->rows : at->columns;
  for (int p = 0; p < dt->batch; p++)
    for (uint64_t column = 0; column < dt->columns; column++)
      for (uint64_t row = 0; row < dt->rows; row++) {
        double sum = 0;
        for (uint64_t k = 0; k < depth; k++) {
          int64_t left = product->transposed[0] ? k + row * at->pitch : row + k * at->pitch;
          int64_t right = product->transposed[1] ? column + k * bt->pitch : k + column * bt->pitch;
          sum += number(a, at->type, left + p * at->stride) * number(b, bt->type, right + p * bt->stride);
        }
        int64_t place = row + column * dt->pitch + p * dt->stride;
        if (dt->type == 1) ((double *)d)[place] = sum;
        else ((float *)d)[place] = sum;
      }
  return 0;
}
