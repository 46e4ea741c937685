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

    // Reads all of it at once: `offsets` has an entry for each segment of the bucket, and one more.
    __device__ __forceinline__ Segment(const Step* step, const int* offsets) {
        const int begin = offsets[blockIdx.x], end = offsets[blockIdx.x + 1];
        const bool real = int(blockIdx.x) < step->segments;
        first = real ? begin : 0;
        count = real ? end - begin : 0;
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
__device__ __forceinline__ void zero_gradients(const Step* step, T* dqkv, int rows, int heads) {
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

// Rows on their way to shared memory, biased: (padded, C) of type T.
template <class T> struct BiasedRows {
    T* to;
    Rows<T> from;
    Eight<float> bias; // of this thread's columns
    Eight<T> values;

    __device__ __forceinline__ BiasedRows(T* to, Rows<T> from, int column)
        : to(to), from(from), bias(from.bias ? load(from.bias + column) : zero_eight()) {}

    __device__ __forceinline__ void fetch(int row, int column) { values = load(from.at + row * from.stride + column); }

    __device__ __forceinline__ void put(int row, int, T* at, bool real) {
        Eight<float> sum = zero_eight();
        if (real)
#pragma unroll
            for (int i = 0; i < EIGHT; ++i) sum.at[i] = to_float(values.at[i]) + bias.at[i];
        store(at, rounded_eight<T>(sum));
    }
};

// The same of gradients dy, with dots[row x step] = the sum over columns of dy x y.
template <int C, class T> struct GradientRows {
    T* to;
    Rows<T> from;
    const T* y;
    float* dots;
    int step;
    Eight<T> values, results;

    __device__ __forceinline__ GradientRows(T* to, Rows<T> from, const T* y, float* dots, int step)
        : to(to), from(from), y(y), dots(dots), step(step) {}

    __device__ __forceinline__ void fetch(int row, int column) {
        values = load(from.at + row * from.stride + column);
        results = load(y + row * from.stride + column);
    }

    __device__ __forceinline__ void put(int row, int column, T* at, bool real) {
        float dot = 0.0f;
        if (real)
#pragma unroll
            for (int i = 0; i < EIGHT; ++i) dot += to_float(values.at[i]) * to_float(results.at[i]);
        else
            values = rounded_eight<T>(zero_eight());
        store(at, values);
#pragma unroll
        for (int lanes = C / EIGHT / 2; lanes; lanes >>= 1) dot += __shfl_xor_sync(ALL_LANES, dot, lanes);
        if (column == 0) dots[row * step] = dot;
    }
};

// This thread's first column where C / 8 threads share a row.
template <int C> __device__ __forceinline__ int staged_column() { return threadIdx.x % (C / EIGHT) * EIGHT; }

// Copies `count` rows of several matrices to shared memory, `stride` values apart; rows from `count` to
// `padded` become zeros. All of a row is on its way at once. With `GradientRows`, `padded` is a multiple
// of 16, so that all lanes of a warp go round equally often.
template <int C, class... Matrix>
__device__ __forceinline__ void stage(int stride, int count, int padded, Matrix... matrices) {
    constexpr int CHUNKS = C / EIGHT;
    const int column = staged_column<C>();
#pragma unroll 2
    for (int row = threadIdx.x / CHUNKS; row < padded; row += ATTENTION_THREADS / CHUNKS) {
        if (row < count) (matrices.fetch(row, column), ...);
        (matrices.put(row, column, matrices.to + row * stride + column, row < count), ...);
    }
}
