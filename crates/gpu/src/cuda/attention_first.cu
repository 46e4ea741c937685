// Attention of one query a segment, the first token of the last block. Up to 512 keys.
//
// C / 8 lanes read a row of keys together, eight columns each, so a block reads 16 or 32 rows at once.
#include "attention.cuh"

constexpr int LONGEST = 512;

// One head of one segment. The rows of `kv` (rows, 2 D) are k and v side by side.
template <int C, class T> struct First {
    static constexpr int CHUNKS = C / EIGHT;                 // lanes of a row
    static constexpr int STEP = ATTENTION_THREADS / CHUNKS;  // rows of a block at once
    Segment segment;
    int head, column;    // this lane's first
    size_t width;        // D
    const T *k, *v;      // row 0 of the segment, this lane's columns
    Eight<float> q, bias_k, bias_v;
    float *scores, *more; // (LONGEST) each
    float* sums;          // (warps, C)

    __device__ __forceinline__ First(const Step* step, const int* offsets, const T* q, const T* kv,
                                     const float* bias_q, const float* bias_k, const float* bias_v, int heads,
                                     unsigned char* memory)
        : segment(step, offsets), head(blockIdx.y), column(head * C + threadIdx.x % CHUNKS * EIGHT),
          width(size_t(heads) * C), k(kv + segment.first * 2 * width + column), v(k + width),
          q(zero_eight()), bias_k(load(bias_k + column)), bias_v(load(bias_v + column)),
          scores(reinterpret_cast<float*>(memory)), more(scores + LONGEST), sums(more + LONGEST) {
        if (segment.count) this->q = load_biased(q + blockIdx.x * width + column, load(bias_q + column));
    }

    __device__ __forceinline__ int row() const { return threadIdx.x / CHUNKS; }
    __device__ __forceinline__ bool leads() const { return threadIdx.x % CHUNKS == 0; }

    // The sum over the lanes of a row of products, column by column.
    __device__ __forceinline__ static float dot(const Eight<float>& a, const Eight<float>& b) {
        float sum = 0.0f;
#pragma unroll
        for (int i = 0; i < EIGHT; ++i) sum += a.at[i] * b.at[i];
#pragma unroll
        for (int lanes = CHUNKS / 2; lanes; lanes >>= 1) sum += __shfl_xor_sync(ALL_LANES, sum, lanes);
        return sum;
    }

    // to[key] = row key of `matrix`, biased, times `with`. All lanes go round equally often.
    __device__ __forceinline__ void products(const T* matrix, const Eight<float>& bias, const Eight<float>& with,
                                             float factor, float* to) const {
        for (int base = 0; base < segment.count; base += STEP) {
            const int key = base + row();
            const Eight<float> values =
                key < segment.count ? load_biased(matrix + key * 2 * width, bias) : zero_eight();
            const float sum = dot(values, with);
            if (leads() && key < segment.count) to[key] = sum * factor;
        }
    }

    __device__ __forceinline__ Mask mask(const uint64_t* keys, Drop drop) const {
        const bool read = drop.threshold && segment.count;
        return Mask(read ? keys[blockIdx.x] : 0, drop.threshold, drop.scale);
    }

    // log2 of the sum of 2^score; each warp computes the same bits.
    __device__ __forceinline__ float normaliser() const {
        float top = -INFINITY, sum = 0.0f;
        for (int key = threadIdx.x % 32; key < segment.count; key += 32) top = fmaxf(top, scores[key]);
        top = warp_max(top);
        for (int key = threadIdx.x % 32; key < segment.count; key += 32) sum += exp2f(scores[key] - top);
        return top + log2f(warp_sum(sum));
    }

    // Sums of eight columns over all rows of the block, to the lanes of the first row.
    __device__ __forceinline__ Eight<float> over_rows(Eight<float> values) const {
#pragma unroll
        for (int i = 0; i < EIGHT; ++i)
#pragma unroll
            for (int lanes = 16; lanes >= CHUNKS; lanes >>= 1)
                values.at[i] += __shfl_xor_sync(ALL_LANES, values.at[i], lanes);
        const int lane = threadIdx.x % 32;
        if (lane < CHUNKS) store(sums + threadIdx.x / 32 * C + lane * EIGHT, values);
        __syncthreads();
        Eight<float> total = zero_eight();
        if (threadIdx.x < CHUNKS)
            for (int warp = 0; warp < ATTENTION_WARPS; ++warp) {
                const Eight<float> more = load(sums + warp * C + lane * EIGHT);
#pragma unroll
                for (int i = 0; i < EIGHT; ++i) total.at[i] += more.at[i];
            }
        return total;
    }
};

// values += factor x addend
__device__ __forceinline__ void add_times(Eight<float>& values, float factor, const Eight<float>& addend) {
#pragma unroll
    for (int i = 0; i < EIGHT; ++i) values.at[i] += factor * addend.at[i];
}

template <class T>
__device__ __forceinline__ void store_times(T* to, float factor, const Eight<float>& values) {
    Eight<float> scaled = zero_eight();
    add_times(scaled, factor, values);
    store(to, rounded_eight<T>(scaled));
}

