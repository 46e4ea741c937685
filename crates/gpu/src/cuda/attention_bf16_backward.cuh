// Attention in bf16 on tensor cores, backward: first by queries, then by keys.
//
// By queries a warp computes the normalisers of its 16 queries' softmax and dq. By keys a warp computes
// the probabilities of its 16 keys again, transposed, so that they are left factors as they stand in
// registers, and dk and dv. No warp adds to another's sums.
#pragma once
#include "attention_bf16.cuh"

struct BackwardBf16 {
    const Step* step;
    const int* offsets;
    const bf16* qkv; // (rows, 3 D)
    const float *bias_q, *bias_k, *bias_v; // (D)
    const uint32_t* bits; // (rows, H, L/32)
    Drop drop;
    const bf16 *y, *dy; // (rows, D)
    bf16* dqkv;         // (rows, 3 D)
    float* parts;       // (segments, 3 D)
    int rows, heads;
};

// What a warp says of a query.
struct alignas(8) QueryFacts {
    float normal; // log2 of the softmax's divisor
    float dot;    // dy . y
};

// One head of one segment, and what its warps tell each other. Facts and bits of queries lie in the
// padding behind their rows where the segment is short, so that three blocks fit a multiprocessor.
template <int C, int L> struct HeadBf16 {
    static constexpr int ROW = tile_stride<C>();
    const BackwardBf16& in;
    Segment segment;
    int head;
    size_t width;   // D
    float* sums;      // (warps, 3, C): of columns of dq, dk, dv
    QueryFacts* all;  // of L queries
    uint32_t* words;  // of bits of L queries, where the segment is short

    static constexpr bool SHORT = L <= 128;
    static constexpr int STEP = SHORT ? ROW * sizeof(bf16) / sizeof(QueryFacts) : 1; // from facts to facts

    __device__ __forceinline__ HeadBf16(const BackwardBf16& in, float* sums, void* all, void* words)
        : in(in), segment(in.step, in.offsets), head(blockIdx.y), width(size_t(in.heads) * C), sums(sums),
          all(static_cast<QueryFacts*>(all)), words(static_cast<uint32_t*>(words)) {
        for (int i = threadIdx.x % 32; i < 3 * C; i += 32) own_sums(0)[i] = 0.0f;
        __syncwarp();
    }

    // This warp's sums of dq, dk or dv (0, 1, 2).
    __device__ __forceinline__ float* own_sums(int which) const {
        return sums + (threadIdx.x / 32 * 3 + which) * C;
    }

    // q, k or v (0, 1, 2) from row `row` of the segment on, to shared memory.
    __device__ __forceinline__ BiasedRows<bf16> rows(bf16* to, int which, int row) const {
        const float* bias = which == 0 ? in.bias_q : which == 1 ? in.bias_k : in.bias_v;
        const bf16* at = in.qkv + (segment.first + row) * 3 * width + which * width + head * C;
        return {to, Rows<bf16>{at, 3 * width, bias + head * C}, staged_column<C>()};
    }

    __device__ __forceinline__ Rows<bf16> gradients(int row) const {
        return {in.dy + (segment.first + row) * width + head * C, width, nullptr};
    }

    // dy, with `dots` of the rows.
    __device__ __forceinline__ GradientRows<C, bf16> gradients_and_dots(bf16* to, int row) const {
        return {to, gradients(row), in.y + (segment.first + row) * width + head * C, &facts(row).dot, 2 * STEP};
    }

    __device__ __forceinline__ QueryFacts& facts(int query) const { return all[query * STEP]; }

    // Where the bits of a query begin.
    __device__ __forceinline__ const uint32_t* bits(int query) const {
        return in.bits + (size_t(segment.first + query) * in.heads + head) * (L / 32);
    }

    // Copies all bits of a short segment to shared memory.
    __device__ __forceinline__ void stage_bits() const {
        static_assert(SHORT && L / 32 * sizeof(uint32_t) <= (ROW - C) * sizeof(bf16), "they fit the padding");
        if (in.drop.threshold)
            for (int i = threadIdx.x; i < segment.count * (L / 32); i += ATTENTION_THREADS)
                words[i / (L / 32) * (2 * STEP) + i % (L / 32)] = bits(i / (L / 32))[i % (L / 32)];
    }

    // The bits of 32 keys from `key` on, all of them where nothing is dropped or the query is padding.
    __device__ __forceinline__ uint32_t kept(int query, int key) const {
        if (in.drop.threshold == 0 || query >= segment.count) return ALL_KEPT;
        if constexpr (SHORT) return words[query * (2 * STEP) + key / 32];
        else return bits(query)[key / 32];
    }

    __device__ __forceinline__ float factor(uint32_t word, int key) const {
        return word >> (key % 32) & 1 ? in.drop.scale : 0.0f;
    }

    // Writes rows of dq, dk or dv (0, 1, 2) from row `row` of the segment on, and adds up their columns.
    __device__ __forceinline__ void write(const Sums<C>& gradients, int which, int row, float factor) const {
        bf16* to = in.dqkv + (segment.first + row) * 3 * width + which * width + head * C;
        gradients.store_rows(to, 3 * width, segment.count - row, factor);
        gradients.add_columns(own_sums(which), factor);
    }

    __device__ __forceinline__ void write_parts() const {
        __syncthreads();
        for (int i = threadIdx.x; i < 3 * C; i += ATTENTION_THREADS) {
            float sum = 0.0f;
            for (int warp = 0; warp < ATTENTION_WARPS; ++warp) sum += sums[warp * 3 * C + i];
            in.parts[(blockIdx.x * 3 + i / C) * width + head * C + i % C] = sum;
        }
    }
};

