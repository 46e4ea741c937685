// Sums whose order depends on the number of values only.
#include "row.cuh"

constexpr int SUM_THREADS = 1024;
constexpr int SUM_WARPS = SUM_THREADS / 32;
constexpr int SQUARES_THREADS = 256;

// `count` rows of `width` parts.
struct Parts {
    const float* from;
    float* to;
    int count, width;
};

// The sum of a warp's rows, in one column: rows first, first + SUM_WARPS, ... in order.
__device__ __forceinline__ float strided_sum(const Parts& parts, int first, int column) {
    constexpr int AHEAD = 8; // loads in flight
    float sum = 0.0f;
    for (int row = first; row < parts.count; row += AHEAD * SUM_WARPS) {
        float values[AHEAD];
#pragma unroll
        for (int i = 0; i < AHEAD; ++i) {
            const int at = row + i * SUM_WARPS;
            values[i] = at < parts.count ? parts.from[size_t(at) * parts.width + column] : 0.0f;
        }
#pragma unroll
        for (int i = 0; i < AHEAD; ++i) sum += values[i];
    }
    return sum;
}

// A lane takes a column, a warp every 32nd row; the first warp adds the warps' sums in order.
KERNEL(sum_parts, SUM_THREADS, const float* parts0, float* out0, int count0, int width0,
       const float* parts1, float* out1, int count1, int width1, const float* parts2, float* out2,
       int count2, int width2, const float* parts3, float* out3, int count3, int width3, int add) {
    SHARED(shared);
    float* sums = reinterpret_cast<float*>(shared); // (SUM_WARPS, 32)
    Parts parts{parts0, out0, count0, width0};
    if (blockIdx.y == 1) parts = {parts1, out1, count1, width1};
    if (blockIdx.y == 2) parts = {parts2, out2, count2, width2};
    if (blockIdx.y == 3) parts = {parts3, out3, count3, width3};
    const int warp = int(threadIdx.x) / 32, column = int(blockIdx.x * 32 + threadIdx.x % 32);
    sums[threadIdx.x] = column < parts.width ? strided_sum(parts, warp, column) : 0.0f;
    __syncthreads();
    if (warp == 0 && column < parts.width) {
        float total = sums[threadIdx.x];
#pragma unroll
        for (int other = 1; other < SUM_WARPS; ++other) total += sums[other * 32 + threadIdx.x];
        parts.to[column] = add ? parts.to[column] + total : total;
    }
}

// A block's part of the sum of squares, in f64: each thread's values in order, then the threads'.
__device__ __forceinline__ void write_squares(const float* values, int64_t count, double* sums,
                                              double* parts) {
    constexpr int AHEAD = 16; // loads in flight
    const int64_t stride = int64_t(gridDim.x) * SQUARES_THREADS;
    int64_t first = int64_t(blockIdx.x) * SQUARES_THREADS + threadIdx.x;
    double sum = 0.0;
    for (; first < count; first += AHEAD * stride) {
        float read[AHEAD];
#pragma unroll
        for (int i = 0; i < AHEAD; ++i) {
            const int64_t at = first + i * stride;
            read[i] = at < count ? values[at] : 0.0f;
        }
#pragma unroll
        for (int i = 0; i < AHEAD; ++i) sum += double(read[i]) * double(read[i]);
    }
    sums[threadIdx.x] = sum;
    for (int half = SQUARES_THREADS / 2; half; half /= 2) {
        __syncthreads();
        if (int(threadIdx.x) < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    }
    if (threadIdx.x == 0) parts[blockIdx.x] = sums[0];
}

KERNEL(squares, SQUARES_THREADS, const float* values, int64_t count, double* parts) {
    SHARED(shared);
    write_squares(values, count, reinterpret_cast<double*>(shared), parts);
}

KERNEL(squares_rows, SQUARES_THREADS, const Step* step, const float* values, double* parts,
       int width) {
    SHARED(shared);
    write_squares(values, int64_t(step->words) * width, reinterpret_cast<double*>(shared), parts);
}