template <int C, class T>
__device__ __forceinline__ void first_forward(const First<C, T>& of, const uint64_t* keys, Drop drop, T* out) {
    of.products(of.k, of.bias_k, of.q, score_scale<C>() * LOG2_E, of.scores);
    __syncthreads();
    const float normal = of.normaliser();
    const Mask mask = of.mask(keys, drop);
    Eight<float> sum = zero_eight();
    for (int key = of.row(); key < of.segment.count; key += First<C, T>::STEP) {
        const float share = exp2f(of.scores[key] - normal) * mask.factor(attention_element(of.head, key));
        add_times(sum, share, load_biased(of.v + key * 2 * of.width, of.bias_v));
    }
    sum = of.over_rows(sum);
    if (threadIdx.x < First<C, T>::CHUNKS) store(out + blockIdx.x * of.width + of.column, rounded_eight<T>(sum));
}

// What the backward writes.
template <class T> struct FirstGradients {
    T *dq, *dkv;  // (batch, D) and (rows, 2 D)
    float* parts; // (batch, 3 D)
};

template <int C, class T>
__device__ __forceinline__ void first_backward(const First<C, T>& of, const uint64_t* keys, Drop drop, const T* y,
                                               const T* dy, FirstGradients<T> into) {
    Eight<float> gradients = zero_eight(), values = zero_eight();
    if (of.segment.count) {
        gradients = load_biased(dy + blockIdx.x * of.width + of.column, zero_eight());
        values = load_biased(y + blockIdx.x * of.width + of.column, zero_eight());
    }
    of.products(of.k, of.bias_k, of.q, score_scale<C>() * LOG2_E, of.scores);
    of.products(of.v, of.bias_v, gradients, 1.0f, of.more);
    const float dots = of.dot(gradients, values);
    __syncthreads();
    const float normal = of.normaliser();
    const Mask mask = of.mask(keys, drop);
    Eight<float> dq = zero_eight(), dk = zero_eight(), dv = zero_eight();
    for (int key = of.row(); key < of.segment.count; key += First<C, T>::STEP) {
        const float p = exp2f(of.scores[key] - normal), factor = mask.factor(attention_element(of.head, key));
        const float gradient = p * (of.more[key] * factor - dots) * score_scale<C>();
        T* out = into.dkv + (of.segment.first + key) * 2 * of.width + of.column;
        store_times(out, gradient, of.q);
        store_times(out + of.width, p * factor, gradients);
        add_times(dq, gradient, load_biased(of.k + key * 2 * of.width, of.bias_k));
        add_times(dk, gradient, of.q);
        add_times(dv, p * factor, gradients);
    }
    float* parts = into.parts + blockIdx.x * 3 * of.width + of.column;
    const bool writes = threadIdx.x < First<C, T>::CHUNKS;
    dq = of.over_rows(dq);
    if (writes) {
        store(into.dq + blockIdx.x * of.width + of.column, rounded_eight<T>(dq));
        store(parts, dq);
    }
    __syncthreads();
    dk = of.over_rows(dk);
    if (writes) store(parts + of.width, dk);
    __syncthreads();
    dv = of.over_rows(dv);
    if (writes) store(parts + 2 * of.width, dv);
}

#define ATTENTION_FIRST(type, T, C)                                                                            \
    KERNEL(attention_first_forward_##type##_h##C, 128, const Step* step, const int* offsets, const T* q,       \
           const T* kv, const float* bias_q, const float* bias_k, const float* bias_v, const uint64_t* keys,   \
           uint32_t threshold, float scale, T* out, int batch, int heads) {                                    \
        SHARED(memory);                                                                                        \
        const First<C, T> of(step, offsets, q, kv, bias_q, bias_k, bias_v, heads, memory);                     \
        first_forward(of, keys, {threshold, scale}, out);                                                      \
    }                                                                                                          \
    KERNEL(attention_first_backward_##type##_h##C, 128, const Step* step, const int* offsets, const T* q,      \
           const T* kv, const float* bias_q, const float* bias_k, const float* bias_v, const uint64_t* keys,   \
           uint32_t threshold, float scale, const T* y, const T* dy, T* dq, T* dkv, float* parts, int rows,    \
           int batch, int heads) {                                                                             \
        SHARED(memory);                                                                                        \
        if (int(blockIdx.x) == batch) {                                                                        \
            T* head = dkv + blockIdx.y * C;                                                                    \
            zero_rows<C>(head, size_t(heads) * 2 * C, step->rows, rows);                                       \
            zero_rows<C>(head + size_t(heads) * C, size_t(heads) * 2 * C, step->rows, rows);                   \
        } else {                                                                                               \
            const First<C, T> of(step, offsets, q, kv, bias_q, bias_k, bias_v, heads, memory);                 \
            first_backward(of, keys, {threshold, scale}, y, dy, {dq, dkv, parts});                             \
        }                                                                                                      \
    }

ATTENTION_FIRST(f32, float, 32)
ATTENTION_FIRST(f32, float, 64)
ATTENTION_FIRST(bf16, bf16, 32)
ATTENTION_FIRST(bf16, bf16, 64)
