// Attention in bf16 on tensor cores, forward. A warp takes 16 query rows; their scores with a tile of
// up to 128 keys stay in its registers. Segments of several tiles use the online softmax.
#pragma once
#include "attention_bf16.cuh"

struct ForwardBf16 {
    const Step* step;
    const int* offsets;
    const bf16* qkv; // (rows, 3 D)
    const float *bias_q, *bias_k, *bias_v; // (D)
    const uint64_t* keys;
    Drop drop;
    uint32_t* bits; // (rows, H, L/32)
    bf16* out;      // (rows, D)
    int rows, heads;
};

// The shared memory of the forward.
template <int C, int L> struct ForwardSharedBf16 {
    static constexpr int KEYS = least(L, 128);
    static constexpr int BLOCK_QUERIES = L > KEYS ? 16 * ATTENTION_WARPS : L; // that are there at once
    static constexpr int ROW = tile_stride<C>();
    bf16 *k, *v; // (KEYS, ROW)
    bf16* q;     // (BLOCK_QUERIES, ROW); each warp's rows become its results

    __device__ __forceinline__ explicit ForwardSharedBf16(unsigned char* memory) {
        k = reinterpret_cast<bf16*>(memory);
        v = k + KEYS * ROW;
        q = v + KEYS * ROW;
    }
};

// Sixteen query rows of one warp.
template <int C, int L> struct QueriesBf16 {
    static constexpr int KEYS = ForwardSharedBf16<C, L>::KEYS, TILES = KEYS / 8;
    const ForwardBf16& in;
    Segment segment;
    int head, lane, row; // the first query's row in the segment
    float top[2], total[2]; // of the rows lane / 4 and lane / 4 + 8
    uint64_t row_keys[2];
    Sums<C> y;

    __device__ __forceinline__ QueriesBf16(const ForwardBf16& in, Segment segment, int row)
        : in(in), segment(segment), head(blockIdx.y), lane(threadIdx.x % 32), row(row) {
        top[0] = top[1] = -INFINITY;
        total[0] = total[1] = 0.0f;
        row_keys[0] = row_keys[1] = 0;
        if (in.drop.threshold && row < segment.count)
#pragma unroll
            for (int half = 0; half < 2; ++half) row_keys[half] = in.keys[real_row(half)];
        y.clear();
    }

    // A row of this lane among all rows; the segment's last one in place of padding.
    __device__ __forceinline__ int real_row(int half) const {
        return segment.first + least(row + lane / 4 + 8 * half, segment.count - 1);
    }

    // Scores become probabilities times their totals, in units that the new maxima set.
    __device__ __forceinline__ void soften(float (&scores)[TILES][4], int keys) {
        float old[2] = {top[0], top[1]}, sum[2] = {0.0f, 0.0f};
#pragma unroll
        for (int n = 0; n < TILES; ++n) {
            if (n / 2 * 16 >= keys) continue;
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const bool real = n * 8 + lane % 4 * 2 + i % 2 < keys;
                scores[n][i] = real ? scores[n][i] * (score_scale<C>() * LOG2_E) : -INFINITY;
                top[i / 2] = fmaxf(top[i / 2], scores[n][i]);
            }
        }
        top[0] = row_max(top[0]);
        top[1] = row_max(top[1]);
#pragma unroll
        for (int n = 0; n < TILES; ++n) {
            if (n / 2 * 16 >= keys) continue;
#pragma unroll
            for (int i = 0; i < 4; ++i) sum[i / 2] += scores[n][i] = exp2f(scores[n][i] - top[i / 2]);
        }
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const float shrink = exp2f(old[half] - top[half]);
            total[half] = total[half] * shrink + row_sum(sum[half]);
            if constexpr (L > KEYS)
#pragma unroll
                for (int n = 0; n < C / 8; ++n)
                    y.at[n][2 * half] *= shrink, y.at[n][2 * half + 1] *= shrink;
        }
    }

    // Dropped probabilities become zeros, and the bits of the kept ones are written.
    __device__ __forceinline__ void drop(float (&shares)[TILES][4], int first_key, int keys) const {
        if (in.drop.threshold == 0) return;
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const bool real = row + lane / 4 + 8 * half < segment.count;
            const Mask mask(row_keys[half], in.drop.threshold, in.drop.scale);
            uint32_t* words = in.bits + (size_t(real_row(half)) * in.heads + head) * (L / 32) + first_key / 32;
#pragma unroll
            for (int j = 0; j < KEYS / 32; ++j) {
                if (j * 32 >= keys) continue;
                uint32_t word = 0;
#pragma unroll
                for (int n = 0; n < 4; ++n)
#pragma unroll
                    for (int i = 0; i < 2; ++i) {
                        const int key = n * 8 + lane % 4 * 2 + i;
                        if (mask.keeps(attention_element(head, first_key + j * 32 + key))) word |= 1u << key;
                        else shares[j * 4 + n][2 * half + i] = 0.0f;
                    }
                word |= __shfl_xor_sync(ALL_LANES, word, 1);
                word |= __shfl_xor_sync(ALL_LANES, word, 2);
                if (lane % 4 == j % 4 && real) words[j] = word;
            }
        }
    }

    __device__ __forceinline__ void add_tile(const LeftRows<C>& q, const bf16* k, const bf16* v, int first_key,
                                             int keys) {
        float scores[TILES][4];
#pragma unroll
        for (int n = 0; n < TILES / 2; ++n)
            if (n * 16 < keys)
                q.times_rows(scores[2 * n], scores[2 * n + 1], k + n * 16 * tile_stride<C>());
        soften(scores, keys);
        drop(scores, first_key, keys);
#pragma unroll
        for (int n = 0; n < TILES / 2; ++n)
            if (n * 16 < keys) {
                uint32_t shares[4];
                pack_left(shares, scores[2 * n], scores[2 * n + 1]);
                y.add(shares, v + n * 16 * tile_stride<C>());
            }
    }

    // Writes the results by way of `rows`, 16 rows of shared memory that this warp owns.
    __device__ __forceinline__ void write(bf16* rows) {
        constexpr int CHUNKS = C / EIGHT;
        const size_t width = size_t(in.heads) * C;
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const float factor = in.drop.scale / total[half];
#pragma unroll
            for (int n = 0; n < C / 8; ++n)
                y.at[n][2 * half] *= factor, y.at[n][2 * half + 1] *= factor;
        }
        __syncwarp();
        y.store_rows(rows, tile_stride<C>(), 16, 1.0f);
        __syncwarp();
        bf16* out = in.out + (segment.first + row) * width + head * C;
        for (int i = lane; i < least(segment.count - row, 16) * CHUNKS; i += 32)
            store(out + i / CHUNKS * width + i % CHUNKS * EIGHT,
                  load(rows + i / CHUNKS * tile_stride<C>() + i % CHUNKS * EIGHT));
        __syncwarp();
    }
};

