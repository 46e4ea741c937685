// Attention in f32 by multiply-adds, forward. A warp takes four query rows, a lane a key.
//
// Up to KEYS keys lie in shared memory at once. A longer segment has several such tiles, with the
// online softmax: `out` keeps the sums over the tiles so far, shared memory their maxima and totals.
#pragma once
#include "attention.cuh"

constexpr int QUERIES = 4;                            // query rows of a warp
constexpr int BLOCK_QUERIES = QUERIES * ATTENTION_WARPS; // query rows of a block at once

// How long a tile of keys is.
template <int L> __device__ __forceinline__ constexpr int tile_keys() { return least(L, 128); }

struct ForwardF32 {
    const Step* step;
    const int* offsets;
    const float* qkv; // (rows, 3 D)
    const float *bias_q, *bias_k, *bias_v; // (D)
    const uint64_t* keys;
    Drop drop;
    uint32_t* bits; // (rows, H, L/32)
    float* out;     // (rows, D)
    int rows, heads;
};

// dots[r] = rows[r] . tile[key + lane]; keys from `count` on repeat the last one.
template <int C>
__device__ __forceinline__ void dot_keys(const float* rows, int row_stride, const float* tile, int key, int count,
                                         float (&dots)[QUERIES]) {
    const float* at = tile + least(key + int(threadIdx.x % 32), count - 1) * (C + 4);
#pragma unroll
    for (int r = 0; r < QUERIES; ++r) dots[r] = 0.0f;
#pragma unroll
    for (int c = 0; c < C; c += 4) {
        const float4 k = *reinterpret_cast<const float4*>(at + c);
#pragma unroll
        for (int r = 0; r < QUERIES; ++r) {
            const float4 q = *reinterpret_cast<const float4*>(rows + r * row_stride + c);
            dots[r] += q.x * k.x + q.y * k.y + q.z * k.z + q.w * k.w;
        }
    }
}

// Scores of a lane's keys with a warp's queries, in units of log2; minus infinity from `count` keys on.
template <int C, int WORDS>
__device__ __forceinline__ void score_keys(const float* rows, int row_stride, const float* tile, int count,
                                           float (&scores)[QUERIES][WORDS]) {
#pragma unroll
    for (int j = 0; j < WORDS; ++j) {
        float dots[QUERIES] = {};
        if (j * 32 < count) dot_keys<C>(rows, row_stride, tile, j * 32, count, dots);
        const bool real = j * 32 + int(threadIdx.x % 32) < count;
#pragma unroll
        for (int r = 0; r < QUERIES; ++r)
            scores[r][j] = real ? dots[r] * (score_scale<C>() * LOG2_E) : -INFINITY;
    }
}

// The shared memory of the forward.
template <int C, int L> struct ForwardSharedF32 {
    static constexpr int KEYS = tile_keys<L>();
    float *k, *v;    // (KEYS, C + 4)
    float* q;        // (BLOCK_QUERIES, C)
    float* shares;   // (ATTENTION_WARPS, KEYS, QUERIES)
    float *tops, *totals; // (L): of each query over the tiles so far, where there are several tiles

    __device__ __forceinline__ explicit ForwardSharedF32(unsigned char* memory) {
        k = reinterpret_cast<float*>(memory);
        v = k + KEYS * (C + 4);
        q = v + KEYS * (C + 4);
        shares = q + BLOCK_QUERIES * C;
        tops = shares + ATTENTION_WARPS * KEYS * QUERIES;
        totals = tops + L;
    }
};

