// Layer norm of rows that a warp keeps in registers, and sums of columns over the rows of a block.
#pragma once
#include "mask.cuh"
#include "row.cuh"

constexpr int ROW_THREADS = 128;
constexpr int ROW_WARPS = ROW_THREADS / 32;

// The rows of a warp are first_row(), first_row() + row_stride(), ...
__device__ __forceinline__ int first_row() {
    return int(blockIdx.x) * ROW_WARPS + int(threadIdx.x) / 32;
}

__device__ __forceinline__ int row_stride() { return int(gridDim.x) * ROW_WARPS; }

// The first of a lane's columns in a strip.
__device__ __forceinline__ int lane_column(int strip) {
    return strip * STRIP + int(threadIdx.x) % 32 * EIGHT;
}

// A lane's share of a row. Strips behind the width are not set and not read.
template <class T> struct Row {
    Eight<T> strip[STRIPS];
};

// All loads of a row are in flight together.
template <class T> __device__ __forceinline__ Row<T> load_row(const T* from, int width) {
    Row<T> row;
#pragma unroll
    for (int s = 0; s < STRIPS; ++s) {
        const int column = lane_column(s);
        if (column < width) row.strip[s] = load(from + column);
    }
    return row;
}

template <class T> __device__ __forceinline__ void store_row(T* to, const Row<T>& row, int width) {
#pragma unroll
    for (int s = 0; s < STRIPS; ++s) {
        const int column = lane_column(s);
        if (column < width) store(to + column, row.strip[s]);
    }
}

template <class T> __device__ __forceinline__ void zero_row(T* to, int width) {
    const Eight<T> zeros{};
#pragma unroll
    for (int s = 0; s < STRIPS; ++s) {
        const int column = lane_column(s);
        if (column < width) store(to + column, zeros);
    }
}

// The mask of a row; `keys` is not read where nothing is dropped.
__device__ __forceinline__ Mask row_mask(const uint64_t* keys, int row, uint32_t threshold,
                                         float scale) {
    return Mask(threshold ? keys[row] : 0, threshold, scale);
}

// Drops some of the columns from `column` on. Without a threshold there is no hash to pay for.
__device__ __forceinline__ void drop(Eight<float>& x, const Mask& mask, int column) {
    if (mask.threshold == 0) return;
#pragma unroll
    for (int i = 0; i < EIGHT; ++i) x.at[i] *= mask.factor(uint32_t(column + i));
}

// `(x - mean) * scale` has mean 0 and variance 1.
struct Normal {
    float mean, scale;

    __device__ __forceinline__ float operator()(float x) const { return (x - mean) * scale; }
};

// Two passes over the registers, as in crates/kernels/src/layer_norm.rs.
template <class T>
__device__ __forceinline__ Normal normal_of(const Row<T>& x, int width, float eps) {
    float total = 0.0f;
#pragma unroll
    for (int s = 0; s < STRIPS; ++s) {
        if (lane_column(s) >= width) continue;
        float part = 0.0f; // the strips' chains of additions overlap
#pragma unroll
        for (int i = 0; i < EIGHT; ++i) part += to_float(x.strip[s].at[i]);
        total += part;
    }
    const float mean = warp_sum(total) / float(width);
    float squares = 0.0f;
#pragma unroll
    for (int s = 0; s < STRIPS; ++s) {
        if (lane_column(s) >= width) continue;
        float part = 0.0f;
#pragma unroll
        for (int i = 0; i < EIGHT; ++i) {
            const float distance = to_float(x.strip[s].at[i]) - mean;
            part += distance * distance;
        }
        squares += part;
    }
    return {mean, 1.0f / sqrtf(warp_sum(squares) / float(width) + eps)};
}

// gamma normal(x) + beta, for the columns from `column` on.
template <class T>
__device__ __forceinline__ Eight<float> normalised(const Eight<T>& x, Normal normal,
                                                   const float* gamma, const float* beta,
                                                   int column) {
    const Eight<float> scales = load(gamma + column), shifts = load(beta + column);
    Eight<float> y;
#pragma unroll
    for (int i = 0; i < EIGHT; ++i) {
        y.at[i] = normal(to_float(x.at[i])) * scales.at[i] + shifts.at[i];
    }
    return y;
}

