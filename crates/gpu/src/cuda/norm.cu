// What follows each half of a block: the residual, dropout and layer norm, and their backward.
#include "norm.cuh"

// sum = dropout(y + bias) + residual, in T, which is what the backward reads again; out = norm(sum).
template <class T>
__device__ __forceinline__ void residual_norm(
    const int* real, const T* y, const T* residual, const float* __restrict__ bias,
    const float* __restrict__ gamma, const float* __restrict__ beta, const uint64_t* keys,
    uint32_t threshold, float scale, float eps, T* sum, T* out, int rows, int width) {
    const int count = *real;
    for (int row = first_row(); row < rows; row += row_stride()) {
        const size_t start = size_t(row) * width;
        if (row >= count) {
            zero_row(sum + start, width);
            zero_row(out + start, width);
            continue;
        }
        const Mask mask = row_mask(keys, row, threshold, scale);
        const Row<T> ys = load_row(y + start, width), kept = load_row(residual + start, width);
        Row<T> x;
#pragma unroll
        for (int s = 0; s < STRIPS; ++s) {
            const int column = lane_column(s);
            if (column >= width) continue;
            Eight<float> value = load(bias + column);
#pragma unroll
            for (int i = 0; i < EIGHT; ++i) value.at[i] += to_float(ys.strip[s].at[i]);
            drop(value, mask, column);
#pragma unroll
            for (int i = 0; i < EIGHT; ++i) value.at[i] += to_float(kept.strip[s].at[i]);
            x.strip[s] = rounded_eight<T>(value);
        }
        store_row(sum + start, x, width);
        const Normal normal = normal_of(x, width, eps);
#pragma unroll
        for (int s = 0; s < STRIPS; ++s) {
            const int column = lane_column(s);
            if (column >= width) continue;
            const auto value = normalised(x.strip[s], normal, gamma, beta, column);
            store(out + start + column, rounded_eight<T>(value));
        }
    }
}

// dsum is the gradient of the norm's argument, ddrop that of what dropout read. Column sums: dbias,
// dgamma, dbeta. Both gradients are rounded once, and dbias is a sum of gradients that are not rounded.
template <class T>
__device__ __forceinline__ void norm_backward(
    const int* real, const T* dy, const T* sum, const float* __restrict__ gamma,
    const uint64_t* keys, uint32_t threshold, float scale, float eps, T* dsum, T* ddrop,
    float* parts, float* shared, int rows, int width) {
    const int count = *real;
    ColumnSums<3> columns(shared, width);
    for (int row = first_row(); row < rows; row += row_stride()) {
        const size_t start = size_t(row) * width;
        if (row >= count) {
            zero_row(dsum + start, width);
            if (ddrop) zero_row(ddrop + start, width);
            continue;
        }
        const Mask mask = row_mask(keys, row, threshold, scale);
        const Row<T> x = load_row(sum + start, width), gradients = load_row(dy + start, width);
        const NormGradient gradient = norm_gradient<1>(x, gradients, gamma, eps, width, columns);
#pragma unroll
        for (int s = 0; s < STRIPS; ++s) {
            const int column = lane_column(s);
            if (column >= width) continue;
            Eight<float> dx = load(gamma + column);
#pragma unroll
            for (int i = 0; i < EIGHT; ++i) {
                const float g = dx.at[i] * to_float(gradients.strip[s].at[i]);
                dx.at[i] = gradient(to_float(x.strip[s].at[i]), g);
            }
            store(dsum + start + column, rounded_eight<T>(dx));
            drop(dx, mask, column);
            if (ddrop) store(ddrop + start + column, rounded_eight<T>(dx));
            columns.add(0, s, dx);
        }
    }
    columns.write(parts);
}

#define NORM(name, T)                                                                              \
    KERNEL(residual_norm_##name, ROW_THREADS, const int* real, const T* y, const T* residual,      \
           const float* __restrict__ bias, const float* __restrict__ gamma,                        \
           const float* __restrict__ beta, const uint64_t* keys, uint32_t threshold, float scale,  \
           float eps, T* sum, T* out, int rows, int width) {                                       \
        residual_norm<T>(real, y, residual, bias, gamma, beta, keys, threshold, scale, eps, sum,   \
                         out, rows, width);                                                        \
    }                                                                                              \
    KERNEL(norm_backward_##name, ROW_THREADS, const int* real, const T* dy, const T* sum,          \
           const float* __restrict__ gamma, const uint64_t* keys, uint32_t threshold, float scale, \
           float eps, T* dsum, T* ddrop, float* parts, int rows, int width) {                      \
        SHARED(shared);                                                                            \
        norm_backward<T>(real, dy, sum, gamma, keys, threshold, scale, eps, dsum, ddrop, parts,    \
                         reinterpret_cast<float*>(shared), rows, width);                           \
    }
NORM(f32, float)
NORM(bf16, bf16)
