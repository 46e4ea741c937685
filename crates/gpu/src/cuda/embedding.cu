// The embedding of tokens: rows of two tables, layer norm and dropout, and the tables' gradients.
#include "norm.cuh"

// sum = words[id] + places[position]; out = dropout(norm(sum)).
template <class T>
__device__ __forceinline__ void embedding_forward(
    const Step* step, const int* ids, const int* positions, const float* __restrict__ words,
    const float* __restrict__ places, const float* __restrict__ gamma,
    const float* __restrict__ beta, const uint64_t* keys, uint32_t threshold, float scale,
    float eps, float* sum, T* out, int rows, int width) {
    const int count = step->rows;
    for (int row = first_row(); row < rows; row += row_stride()) {
        const size_t start = size_t(row) * width;
        if (row >= count) {
            zero_row(sum + start, width);
            zero_row(out + start, width);
            continue;
        }
        const Mask mask = row_mask(keys, row, threshold, scale);
        Row<float> x = load_row(words + size_t(ids[row]) * width, width);
        const Row<float> place = load_row(places + size_t(positions[row]) * width, width);
#pragma unroll
        for (int s = 0; s < STRIPS; ++s) {
            if (lane_column(s) >= width) continue;
#pragma unroll
            for (int i = 0; i < EIGHT; ++i) x.strip[s].at[i] += place.strip[s].at[i];
        }
        store_row(sum + start, x, width);
        const Normal normal = normal_of(x, width, eps);
#pragma unroll
        for (int s = 0; s < STRIPS; ++s) {
            const int column = lane_column(s);
            if (column >= width) continue;
            Eight<float> value = normalised(x.strip[s], normal, gamma, beta, column);
            drop(value, mask, column);
            store(out + start + column, rounded_eight<T>(value));
        }
    }
}

// dsum is the gradient of the two rows' sum. Column sums: dgamma, dbeta.
template <class T>
__device__ __forceinline__ void embedding_backward(
    const Step* step, const T* dy, const float* sum, const float* __restrict__ gamma,
    const uint64_t* keys, uint32_t threshold, float scale, float eps, float* dsum, float* parts,
    float* shared, int rows, int width) {
    const int count = step->rows;
    ColumnSums<2> columns(shared, width);
    for (int row = first_row(); row < rows; row += row_stride()) {
        const size_t start = size_t(row) * width;
        if (row >= count) {
            zero_row(dsum + start, width);
            continue;
        }
        const Mask mask = row_mask(keys, row, threshold, scale);
        const Row<float> x = load_row(sum + start, width);
        const Row<T> kept = load_row(dy + start, width);
        Row<float> gradients;
#pragma unroll
        for (int s = 0; s < STRIPS; ++s) {
            const int column = lane_column(s);
            if (column >= width) continue;
#pragma unroll
            for (int i = 0; i < EIGHT; ++i) gradients.strip[s].at[i] = to_float(kept.strip[s].at[i]);
            drop(gradients.strip[s], mask, column);
        }
        const NormGradient gradient = norm_gradient<0>(x, gradients, gamma, eps, width, columns);
#pragma unroll
        for (int s = 0; s < STRIPS; ++s) {
            const int column = lane_column(s);
            if (column >= width) continue;
            Eight<float> dx = load(gamma + column);
#pragma unroll
            for (int i = 0; i < EIGHT; ++i) {
                dx.at[i] = gradient(x.strip[s].at[i], dx.at[i] * gradients.strip[s].at[i]);
            }
            store(dsum + start + column, dx);
        }
    }
    columns.write(parts);
}

#define EMBEDDING(name, T)                                                                         \
    KERNEL(embedding_forward_##name, ROW_THREADS, const Step* step, const int* ids,                \
           const int* positions, const float* __restrict__ words,                                  \
           const float* __restrict__ places, const float* __restrict__ gamma,                      \
           const float* __restrict__ beta, const uint64_t* keys, uint32_t threshold, float scale,  \
           float eps, float* sum, T* out, int rows, int width) {                                   \
        embedding_forward<T>(step, ids, positions, words, places, gamma, beta, keys, threshold,    \
                             scale, eps, sum, out, rows, width);                                   \
    }                                                                                              \
    KERNEL(embedding_backward_##name, ROW_THREADS, const Step* step, const T* dy,                  \
           const float* sum, const float* __restrict__ gamma, const uint64_t* keys,                \
           uint32_t threshold, float scale, float eps, float* dsum, float* parts, int rows,        \
           int width) {                                                                            \
        SHARED(shared);                                                                            \
        embedding_backward<T>(step, dy, sum, gamma, keys, threshold, scale, eps, dsum, parts,      \
                              reinterpret_cast<float*>(shared), rows, width);                      \
    }
