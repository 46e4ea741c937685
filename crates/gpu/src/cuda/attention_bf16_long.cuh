// The backward of attention in bf16 over segments of up to L > 128 rows, in tiles of 128 rows.
#pragma once
#include "attention_bf16_backward.cuh"

template <int C, int L> struct LongBf16 {
    static constexpr int ROW = tile_stride<C>(), TILE = 128, OWN = 16 * ATTENTION_WARPS;
    bf16 *left, *right; // (TILE, ROW): k and v, or q and dy
    bf16 *mine, *also;  // (OWN, ROW): q and dy, or k and v, 16 rows a warp
    HeadBf16<C, L> of;

    __device__ __forceinline__ LongBf16(const BackwardBf16& in, unsigned char* memory)
        : left(reinterpret_cast<bf16*>(memory)), right(left + TILE * ROW), mine(right + TILE * ROW),
          also(mine + OWN * ROW), of(in, reinterpret_cast<float*>(also + OWN * ROW),
             also + OWN * ROW + ATTENTION_WARPS * 3 * C * sizeof(float) / sizeof(bf16), nullptr) {}

    __device__ __forceinline__ int rows(int first, int most) const { return least(of.segment.count - first, most); }
    __device__ __forceinline__ int own() const { return threadIdx.x / 32 * 16; }

    // The normalisers of one warp's queries.
    __device__ __forceinline__ void normalise(QueryGradients<C, L>& warp, const LeftRows<C>& q, bool active) const {
        for (int key = 0; key < of.segment.count; key += TILE) {
            const int keys = rows(key, TILE);
            __syncthreads(); // of the tile before
            stage<C>(ROW, keys, whole_tiles(keys), of.rows(left, 1, key));
            __syncthreads();
            if (!active) continue;
            float scores[TILE / 8][4];
            warp.score(q, left, keys, scores);
            warp.soften(scores, keys);
        }
        if (active) warp.write_normal();
    }

    // dq of one warp's queries.
    __device__ __forceinline__ void add_keys(QueryGradients<C, L>& warp, const LeftRows<C>& q, const LeftRows<C>& dy,
                                             bool active) const {
        for (int first = 0; first < of.segment.count; first += TILE) {
            const int keys = rows(first, TILE);
            __syncthreads(); // of the tile before
            stage<C>(ROW, keys, whole_tiles(keys), of.rows(left, 1, first), of.rows(right, 2, first));
            __syncthreads();
            if (!active) continue;
            const float normal[2] = {of.facts(warp.query(0)).normal, of.facts(warp.query(1)).normal};
            for (int key = 0; key < keys; key += 16) {
                float shares[2][4];
                warp.score(q, left + key * ROW, keys - key, shares);
#pragma unroll
                for (int i = 0; i < 8; ++i) {
                    float& share = shares[i / 4][i % 4];
                    share = exp2f(share - normal[i % 4 / 2]);
                }
                warp.add(dy, left + key * ROW, right + key * ROW, first + key, shares[0], shares[1]);
            }
        }
    }

    __device__ __forceinline__ void run_queries(int first) const {
        const bool active = first + own() < of.segment.count;
        __syncthreads(); // of the queries before
        const int queries = rows(first, OWN);
        stage<C>(ROW, queries, whole_tiles(queries), of.rows(mine, 0, first), of.gradients_and_dots(also, first));
        __syncthreads();
        LeftRows<C> q, dy;
        if (active) {
            q.load(mine + own() * ROW);
            dy.load(also + own() * ROW);
        }
        QueryGradients<C, L> warp(of, first + own());
        normalise(warp, q, active);
        add_keys(warp, q, dy, active);
        if (active) warp.write();
    }

    __device__ __forceinline__ void run_keys(int first) const {
        const bool active = first + own() < of.segment.count;
        __syncthreads(); // of the keys before
        const int keys = rows(first, OWN);
        stage<C>(ROW, keys, whole_tiles(keys), of.rows(mine, 1, first), of.rows(also, 2, first));
        __syncthreads();
        KeyGradients<C, L> warp(of, first + own());
        if (active) {
            warp.k.load(mine + own() * ROW);
            warp.v.load(also + own() * ROW);
        }
        for (int base = 0; base < of.segment.count; base += TILE) {
            const int queries = rows(base, TILE);
            __syncthreads(); // of the tile before
            stage<C>(ROW, queries, whole_tiles(queries), of.rows(left, 0, base),
                     BiasedRows(right, of.gradients(base), staged_column<C>()));
            __syncthreads();
            if (!active) continue;
            for (int query = 0; query < queries; query += 16)
                warp.add(left + query * ROW, right + query * ROW, base + query);
        }
        if (active) warp.write();
    }
};

template <int C, int L>
__device__ __forceinline__ void attention_backward_long(const BackwardBf16& in, unsigned char* memory) {
    const LongBf16<C, L> block(in, memory);
    for (int first = 0; first < block.of.segment.count; first += LongBf16<C, L>::OWN) block.run_queries(first);
    for (int first = 0; first < block.of.segment.count; first += LongBf16<C, L>::OWN) block.run_keys(first);
    block.of.write_parts();
}
