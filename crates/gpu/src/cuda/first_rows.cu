// The first row of each segment: its [CLS] token. No segment is empty.
#include "norm.cuh"

// out[b] = x[offsets[b]]
template <class T>
__device__ __forceinline__ void gather_first(const Step* step, const int* offsets, const T* x,
                                             T* out, int batch, int width) {
    const int count = step->segments;
    for (int row = first_row(); row < batch; row += row_stride()) {
        T* to = out + size_t(row) * width;
        if (row < count) {
            store_row(to, load_row(x + size_t(offsets[row]) * width, width), width);
        } else {
            zero_row(to, width);
        }
    }
}

// dx[offsets[b]] += dfirst[b]
template <class T>
__device__ __forceinline__ void add_first(const Step* step, const int* offsets, const T* dfirst,
                                          T* dx, int batch, int width) {
    const int count = min(batch, step->segments);
    for (int row = first_row(); row < count; row += row_stride()) {
        T* to = dx + size_t(offsets[row]) * width;
        const Row<T> first = load_row(dfirst + size_t(row) * width, width);
        Row<T> sum = load_row(to, width);
#pragma unroll
        for (int s = 0; s < STRIPS; ++s) {
            if (lane_column(s) >= width) continue;
#pragma unroll
            for (int i = 0; i < EIGHT; ++i) {
                T& value = sum.strip[s].at[i];
                value = rounded<T>(to_float(value) + to_float(first.strip[s].at[i]));
            }
        }
        store_row(to, sum, width);
    }
}

#define FIRST_ROWS(name, T)                                                                        \
    KERNEL(gather_first_##name, ROW_THREADS, const Step* step, const int* offsets, const T* x,     \
           T* out, int batch, int width) {                                                         \
        gather_first<T>(step, offsets, x, out, batch, width);                                      \
    }                                                                                              \
    KERNEL(add_first_##name, ROW_THREADS, const Step* step, const int* offsets, const T* dfirst,   \
           T* dx, int batch, int width) {                                                          \
        add_first<T>(step, offsets, dfirst, dx, batch, width);                                     \
    }
FIRST_ROWS(f32, float)
FIRST_ROWS(bf16, bf16)