// Sixteen queries of one warp.
template <int C, int L> struct QueryGradients {
    static constexpr int ROW = tile_stride<C>();
    const HeadBf16<C, L>& of;
    int lane, row; // of the first query, in the segment
    float top[2], total[2]; // of the rows lane / 4 and lane / 4 + 8
    Sums<C> dq;

    __device__ __forceinline__ QueryGradients(const HeadBf16<C, L>& of, int row)
        : of(of), lane(threadIdx.x % 32), row(row) {
        top[0] = top[1] = -INFINITY;
        total[0] = total[1] = 0.0f;
        dq.clear();
    }

    __device__ __forceinline__ int query(int half) const { return row + lane / 4 + 8 * half; }

    // Scores of TILES x 8 keys, of which `keys` are real, in units of log2.
    template <int TILES>
    __device__ __forceinline__ void score(const LeftRows<C>& q, const bf16* k, int keys, float (&scores)[TILES][4]) const {
#pragma unroll
        for (int n = 0; n < TILES; n += 2) {
            if (n * 8 >= keys) continue;
            q.times_rows(scores[n], scores[n + 1], k + n * 8 * ROW);
#pragma unroll
            for (int i = 0; i < 8; ++i) {
                float& score = scores[n + i / 4][i % 4];
                const bool real = (n + i / 4) * 8 + lane % 4 * 2 + i % 2 < keys;
                score = real ? score * (score_scale<C>() * LOG2_E) : -INFINITY;
            }
        }
    }

    // Brings the maxima and totals up to date; the scores become 2^(score - top).
    template <int TILES> __device__ __forceinline__ void soften(float (&scores)[TILES][4], int keys) {
        const float old[2] = {top[0], top[1]};
#pragma unroll
        for (int n = 0; n < TILES; ++n)
            if (n / 2 * 16 < keys)
#pragma unroll
                for (int i = 0; i < 4; ++i) top[i / 2] = fmaxf(top[i / 2], scores[n][i]);
        top[0] = row_max(top[0]);
        top[1] = row_max(top[1]);
        float sum[2] = {0.0f, 0.0f};
#pragma unroll
        for (int n = 0; n < TILES; ++n)
            if (n / 2 * 16 < keys)
#pragma unroll
                for (int i = 0; i < 4; ++i) sum[i / 2] += scores[n][i] = exp2f(scores[n][i] - top[i / 2]);
#pragma unroll
        for (int half = 0; half < 2; ++half)
            total[half] = total[half] * exp2f(old[half] - top[half]) + row_sum(sum[half]);
    }

    __device__ __forceinline__ void write_normal() const {
#pragma unroll
        for (int half = 0; half < 2; ++half)
            if (lane % 4 == 0) of.facts(query(half)).normal = top[half] + log2f(total[half]);
        __syncwarp();
    }

    // dq += ds k for 16 keys from `key` on; `first` and `second` are their probabilities.
    __device__ __forceinline__ void add(const LeftRows<C>& dy, const bf16* k, const bf16* v, int key,
                                        const float (&first)[4], const float (&second)[4]) {
        float gradients[2][4];
        dy.times_rows(gradients[0], gradients[1], v);
        const uint32_t words[2] = {of.kept(query(0), key), of.kept(query(1), key)};
        const float dots[2] = {of.facts(query(0)).dot, of.facts(query(1)).dot};
#pragma unroll
        for (int i = 0; i < 8; ++i) {
            const float p = i < 4 ? first[i % 4] : second[i % 4];
            const int half = i % 4 / 2, column = i / 4 * 8 + lane % 4 * 2 + i % 2;
            float& gradient = gradients[i / 4][i % 4];
            gradient = p * (gradient * of.factor(words[half], key + column) - dots[half]);
        }
        uint32_t ds[4];
        pack_left(ds, gradients[0], gradients[1]);
        dq.add(ds, k);
    }

    __device__ __forceinline__ void write() const { of.write(dq, 0, row, score_scale<C>()); }
};

