// What all attention kernels share: segments, biased rows, mask words, rows of zeros.
//
// A block computes one head of one segment. C columns a head, H heads, D = H C.
#pragma once
#include "mask.cuh"
#include "row.cuh"

constexpr int ATTENTION_THREADS = 128;
constexpr int ATTENTION_WARPS = ATTENTION_THREADS / 32;
constexpr float LOG2_E = 1.4426950408889634f;
constexpr unsigned ALL_KEPT = 0xffffffffu;

// The least of two counts, as a constant too.
__device__ __forceinline__ constexpr int least(int a, int b) { return a < b ? a : b; }

// 1 / sqrt(C)
template <int C> __device__ __forceinline__ constexpr float score_scale() {
    static_assert(C == 32 || C == 64, "the head sizes of the contract");
    return C == 64 ? 0.125f : 0.17677669529663689f;
}

// The rows of this block's segment; none where the bucket has more segments than the pass.
struct Segment {
    int first, count;

    __device__ __forceinline__ Segment(const Step* step, const int* offsets) : first(0), count(0) {
        const int segment = blockIdx.x;
        if (segment < step->segments) {
            first = offsets[segment];
            count = offsets[segment + 1] - first;
        }
    }
};

// What a dropout of probabilities needs.
struct Drop {
    uint32_t threshold; // 0: nothing is dropped, and no bits are kept
    float scale;
};

// Whether the value is true on each lane, as one bit a lane.
__device__ __forceinline__ uint32_t lanes_where(bool value) {
#ifdef __CUDA_ARCH__
    return __ballot_sync(ALL_LANES, value);
#else
    uint32_t word = uint32_t(value) << threadIdx.x % 32;
    for (int lanes = 16; lanes; lanes >>= 1) word |= __shfl_xor_sync(ALL_LANES, word, lanes);
    return word;
#endif
}

// Eight columns of a row in f32, plus those of a bias.
template <class T>
__device__ __forceinline__ Eight<float> load_biased(const T* from, const Eight<float>& bias) {
    const Eight<T> values = load(from);
    Eight<float> sum;
#pragma unroll
    for (int i = 0; i < EIGHT; ++i) sum.at[i] = to_float(values.at[i]) + bias.at[i];
    return sum;
}

__device__ __forceinline__ Eight<float> zero_eight() {
    Eight<float> zeros;
#pragma unroll
    for (int i = 0; i < EIGHT; ++i) zeros.at[i] = 0.0f;
    return zeros;
}

// Rows `row` to `end` of C columns of `matrix`, whose rows are `stride` values apart, become zeros.
template <int C, class T>
__device__ __forceinline__ void zero_rows(T* matrix, size_t stride, int row, int end) {
    constexpr int CHUNKS = C / EIGHT;
    for (int i = threadIdx.x; i < (end - row) * CHUNKS; i += ATTENTION_THREADS)
        store(matrix + (row + i / CHUNKS) * stride + i % CHUNKS * EIGHT, rounded_eight<T>(zero_eight()));
}

// Rows of dqkv behind all segments become zeros, in this head's columns.
template <int C, class T>
__device__ __forceinline__ void zero_slopes(const Step* step, T* dqkv, int rows, int heads) {
    const size_t width = size_t(heads) * C;
    for (int which = 0; which < 3; ++which)
        zero_rows<C>(dqkv + which * width + blockIdx.y * C, 3 * width, step->rows, rows);
}

// Rows of one head in device memory.
template <class T> struct Rows {
    const T* at;      // row 0, the head's first column
    size_t stride;    // values from a row to the next
    const float* bias; // (C), or null
};

// Copies `count` rows to shared memory as (padded, C) of type T, `to_stride` values apart, biased.
// Rows from `count` to `padded` become zeros.
template <int C, class T>
__device__ __forceinline__ void stage(T* to, int to_stride, Rows<T> from, int count, int padded) {
    constexpr int CHUNKS = C / EIGHT;
    const int column = threadIdx.x % CHUNKS * EIGHT;
    const Eight<float> bias = from.bias ? load(from.bias + column) : zero_eight();
    for (int row = threadIdx.x / CHUNKS; row < padded; row += ATTENTION_THREADS / CHUNKS) {
        const Eight<float> values =
            row < count ? load_biased(from.at + row * from.stride + column, bias) : zero_eight();
        store(to + row * to_stride + column, rounded_eight<T>(values));
    }
}

// As `stage` for gradients dy, with sums[row] = sum over columns of dy x y. `padded` rows times C / 8
// are a multiple of 32, so that all lanes of a warp go round equally often.
template <int C, class T>
__device__ __forceinline__ void stage_slopes(T* to, int to_stride, Rows<T> dy, const T* y, float* sums,
                                             int count, int padded) {
    constexpr int CHUNKS = C / EIGHT;
    const int column = threadIdx.x % CHUNKS * EIGHT;
    for (int row = threadIdx.x / CHUNKS; row < padded; row += ATTENTION_THREADS / CHUNKS) {
        Eight<T> slopes = rounded_eight<T>(zero_eight());
        float sum = 0.0f;
        if (row < count) {
            slopes = load(dy.at + row * dy.stride + column);
            const Eight<T> values = load(y + row * dy.stride + column);
#pragma unroll
            for (int i = 0; i < EIGHT; ++i) sum += to_float(slopes.at[i]) * to_float(values.at[i]);
        }
        store(to + row * to_stride + column, slopes);
#pragma unroll
        for (int lanes = CHUNKS / 2; lanes; lanes >>= 1) sum += __shfl_xor_sync(ALL_LANES, sum, lanes);
        if (threadIdx.x % CHUNKS == 0) sums[row] = sum;
    }
}