// COUNT sums a column over the rows of a warp. A lane keeps those of three strips in registers. Those
// of the fourth are in the warp's part of shared memory, because only widths over 768 need them.
template <int COUNT> class ColumnSums {
    static constexpr int HELD = 3;
    float held[COUNT][HELD][EIGHT];
    float* sums; // (ROW_WARPS, COUNT, width), shared
    int width;

    __device__ __forceinline__ float* place(int warp, int which, int column) const {
        return sums + (warp * COUNT + which) * width + column;
    }

  public:
    __device__ __forceinline__ ColumnSums(float* sums, int width) : sums(sums), width(width) {
#pragma unroll
        for (int which = 0; which < COUNT; ++which) {
#pragma unroll
            for (int s = 0; s < HELD; ++s)
#pragma unroll
                for (int i = 0; i < EIGHT; ++i) held[which][s][i] = 0.0f;
#pragma unroll
            for (int s = HELD; s < STRIPS; ++s) {
                const int column = lane_column(s);
                if (column < width) store(place(threadIdx.x / 32, which, column), Eight<float>{});
            }
        }
    }

    // Adds a strip of a row.
    __device__ __forceinline__ void add(int which, int strip, const Eight<float>& values) {
        if (strip < HELD) {
#pragma unroll
            for (int i = 0; i < EIGHT; ++i) held[which][strip][i] += values.at[i];
        } else { // only this lane uses this place
            float* to = place(threadIdx.x / 32, which, lane_column(strip));
            Eight<float> sum = load(to);
#pragma unroll
            for (int i = 0; i < EIGHT; ++i) sum.at[i] += values.at[i];
            store(to, sum);
        }
    }

    // Writes the block's sums (COUNT, width): its warps in order. All threads of the block call it.
    __device__ __forceinline__ void write(float* parts) const {
        const int warp = int(threadIdx.x) / 32;
#pragma unroll
        for (int which = 0; which < COUNT; ++which)
#pragma unroll
            for (int s = 0; s < HELD; ++s) {
                const int column = lane_column(s);
                if (column >= width) continue;
                Eight<float> sum;
#pragma unroll
                for (int i = 0; i < EIGHT; ++i) sum.at[i] = held[which][s][i];
                store(place(warp, which, column), sum);
            }
        __syncthreads();
        float* out = parts + size_t(blockIdx.x) * COUNT * width;
        for (int i = int(threadIdx.x) * EIGHT; i < COUNT * width; i += ROW_THREADS * EIGHT) {
            Eight<float> total = load(sums + i);
#pragma unroll
            for (int other = 1; other < ROW_WARPS; ++other) {
                const Eight<float> more = load(sums + other * COUNT * width + i);
#pragma unroll
                for (int j = 0; j < EIGHT; ++j) total.at[j] += more.at[j];
            }
            store(out + i, total);
        }
    }
};

// The gradient of a norm: what its two sums over the row are for.
struct NormGradient {
    Normal normal;
    float mean_g, mean_gx; // of g = gamma dy, and of g normal(x)

    __device__ __forceinline__ float operator()(float x, float g) const {
        return normal.scale * (g - mean_g - normal(x) * mean_gx);
    }
};

// Reads the row `x` and the gradient `dy` of what its norm gave. Adds to the sums GAMMA and
// GAMMA + 1 of the columns: the gradients of gamma and beta.
template <int GAMMA, int COUNT, class X, class Y>
__device__ __forceinline__ NormGradient norm_gradient(const Row<X>& x, const Row<Y>& dy,
                                                const float* gamma, float eps, int width,
                                                ColumnSums<COUNT>& columns) {
    const Normal normal = normal_of(x, width, eps);
    float sum_g = 0.0f, sum_gx = 0.0f;
#pragma unroll
    for (int s = 0; s < STRIPS; ++s) {
        const int column = lane_column(s);
        if (column >= width) continue;
        const Eight<float> scales = load(gamma + column);
        Eight<float> gradients, products;
        float part_g = 0.0f, part_gx = 0.0f;
#pragma unroll
        for (int i = 0; i < EIGHT; ++i) {
            gradients.at[i] = to_float(dy.strip[s].at[i]);
            products.at[i] = gradients.at[i] * normal(to_float(x.strip[s].at[i]));
            part_g += scales.at[i] * gradients.at[i];
            part_gx += scales.at[i] * products.at[i];
        }
        columns.add(GAMMA, s, products);
        columns.add(GAMMA + 1, s, gradients);
        sum_g += part_g;
        sum_gx += part_gx;
    }
    return {normal, warp_sum(sum_g) / float(width), warp_sum(sum_gx) / float(width)};
}
