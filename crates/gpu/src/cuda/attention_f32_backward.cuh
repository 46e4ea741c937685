// Attention in f32 by multiply-adds, backward.
//
// For each tile of keys and each 16 queries: warps compute probabilities p and gradients ds (4 queries a
// warp, a lane a key) and dq; then all threads add to dk and dv, which stay in their registers.
// Segments of several tiles know the normalisers of their softmax from a pass before, and dq is summed
// over the tiles in device memory.
#pragma once
#include "attention_f32_tile.cuh"

template <int C, int L> struct BackwardBlockF32 {
    using Own = Owned<C, L>;
    using Shared = BackwardSharedF32<C, L>;
    static constexpr int KEYS = backward_keys<C, L>(), WORDS = KEYS / 32, COLUMNS = C / 32;
    static constexpr int ROW = Shared::ROW, SHARES = Shared::SHARES;
    const BackwardF32& in;
    Shared shared;
    Segment segment;
    size_t width; // D
    int head, lane, warp;
    int first_key, keys; // of the tile
    float key_sums; // of one column of dk or dv: thread t < 2 C

    __device__ __forceinline__ BackwardBlockF32(const BackwardF32& in, unsigned char* memory)
        : in(in), shared(memory), segment(in.step, in.offsets), width(size_t(in.heads) * C), head(blockIdx.y),
          lane(threadIdx.x % 32), warp(threadIdx.x / 32), first_key(0), keys(0), key_sums(0.0f) {
#pragma unroll
        for (int c = 0; c < COLUMNS; ++c) shared.dq_sums[warp * C + c * 32 + lane] = 0.0f;
    }

    // q, k or v (0, 1, 2) from row `row` of the segment on.
    __device__ __forceinline__ Rows<float> rows(int which, int row) const {
        const float* bias = which == 0 ? in.bias_q : which == 1 ? in.bias_k : in.bias_v;
        return {in.qkv + (segment.first + row) * 3 * width + which * width + head * C, 3 * width, bias + head * C};
    }

    __device__ __forceinline__ void open_tile(int first, bool with_v) {
        first_key = first;
        keys = least(segment.count - first, KEYS);
        __syncthreads(); // of the tile before
        const int padded = (keys + 3) / 4 * 4, column = staged_column<C>(); // `query_gradients` takes four
        if (with_v)
            stage<C>(ROW, keys, padded, BiasedRows(shared.k, rows(1, first), column),
                     BiasedRows(shared.v, rows(2, first), column));
        else
            stage<C>(ROW, keys, padded, BiasedRows(shared.k, rows(1, first), column));
    }

    // Scores of this warp's queries.
    __device__ __forceinline__ void score(float (&scores)[QUERIES][WORDS]) const {
        score_keys<C>(shared.q + warp * QUERIES * ROW, ROW, shared.k, keys, scores);
    }

    // log2 of the sum of 2^score over a query's keys of this tile.
    __device__ __forceinline__ static float normaliser(const float (&scores)[WORDS]) {
        float top = scores[0], sum = 0.0f;
#pragma unroll
        for (int j = 1; j < WORDS; ++j) top = fmaxf(top, scores[j]);
        top = warp_max(top);
#pragma unroll
        for (int j = 0; j < WORDS; ++j) sum += exp2f(scores[j] - top);
        return top + log2f(warp_sum(sum));
    }

    // The normalisers of all queries over all tiles.
    __device__ __forceinline__ void normalise() {
        for (int first = 0; first < segment.count; first += KEYS) {
            open_tile(first, false);
            for (int row = 0; row < segment.count; row += BLOCK_QUERIES) {
                __syncthreads(); // of the queries before
                stage<C>(ROW, least(segment.count - row, BLOCK_QUERIES), BLOCK_QUERIES,
                         BiasedRows(shared.q, rows(0, row), staged_column<C>()));
                __syncthreads();
                float scores[QUERIES][WORDS];
                score(scores);
#pragma unroll
                for (int r = 0; r < QUERIES; ++r) {
                    float* normal = shared.normal + row + warp * QUERIES + r;
                    const float more = normaliser(scores[r]);
                    const float old = first ? *normal : -INFINITY, top = fmaxf(old, more);
                    __syncwarp();
                    if (lane == 0) *normal = top + log2f(exp2f(old - top) + exp2f(more - top));
                    __syncwarp();
                }
            }
        }
    }

    // Which probabilities of the queries at hand are kept: a word of bits that thread t < queries x WORDS
    // puts into shared memory. All of padding, and where nothing is dropped.
    __device__ __forceinline__ uint32_t read_bits(int row) const {
        const int query = row + int(threadIdx.x) / WORDS, word = threadIdx.x % WORDS;
        const bool read = in.drop.threshold && threadIdx.x < BLOCK_QUERIES * WORDS && query < segment.count &&
                          word * 32 < keys;
        if (!read) return ALL_KEPT;
        return in.bits[(size_t(segment.first + query) * in.heads + head) * (L / 32) + first_key / 32 + word];
    }

    // Scores become probabilities times their factors, and gradients, in shared memory.
    __device__ __forceinline__ void gradients(int row, float (&scores)[QUERIES][WORDS]) {
#pragma unroll
        for (int r = 0; r < QUERIES; ++r) {
            const int query = row + warp * QUERIES + r;
            const float normal = L > KEYS ? shared.normal[query] : normaliser(scores[r]);
#pragma unroll
            for (int j = 0; j < WORDS; ++j)
                scores[r][j] = query < segment.count ? exp2f(scores[r][j] - normal) : 0.0f;
        }
#pragma unroll
        for (int j = 0; j < WORDS; ++j) {
            float products[QUERIES] = {};
            if (j * 32 < keys)
                dot_keys<C>(shared.dy + warp * QUERIES * ROW, ROW, shared.v, j * 32, keys, products);
#pragma unroll
            for (int r = 0; r < QUERIES; ++r) {
                const int mine = warp * QUERIES + r, at = mine * SHARES + j * 32 + lane;
                const float factor = shared.bits[mine * WORDS + j] >> lane & 1 ? in.drop.scale : 0.0f;
                shared.p[at] = scores[r][j] * factor;
                shared.ds[at] = scores[r][j] * (products[r] * factor - shared.dots[mine]) * score_scale<C>();
            }
        }
        __syncwarp();
    }

    // dq = ds k for this warp's queries; a lane has COLUMNS columns.
    __device__ __forceinline__ void query_gradients(int row) {
        float dq[QUERIES][COLUMNS] = {};
        const float* ds = shared.ds + warp * QUERIES * SHARES;
#pragma unroll 1
        for (int key = 0; key < keys; key += 4) {
            float four[QUERIES][4];
#pragma unroll
            for (int r = 0; r < QUERIES; ++r) load_shared<4>(four[r], ds + r * SHARES + key);
#pragma unroll
            for (int i = 0; i < 4; ++i)
#pragma unroll
                for (int c = 0; c < COLUMNS; ++c) {
                    const float k = shared.k[(key + i) * ROW + c * 32 + lane];
#pragma unroll
                    for (int r = 0; r < QUERIES; ++r) dq[r][c] += four[r][i] * k;
                }
        }
        const bool last = first_key + keys == segment.count;
#pragma unroll
        for (int r = 0; r < QUERIES; ++r) {
            const int query = row + warp * QUERIES + r;
            if (query >= segment.count) continue;
            float* out = in.dqkv + (segment.first + query) * 3 * width + head * C + lane;
#pragma unroll
            for (int c = 0; c < COLUMNS; ++c) {
                if (L > KEYS && first_key > 0) dq[r][c] += out[c * 32];
                out[c * 32] = dq[r][c];
                if (last) shared.dq_sums[warp * C + c * 32 + lane] += dq[r][c];
            }
        }
    }

    // dk += ds' q and dv += p' dy over the queries at hand.
    __device__ __forceinline__ void key_gradients(int queries, float (&dk)[Own::ROWS][Own::COLUMNS],
                                               float (&dv)[Own::ROWS][Own::COLUMNS]) const {
        if (Own::key() >= keys) return;
#pragma unroll 1
        for (int i = 0; i < queries; ++i) {
            float p[Own::ROWS], ds[Own::ROWS];
            load_shared<Own::ROWS>(p, shared.p + i * SHARES + Own::key());
            load_shared<Own::ROWS>(ds, shared.ds + i * SHARES + Own::key());
#pragma unroll
            for (int four = 0; four < Own::COLUMNS / 4; ++four) {
                const float4 q = *reinterpret_cast<const float4*>(shared.q + i * ROW + Own::column(four));
                const float4 dy = *reinterpret_cast<const float4*>(shared.dy + i * ROW + Own::column(four));
#pragma unroll
                for (int r = 0; r < Own::ROWS; ++r) {
                    float *k = dk[r] + four * 4, *v = dv[r] + four * 4;
                    k[0] += ds[r] * q.x, k[1] += ds[r] * q.y, k[2] += ds[r] * q.z, k[3] += ds[r] * q.w;
                    v[0] += p[r] * dy.x, v[1] += p[r] * dy.y, v[2] += p[r] * dy.z, v[3] += p[r] * dy.w;
                }
            }
        }
    }

    // Writes dk (which = 1) or dv (2) of the tile, and its sums of columns to `sums` (KEY_GROUPS, C).
    __device__ __forceinline__ void write_keys(int which, const float (&values)[Own::ROWS][Own::COLUMNS],
                                               float* sums) const {
#pragma unroll
        for (int four = 0; four < Own::COLUMNS / 4; ++four) {
            float4 sum = {0.0f, 0.0f, 0.0f, 0.0f};
#pragma unroll
            for (int r = 0; r < Own::ROWS; ++r) {
                if (Own::key() + r >= keys) continue;
                const float* at = values[r] + four * 4;
                const size_t row = segment.first + first_key + Own::key() + r;
                float* out = in.dqkv + row * 3 * width + which * width + head * C + Own::column(four);
                *reinterpret_cast<float4*>(out) = {at[0], at[1], at[2], at[3]};
                sum.x += at[0], sum.y += at[1], sum.z += at[2], sum.w += at[3];
            }
            *reinterpret_cast<float4*>(sums + Own::key_group() * C + Own::column(four)) = sum;
        }
    }

    __device__ __forceinline__ void run_tile() {
        float dk[Own::ROWS][Own::COLUMNS] = {}, dv[Own::ROWS][Own::COLUMNS] = {};
        for (int row = 0; row < segment.count; row += BLOCK_QUERIES) {
            const int queries = least(segment.count - row, BLOCK_QUERIES);
            const size_t out = (segment.first + row) * width + head * C;
            if (row) __syncthreads(); // of the queries before
            const uint32_t word = read_bits(row);
            stage<C>(ROW, queries, BLOCK_QUERIES, BiasedRows(shared.q, rows(0, row), staged_column<C>()),
                     GradientRows<C, float>(shared.dy, Rows<float>{in.dy + out, width, nullptr}, in.y + out, shared.dots, 1));
            if (threadIdx.x < BLOCK_QUERIES * WORDS) shared.bits[threadIdx.x] = word;
            __syncthreads();
            float scores[QUERIES][WORDS];
            score(scores);
            gradients(row, scores);
            query_gradients(row);
            __syncthreads();
            key_gradients(queries, dk, dv);
        }
        __syncthreads();
        write_keys(1, dk, shared.p);
        write_keys(2, dv, shared.ds);
        __syncthreads();
        const float* sums = threadIdx.x < C ? shared.p : shared.ds;
        if (threadIdx.x < 2 * C)
            for (int group = 0; group < Own::KEY_GROUPS; ++group) key_sums += sums[group * C + threadIdx.x % C];
    }

    // The sums of all columns of this head's dqkv over the segment.
    __device__ __forceinline__ void write_parts() const {
        float* parts = in.parts + blockIdx.x * 3 * width + head * C;
        __syncthreads();
        if (threadIdx.x < C) {
            float sum = 0.0f;
            for (int i = 0; i < ATTENTION_WARPS; ++i) sum += shared.dq_sums[i * C + threadIdx.x];
            parts[threadIdx.x] = sum;
        }
        if (threadIdx.x < 2 * C) parts[(1 + threadIdx.x / C) * width + threadIdx.x % C] = key_sums;
    }

    __device__ __forceinline__ void run() {
        if (L > KEYS) normalise();
        for (int first = 0; first < segment.count; first += KEYS) {
            open_tile(first, true);
            run_tile();
        }
        write_parts();
    }
};

template <int C, int L>
__device__ __forceinline__ void attention_backward_f32(const BackwardF32& in, unsigned char* memory) {
    BackwardBlockF32<C, L>(in, memory).run();
}

#define ATTENTION_BACKWARD_F32(C, L)                                                                           \
    KERNEL(attention_backward_f32_h##C##_t##L, 128, const Step* step, const int* offsets, const float* qkv,    \
           const float* bias_q, const float* bias_k, const float* bias_v, const uint32_t* bits,                \
           uint32_t threshold, float scale, const float* y, const float* dy, float* dqkv, float* parts,        \
           int rows, int heads) {                                                                              \
        SHARED(memory);                                                                                        \
        if (blockIdx.x == gridDim.x - 1) zero_gradients<C>(step, dqkv, rows, heads);                              \
        else                                                                                                   \
            attention_backward_f32<C, L>({step, offsets, qkv, bias_q, bias_k, bias_v, bits,                    \
                                          {threshold, scale}, y, dy, dqkv, parts, rows, heads},                \
                                         memory);                                                              \
    }