EMBEDDING(f32, float)
EMBEDDING(bf16, bf16)

// Two columns of some rows, which are added one after the other.
struct RowSum {
    const float* from; // the first row, from the thread's columns on
    int width;
    float2 sum;

    // Adds COUNT rows, whose loads are in flight together; a row below 0 is left out.
    template <int COUNT> __device__ __forceinline__ void add(const int (&rows)[COUNT]) {
        float2 values[COUNT];
#pragma unroll
        for (int i = 0; i < COUNT; ++i) {
            values[i] = {0.0f, 0.0f}; // adds nothing: a sum that starts with 0 is never -0
            if (rows[i] >= 0) {
                values[i] = *reinterpret_cast<const float2*>(from + size_t(rows[i]) * width);
            }
        }
#pragma unroll
        for (int i = 0; i < COUNT; ++i) {
            sum.x += values[i].x;
            sum.y += values[i].y;
        }
    }

    // Adds the rows that `row_of` names for first, first + 1, ..., end - 1.
    template <class RowOf> __device__ __forceinline__ void add_all(RowOf row_of, int first, int end) {
        for (; end - first >= 32; first += 32) add_next<32>(row_of, first, end);
        for (; first < end; first += 8) add_next<8>(row_of, first, end);
    }

    template <int COUNT, class RowOf>
    __device__ __forceinline__ void add_next(RowOf row_of, int first, int end) {
        int rows[COUNT];
#pragma unroll
        for (int i = 0; i < COUNT; ++i) rows[i] = first + i < end ? row_of(first + i) : -1;
        add(rows);
    }

    __device__ __forceinline__ void write(float* to, bool adds) const {
        float2& there = *reinterpret_cast<float2*>(to);
        there = adds ? float2{there.x + sum.x, there.y + sum.y} : sum;
    }
};

// The rows of one word.
struct WordRows {
    const int* places;

    __device__ __forceinline__ int operator()(int i) const { return places[i]; }
};

// The rows of one position: none in a segment that ends before it.
struct PlaceRows {
    const int* offsets;
    int place;

    __device__ __forceinline__ int operator()(int segment) const {
        const int row = offsets[segment] + place;
        return row < offsets[segment + 1] ? row : -1;
    }
};

// The columns of a thread, two at a time: any number of blocks in y shares them out.
__device__ __forceinline__ int first_pair() {
    return (int(blockIdx.y) * ROW_THREADS + int(threadIdx.x)) * 2;
}

__device__ __forceinline__ int pair_stride() { return int(gridDim.y) * ROW_THREADS * 2; }

KERNEL(word_gradient, ROW_THREADS, const Step* step, const int* starts,
       const int* __restrict__ places, const float* __restrict__ dsum, float* out, int add,
       int width) {
    const int word = blockIdx.x;
    if (word >= step->words) return;
    const int first = starts[word], end = starts[word + 1];
    for (int column = first_pair(); column < width; column += pair_stride()) {
        RowSum sum{dsum + column, width, {0.0f, 0.0f}};
        sum.add_all(WordRows{places}, first, end);
        sum.write(out + size_t(word) * width + column, add);
    }
}

KERNEL(place_gradient, ROW_THREADS, const Step* step, const int* __restrict__ offsets,
       const float* __restrict__ dsum, float* out, int add, int width) {
    const int place = blockIdx.x;
    const int segments = step->segments;
    for (int column = first_pair(); column < width; column += pair_stride()) {
        RowSum sum{dsum + column, width, {0.0f, 0.0f}};
        sum.add_all(PlaceRows{offsets, place}, 0, segments);
        sum.write(out + size_t(place) * width + column, add);
    }
}