template <int C, int L> struct ForwardBlockBf16 {
    using Shared = ForwardSharedBf16<C, L>;
    static constexpr int KEYS = Shared::KEYS, ROW = Shared::ROW;
    const ForwardBf16& in;
    Shared shared;
    Segment segment;

    // q, k or v (0, 1, 2) from row `row` of the segment on, to shared memory.
    __device__ __forceinline__ BiasedRows<bf16> rows(bf16* to, int which, int row) const {
        const size_t width = size_t(in.heads) * C;
        const float* bias = which == 0 ? in.bias_q : which == 1 ? in.bias_k : in.bias_v;
        const bf16* at = in.qkv + (segment.first + row) * 3 * width + which * width + blockIdx.y * C;
        return {to, Rows<bf16>{at, 3 * width, bias + blockIdx.y * C}, staged_column<C>()};
    }

    // All keys in one tile.
    __device__ __forceinline__ void run_short() const {
        stage<C>(ROW, segment.count, whole_tiles(segment.count), rows(shared.q, 0, 0), rows(shared.k, 1, 0),
                 rows(shared.v, 2, 0));
        __syncthreads();
        for (int row = threadIdx.x / 32 * 16; row < segment.count; row += 16 * ATTENTION_WARPS) {
            LeftRows<C> q;
            q.load(shared.q + row * ROW);
            QueriesBf16<C, L> warp(in, segment, row);
            warp.add_tile(q, shared.k, shared.v, 0, segment.count);
            warp.write(shared.q + row * ROW);
        }
    }

    // One tile of keys after the other, for each 64 queries.
    __device__ __forceinline__ void run_long() const {
        for (int base = 0; base < segment.count; base += Shared::BLOCK_QUERIES) {
            const int row = threadIdx.x / 32 * 16;
            const bool active = base + row < segment.count;
            __syncthreads(); // of the queries before
            const int queries = least(segment.count - base, Shared::BLOCK_QUERIES);
            stage<C>(ROW, queries, whole_tiles(queries), rows(shared.q, 0, base));
            __syncthreads();
            LeftRows<C> q;
            if (active) q.load(shared.q + row * ROW);
            QueriesBf16<C, L> warp(in, segment, base + row);
            for (int key = 0; key < segment.count; key += KEYS) {
                const int keys = least(segment.count - key, KEYS);
                if (key) __syncthreads(); // of the tile before
                stage<C>(ROW, keys, whole_tiles(keys), rows(shared.k, 1, key), rows(shared.v, 2, key));
                __syncthreads();
                if (active) warp.add_tile(q, shared.k, shared.v, key, keys);
            }
            if (active) warp.write(shared.q + row * ROW);
        }
    }
};

template <int C, int L>
__device__ __forceinline__ void attention_forward_bf16(const ForwardBf16& in, unsigned char* memory) {
    if (blockIdx.x == gridDim.x - 1) {
        zero_rows<C>(in.out + blockIdx.y * C, size_t(in.heads) * C, in.step->rows, in.rows);
        return;
    }
    const ForwardBlockBf16<C, L> block{in, ForwardSharedBf16<C, L>(memory), Segment(in.step, in.offsets)};
    if constexpr (L > ForwardSharedBf16<C, L>::KEYS) block.run_long();
    else block.run_short();
}

#define ATTENTION_FORWARD_BF16(C, L)                                                                           \
    KERNEL(attention_forward_bf16_h##C##_t##L, 128, const Step* step, const int* offsets, const bf16* qkv,     \
           const float* bias_q, const float* bias_k, const float* bias_v, const uint64_t* keys,                \
           uint32_t threshold, float scale, uint32_t* bits, bf16* out, int rows, int heads) {                  \
        SHARED(memory);                                                                                        \
        attention_forward_bf16<C, L>({step, offsets, qkv, bias_q, bias_k, bias_v, keys, {threshold, scale},    \
                                      bits, out, rows, heads},                                                 \
                                     memory);                                                                  \
    }