// Sixteen keys of one warp.
template <int C, int L> struct KeyGradients {
    static constexpr int ROW = tile_stride<C>();
    const HeadBf16<C, L>& of;
    int lane, row; // of the first key, in the segment
    LeftRows<C> k, v;
    Sums<C> dk, dv;

    __device__ __forceinline__ KeyGradients(const HeadBf16<C, L>& of, int row)
        : of(of), lane(threadIdx.x % 32), row(row) {
        dk.clear();
        dv.clear();
    }

    // Adds what 16 queries from `query` on say; `q` and `dy` are their rows. Those of padding are zeros.
    __device__ __forceinline__ void add(const bf16* q, const bf16* dy, int query) {
        float shares[2][4], gradients[2][4];
        k.times_rows(shares[0], shares[1], q);
        v.times_rows(gradients[0], gradients[1], dy);
#pragma unroll
        for (int n = 0; n < 2; ++n) {
            const int two = query + n * 8 + lane % 4 * 2;
            const QueryFacts facts[2] = {of.facts(two), of.facts(two + 1)};
            const uint32_t words[2] = {of.kept(two, row), of.kept(two + 1, row)};
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const int key = row + lane / 4 + i / 2 * 8;
                const float score = shares[n][i] * (score_scale<C>() * LOG2_E);
                const float p = key < of.segment.count ? exp2f(score - facts[i % 2].normal) : 0.0f;
                const float factor = of.factor(words[i % 2], key);
                gradients[n][i] = p * (gradients[n][i] * factor - facts[i % 2].dot);
                shares[n][i] = p * factor;
            }
        }
        uint32_t left[4];
        pack_left(left, shares[0], shares[1]);
        dv.add(left, dy);
        pack_left(left, gradients[0], gradients[1]);
        dk.add(left, q);
    }

    __device__ __forceinline__ void write() const {
        of.write(dk, 1, row, score_scale<C>());
        of.write(dv, 2, row, 1.0f);
    }
};

// The backward of a segment of at most L <= 128 rows: all of q, k, v and dy are in shared memory.
template <int C, int L>
__device__ __forceinline__ void attention_backward_short(const BackwardBf16& in, unsigned char* memory) {
    constexpr int ROW = tile_stride<C>(), STEP = 16 * ATTENTION_WARPS;
    bf16* q = reinterpret_cast<bf16*>(memory); // (L, ROW), and the next three
    bf16 *k = q + L * ROW, *v = k + L * ROW, *dy = v + L * ROW;
    const HeadBf16<C, L> of(in, reinterpret_cast<float*>(dy + L * ROW), q + C, dy + C);
    const int count = of.segment.count, begin = threadIdx.x / 32 * 16;
    of.stage_bits();
    stage<C>(ROW, count, whole_tiles(count), of.rows(q, 0, 0), of.rows(k, 1, 0), of.rows(v, 2, 0),
             of.gradients_and_dots(dy, 0));
    __syncthreads();
    for (int row = begin; row < count; row += STEP) {
        QueryGradients<C, L> warp(of, row);
        LeftRows<C> left;
        left.load(q + row * ROW);
        float shares[L / 8][4];
        warp.score(left, k, count, shares);
        warp.soften(shares, count);
        warp.write_normal();
        left.load(dy + row * ROW);
        const float inverse[2] = {1.0f / warp.total[0], 1.0f / warp.total[1]};
#pragma unroll
        for (int n = 0; n < L / 8; n += 2) {
            if (n * 8 >= count) continue;
#pragma unroll
            for (int i = 0; i < 8; ++i) shares[n + i / 4][i % 4] *= inverse[i % 4 / 2];
            warp.add(left, k + n * 8 * ROW, v + n * 8 * ROW, n * 8, shares[n], shares[n + 1]);
        }
        warp.write();
    }
    __syncthreads();
    for (int row = begin; row < count; row += STEP) {
        KeyGradients<C, L> warp(of, row);
        warp.k.load(k + row * ROW);
        warp.v.load(v + row * ROW);
        for (int query = 0; query < count; query += 16) warp.add(q + query * ROW, dy + query * ROW, query);
        warp.write();
    }
    of.write_parts();
}

#define ATTENTION_BACKWARD_BF16(C, L, backward)                                                                \
    KERNEL(attention_backward_bf16_h##C##_t##L, 128, const Step* step, const int* offsets, const bf16* qkv,    \
           const float* bias_q, const float* bias_k, const float* bias_v, const uint32_t* bits,                \
           uint32_t threshold, float scale, const bf16* y, const bf16* dy, bf16* dqkv, float* parts, int rows, \
           int heads) {                                                                                        \
        SHARED(memory);                                                                                        \
        if (blockIdx.x == gridDim.x - 1) zero_gradients<C>(step, dqkv, rows, heads);                              \
        else                                                                                                   \
            backward<C, L>({step, offsets, qkv, bias_q, bias_k, bias_v, bits, {threshold, scale}, y, dy, dqkv, \
                            parts, rows, heads},                                                               \
                           memory);                                                                            \
    }