// Four query rows of one warp against one tile of keys.
template <int C, int L> struct QueriesF32 {
    static constexpr int KEYS = tile_keys<L>(), WORDS = KEYS / 32, COLUMNS = C / 32;
    const ForwardF32& in;
    const ForwardSharedF32<C, L>& shared;
    Segment segment;
    int head, row; // in the segment, of the first query
    int first_key, keys; // of the tile
    float shrink[QUERIES], total[QUERIES];

    // Scores become probabilities times their totals; the totals and the maxima are brought up to date.
    __device__ __forceinline__ void soften(float (&scores)[QUERIES][WORDS]) {
        const int lane = threadIdx.x % 32;
#pragma unroll
        for (int r = 0; r < QUERIES; ++r) {
            const bool follows = L > KEYS && first_key > 0;
            const float old = follows ? shared.tops[row + r] : -INFINITY;
            float top = -INFINITY;
#pragma unroll
            for (int j = 0; j < WORDS; ++j) top = fmaxf(top, scores[r][j]);
            top = fmaxf(warp_max(top), old);
            float sum = 0.0f;
#pragma unroll
            for (int j = 0; j < WORDS; ++j) sum += scores[r][j] = exp2f(scores[r][j] - top);
            total[r] = warp_sum(sum);
            shrink[r] = exp2f(old - top);
            if (follows) total[r] += shared.totals[row + r] * shrink[r];
            if (L > KEYS) {
                __syncwarp();
                if (lane == 0) {
                    shared.tops[row + r] = top;
                    shared.totals[row + r] = total[r];
                }
                __syncwarp();
            }
        }
    }

    // Dropped probabilities become zeros, and the bits of the kept ones are written.
    __device__ __forceinline__ void drop(float (&shares)[QUERIES][WORDS], const uint64_t (&row_keys)[QUERIES]) const {
        if (in.drop.threshold == 0) return;
        const int lane = threadIdx.x % 32;
#pragma unroll
        for (int r = 0; r < QUERIES; ++r) {
            const int query = segment.first + least(row + r, segment.count - 1);
            const Mask mask(row_keys[r], in.drop.threshold, in.drop.scale);
            uint32_t* words = in.bits + (size_t(query) * in.heads + head) * (L / 32) + first_key / 32;
#pragma unroll
            for (int j = 0; j < WORDS; ++j) {
                const bool kept = mask.keeps(attention_element(head, first_key + j * 32 + lane));
                if (!kept) shares[r][j] = 0.0f;
                const uint32_t word = lanes_where(kept);
                if (lane == 0 && row + r < segment.count) words[j] = word;
            }
        }
    }

    // y[r] = sum over keys of shares[r][key] v[key]; a lane has COLUMNS columns.
    __device__ __forceinline__ void weigh(const float (&shares)[QUERIES][WORDS], float (&y)[QUERIES][COLUMNS]) const {
        const int lane = threadIdx.x % 32;
        float4* mine = reinterpret_cast<float4*>(shared.shares) + threadIdx.x / 32 * KEYS;
#pragma unroll
        for (int j = 0; j < WORDS; ++j)
            mine[j * 32 + lane] = {shares[0][j], shares[1][j], shares[2][j], shares[3][j]};
        __syncwarp();
#pragma unroll
        for (int r = 0; r < QUERIES; ++r)
#pragma unroll
            for (int c = 0; c < COLUMNS; ++c) y[r][c] = 0.0f;
#pragma unroll 4
        for (int key = 0; key < keys; ++key) {
            const float4 p = mine[key];
#pragma unroll
            for (int c = 0; c < COLUMNS; ++c) {
                const float v = shared.v[key * (C + 4) + c * 32 + lane];
                y[0][c] += p.x * v;
                y[1][c] += p.y * v;
                y[2][c] += p.z * v;
                y[3][c] += p.w * v;
            }
        }
    }

    // Adds the sums over earlier tiles, and divides by the totals in the last one.
    __device__ __forceinline__ void write(float (&y)[QUERIES][COLUMNS]) const {
        const bool last = first_key + keys == segment.count;
#pragma unroll
        for (int r = 0; r < QUERIES; ++r) {
            if (row + r >= segment.count) continue;
            float* out = in.out + size_t(segment.first + row + r) * in.heads * C + head * C + threadIdx.x % 32;
#pragma unroll
            for (int c = 0; c < COLUMNS; ++c) {
                float value = y[r][c];
                if (L > KEYS && first_key > 0) value += out[c * 32] * shrink[r];
                out[c * 32] = last ? value * in.drop.scale / total[r] : value;
            }
        }
    }

    __device__ __forceinline__ void run() {
        float scores[QUERIES][WORDS], y[QUERIES][COLUMNS];
        uint64_t row_keys[QUERIES] = {}; // they arrive while the scores are computed
        if (in.drop.threshold)
#pragma unroll
            for (int r = 0; r < QUERIES; ++r)
                row_keys[r] = in.keys[segment.first + least(row + r, segment.count - 1)];
        const float* q = shared.q + threadIdx.x / 32 * QUERIES * C;
        score_keys<C>(q, C, shared.k, keys, scores);
        soften(scores);
        drop(scores, row_keys);
        weigh(scores, y);
        write(y);
    }
};

template <int C, int L>
__device__ __forceinline__ void attend_f32(const ForwardF32& in, unsigned char* memory) {
    constexpr int KEYS = tile_keys<L>();
    const ForwardSharedF32<C, L> shared(memory);
    const Segment segment(in.step, in.offsets);
    const int head = blockIdx.y, column = staged_column<C>();
    const size_t width = size_t(in.heads) * C;
    const float* at = in.qkv + segment.first * 3 * width + head * C;
    for (int first_key = 0; first_key < segment.count; first_key += KEYS) {
        const int keys = least(segment.count - first_key, KEYS);
        const float* tile = at + first_key * 3 * width;
        if (first_key) __syncthreads(); // of the tile before
        stage<C>(C + 4, keys, keys,
                 BiasedRows(shared.k, Rows<float>{tile + width, 3 * width, in.bias_k + head * C}, column),
                 BiasedRows(shared.v, Rows<float>{tile + 2 * width, 3 * width, in.bias_v + head * C}, column));
        for (int row = 0; row < segment.count; row += BLOCK_QUERIES) {
            const int queries = least(segment.count - row, BLOCK_QUERIES);
            if (row) __syncthreads(); // of the queries before
            stage<C>(C, queries, BLOCK_QUERIES,
                     BiasedRows(shared.q, Rows<float>{at + row * 3 * width, 3 * width, in.bias_q + head * C}, column));
            __syncthreads();
            const int mine = row + int(threadIdx.x / 32) * QUERIES;
            if (mine >= segment.count) continue;
            QueriesF32<C, L> warp{in, shared, segment, head, mine, first_key, keys, {}, {}};
            warp.run();
        }
    }
}

template <int C, int L>
__device__ __forceinline__ void attention_forward_f32(const ForwardF32& in, unsigned char* memory) {
    const size_t width = size_t(in.heads) * C;
    if (blockIdx.x == gridDim.x - 1)
        zero_rows<C>(in.out + blockIdx.y * C, width, in.step->rows, in.rows);
    else
        attend_f32<C, L>(in, memory);
}

#define ATTENTION_FORWARD_F32(C, L)                                                                            \
    KERNEL(attention_forward_f32_h##C##_t##L, 128, const Step* step, const int* offsets, const float* qkv,     \
           const float* bias_q, const float* bias_k, const float* bias_v, const uint64_t* keys,                \
           uint32_t threshold, float scale, uint32_t* bits, float* out, int rows, int heads) {                 \
        SHARED(memory);                                                                                        \
        attention_forward_f32<C, L>({step, offsets, qkv, bias_q, bias_k, bias_v, keys, {threshold, scale},     \
                                     bits, out, rows, heads},                                                  \
                                    memory);                                                                   \
    }
