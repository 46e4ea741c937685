// What the backward of attention in f32 reads, its shared memory, and who owns which gradients.
#pragma once
#include "attention_f32_forward.cuh"

// How long a tile of keys is: its dk and dv are in registers.
template <int C, int L> __device__ __forceinline__ constexpr int backward_keys() { return least(L, C == 64 ? 64 : 128); }

struct BackwardF32 {
    const Step* step;
    const int* offsets;
    const float* qkv; // (rows, 3 D)
    const float *bias_q, *bias_k, *bias_v; // (D)
    const uint32_t* bits; // (rows, H, L/32)
    Drop drop;
    const float *y, *dy; // (rows, D)
    float* dqkv;         // (rows, 3 D)
    float* parts;        // (segments, 3 D)
    int rows, heads;
};

// The shared memory of the backward.
template <int C, int L> struct BackwardSharedF32 {
    static constexpr int KEYS = backward_keys<C, L>();
    static constexpr int ROW = C + 4, SHARES = KEYS + 4;
    float *k, *v;   // (KEYS, ROW)
    float *q, *dy;  // (BLOCK_QUERIES, ROW)
    float *p, *ds;  // (BLOCK_QUERIES, SHARES); at last, sums of columns
    float* dots;    // (BLOCK_QUERIES): dy . y
    uint32_t* bits; // (BLOCK_QUERIES, KEYS / 32)
    float* dq_sums; // (ATTENTION_WARPS, C): sums of the columns of dq
    float* normal;  // (L): log2 of the softmax's divisor, where there are several tiles

    __device__ __forceinline__ explicit BackwardSharedF32(unsigned char* memory) {
        k = reinterpret_cast<float*>(memory);
        v = k + KEYS * ROW;
        q = v + KEYS * ROW;
        dy = q + BLOCK_QUERIES * ROW;
        p = dy + BLOCK_QUERIES * ROW;
        ds = p + BLOCK_QUERIES * SHARES;
        dots = ds + BLOCK_QUERIES * SHARES;
        bits = reinterpret_cast<uint32_t*>(dots + BLOCK_QUERIES);
        dq_sums = dots + BLOCK_QUERIES + BLOCK_QUERIES * KEYS / 32;
        normal = dq_sums + ATTENTION_WARPS * C;
    }
};

// COUNT values that lie side by side; COUNT is 2 or a multiple of 4, and `from` of as many floats.
template <int COUNT> __device__ __forceinline__ void load_shared(float (&to)[COUNT], const float* from) {
    if constexpr (COUNT == 2) {
        const float2 two = *reinterpret_cast<const float2*>(from);
        to[0] = two.x, to[1] = two.y;
    } else {
#pragma unroll
        for (int i = 0; i < COUNT; i += 4) {
            const float4 four = *reinterpret_cast<const float4*>(from + i);
            to[i] = four.x, to[i + 1] = four.y, to[i + 2] = four.z, to[i + 3] = four.w;
        }
    }
}

// Which keys and columns of dk and dv a thread owns: KEYS x C values in 128 equal rectangles.
template <int C, int L> struct Owned {
    static constexpr int KEYS = backward_keys<C, L>();
    static constexpr int COLUMNS = KEYS * C >= 64 * 64 ? 8 : 4; // columns, four side by side
    static constexpr int GROUPS = C / COLUMNS;                  // of columns
    static constexpr int ROWS = KEYS * C / (ATTENTION_THREADS * COLUMNS); // keys, side by side
    static constexpr int KEY_GROUPS = KEYS / ROWS;

    __device__ __forceinline__ static int key_group() { return threadIdx.x / GROUPS; }
    __device__ __forceinline__ static int key() { return key_group() * ROWS; }
    // Where the four columns number `four` begin.
    __device__ __forceinline__ static int column(int four) { return threadIdx.x % GROUPS * 4 + four * GROUPS * 4; }
};
