// GELU, the exact one: x (1 + erf(x / sqrt 2)) / 2.
#include "row.cuh"

constexpr int GELU_THREADS = 256;
constexpr int GELU_BACKWARD_THREADS = 128;
constexpr int GELU_BACKWARD_WARPS = GELU_BACKWARD_THREADS / 32;

// The normal distribution.
__device__ __forceinline__ float normal_share(float x) {
    return 0.5f * (1.0f + erff(x * 0.70710678f));
}

__device__ __forceinline__ float gelu(float x) { return x * normal_share(x); }

__device__ __forceinline__ float gelu_derivative(float x) {
    return normal_share(x) + x * expf(-0.5f * x * x) * 0.39894228f;
}

template <class T>
__device__ __forceinline__ void gelu_forward(const int* real, const T* u,
                                             const float* __restrict__ bias, T* out, int rows,
                                             int width) {
    const int eights = width / EIGHT; // of a row
    const int all = rows * eights, live = *real * eights;
    const int stride = int(gridDim.x) * GELU_THREADS, turn = stride % eights;
    int at = int(blockIdx.x) * GELU_THREADS + int(threadIdx.x);
    int column = at % eights;
    for (; at < all; at += stride) {
        Eight<T> values{};
        if (at < live) {
            values = load(u + size_t(at) * EIGHT);
            const Eight<float> shifts = load(bias + column * EIGHT);
#pragma unroll
            for (int i = 0; i < EIGHT; ++i) {
                values.at[i] = rounded<T>(gelu(to_float(values.at[i]) + shifts.at[i]));
            }
        }
        store(out + size_t(at) * EIGHT, values);
        column += turn;
        if (column >= eights) column -= eights;
    }
}

// Adds eight columns of the block's warps in order and writes them. `sums`: a strip a warp.
__device__ __forceinline__ void write_strip(const Eight<float>& sum, float* sums, float* to,
                                            int width) {
    store(sums + threadIdx.x * EIGHT, sum);
    __syncthreads();
    for (int i = threadIdx.x; i < STRIP; i += GELU_BACKWARD_THREADS) {
        float total = sums[i];
#pragma unroll
        for (int warp = 1; warp < GELU_BACKWARD_WARPS; ++warp) total += sums[warp * STRIP + i];
        const int column = int(blockIdx.x) * STRIP + i;
        if (column < width) to[column] = total;
    }
}

// A block takes a strip of columns, its warps take rows.
template <class T>
__device__ __forceinline__ void gelu_backward(const int* real, const T* u,
                                              const float* __restrict__ bias, T* dg, float* parts,
                                              float* sums, int rows, int width) {
    const int count = *real;
    const int column = int(blockIdx.x) * STRIP + int(threadIdx.x) % 32 * EIGHT;
    Eight<float> sum{};
    if (column < width) {
        const Eight<float> shifts = load(bias + column);
        int row = int(blockIdx.y) * GELU_BACKWARD_WARPS + int(threadIdx.x) / 32;
        const int stride = int(gridDim.y) * GELU_BACKWARD_WARPS;
        for (; row < rows; row += stride) {
            const size_t at = size_t(row) * width + column;
            Eight<T> gradients{};
            if (row < count) {
                const Eight<T> values = load(u + at);
                gradients = load(dg + at);
#pragma unroll
                for (int i = 0; i < EIGHT; ++i) {
                    const float derivative = gelu_derivative(to_float(values.at[i]) + shifts.at[i]);
                    const float du = to_float(gradients.at[i]) * derivative;
                    sum.at[i] += du;
                    gradients.at[i] = rounded<T>(du);
                }
            }
            store(dg + at, gradients);
        }
    }
    write_strip(sum, sums, parts + size_t(blockIdx.y) * width, width);
}

#define GELU(name, T)                                                                              \
    KERNEL(gelu_forward_##name, GELU_THREADS, const int* real, const T* u,                         \
           const float* __restrict__ bias, T* out, int rows, int width) {                          \
        gelu_forward<T>(real, u, bias, out, rows, width);                                          \
    }                                                                                              \
    KERNEL(gelu_backward_##name, GELU_BACKWARD_THREADS, const int* real, const T* u,               \
           const float* __restrict__ bias, T* dg, float* parts, int rows, int width) {             \
        SHARED(shared);                                                                            \
        gelu_backward<T>(real, u, bias, dg, parts, reinterpret_cast<float*>(shared), rows, width); \
    }
GELU(f32, float)
GELU(bf16, bf16)
