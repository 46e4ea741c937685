// Conversions between the types of the products. Counts are multiples of 8.
#include "row.cuh"

constexpr int CONVERT_THREADS = 256;

template <class From, class To>
__device__ __forceinline__ void convert(const From* x, To* y, int count) {
    const int eights = count / EIGHT, stride = int(gridDim.x) * CONVERT_THREADS;
    for (int at = int(blockIdx.x) * CONVERT_THREADS + int(threadIdx.x); at < eights; at += stride) {
        const Eight<From> values = load(x + size_t(at) * EIGHT);
        Eight<To> converted;
#pragma unroll
        for (int i = 0; i < EIGHT; ++i) converted.at[i] = rounded<To>(to_float(values.at[i]));
        store(y + size_t(at) * EIGHT, converted);
    }
}

KERNEL(to_f32, CONVERT_THREADS, const bf16* x, float* y, int count) { convert(x, y, count); }

KERNEL(to_bf16, CONVERT_THREADS, const float* x, bf16* y, int count) { convert(x, y, count); }
