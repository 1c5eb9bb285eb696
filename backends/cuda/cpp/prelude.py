"""What every printed file begins with."""

from __future__ import annotations

PRELUDE = """\
#include <cstdint>
#include <cstring>
#include <cuda_bf16.h>
#include <cuda_fp16.h>

#pragma nv_diag_suppress 549  // sums are not set before the first product, which writes them

// A few numbers in registers.
template <class T, int N> struct Vec { T x[N]; };

template <class T, int N> __device__ __forceinline__ Vec<T, N> splat(T value) {
  Vec<T, N> made;
#pragma unroll
  for (int i = 0; i < N; ++i) made.x[i] = value;
  return made;
}

// A function of numbers, for each lane.
template <class R, class F, class T, int N, class... Ts>
__device__ __forceinline__ Vec<R, N> map(F function, const Vec<T, N>& first, const Vec<Ts, N>&... others) {
  Vec<R, N> made;
#pragma unroll
  for (int i = 0; i < N; ++i) made.x[i] = function(first.x[i], others.x[i]...);
  return made;
}

template <class T, int N> __device__ __forceinline__ Vec<T, N> operator+(const Vec<T, N>& a, const Vec<T, N>& b) {
  return map<T>([](T x, T y) { return x + y; }, a, b);
}
template <class T, int N> __device__ __forceinline__ Vec<T, N> operator-(const Vec<T, N>& a, const Vec<T, N>& b) {
  return map<T>([](T x, T y) { return x - y; }, a, b);
}
template <class T, int N> __device__ __forceinline__ Vec<T, N> operator*(const Vec<T, N>& a, const Vec<T, N>& b) {
  return map<T>([](T x, T y) { return x * y; }, a, b);
}

template <class T, class F> __device__ __forceinline__ T bit_cast(const F& value) {
  static_assert(sizeof(T) == sizeof(F), "the same bits");
  T made;
  memcpy(&made, &value, sizeof(T));
  return made;
}

// Accesses of as many bytes at once as the address is aligned to.
template <int Bytes> struct Word;
template <> struct Word<1> { using type = uint8_t; };
template <> struct Word<2> { using type = uint16_t; };
template <> struct Word<4> { using type = uint32_t; };
template <> struct Word<8> { using type = uint2; };
template <> struct Word<16> { using type = uint4; };

template <class V, int Bytes> __device__ __forceinline__ V load(const void* place) {
  using Part = typename Word<Bytes>::type;
  Part parts[sizeof(V) / Bytes];
#pragma unroll
  for (int i = 0; i < int(sizeof(V) / Bytes); ++i) parts[i] = static_cast<const Part*>(place)[i];
  V value;
  memcpy(&value, parts, sizeof(V));
  return value;
}

template <int Bytes, class V> __device__ __forceinline__ void store(void* place, const V& value) {
  using Part = typename Word<Bytes>::type;
  Part parts[sizeof(V) / Bytes];
  memcpy(parts, &value, sizeof(V));
#pragma unroll
  for (int i = 0; i < int(sizeof(V) / Bytes); ++i) static_cast<Part*>(place)[i] = parts[i];
}

// The larger and the smaller number, NaN where one is NaN.
__device__ __forceinline__ float maximum(float a, float b) {
#if __CUDA_ARCH__ >= 800
  float made;
  asm("max.NaN.f32 %0, %1, %2;" : "=f"(made) : "f"(a), "f"(b));
  return made;
#else
  return a != a ? a : b != b ? b : fmaxf(a, b);
#endif
}
__device__ __forceinline__ float minimum(float a, float b) {
#if __CUDA_ARCH__ >= 800
  float made;
  asm("min.NaN.f32 %0, %1, %2;" : "=f"(made) : "f"(a), "f"(b));
  return made;
#else
  return a != a ? a : b != b ? b : fminf(a, b);
#endif
}
__device__ __forceinline__ double maximum(double a, double b) { return a != a ? a : b != b ? b : fmax(a, b); }
__device__ __forceinline__ double minimum(double a, double b) { return a != a ? a : b != b ? b : fmin(a, b); }
"""

FLOAT8 = """\
#include <cuda_fp8.h>

// Floats of 8 bits; what is too large becomes infinite, or NaN in a format without infinities.
__device__ __forceinline__ float widen_e4m3(__nv_fp8_storage_t x) {
  return __half2float(__nv_cvt_fp8_to_halfraw(x, __NV_E4M3));
}
__device__ __forceinline__ float widen_e5m2(__nv_fp8_storage_t x) {
  return __half2float(__nv_cvt_fp8_to_halfraw(x, __NV_E5M2));
}
__device__ __forceinline__ __nv_fp8_storage_t round_to_e4m3(float x) {
  return __nv_cvt_float_to_fp8(x, __NV_NOSAT, __NV_E4M3);
}
__device__ __forceinline__ __nv_fp8_storage_t round_to_e5m2(float x) {
  return __nv_cvt_float_to_fp8(x, __NV_NOSAT, __NV_E5M2);
}
__device__ __forceinline__ __nv_fp8_storage_t round_to_e4m3(double x) {
  return __nv_cvt_double_to_fp8(x, __NV_NOSAT, __NV_E4M3);
}
__device__ __forceinline__ __nv_fp8_storage_t round_to_e5m2(double x) {
  return __nv_cvt_double_to_fp8(x, __NV_NOSAT, __NV_E5M2);
}"""
"""What follows it where there are floats of 8 bits."""
