// What the tensor-core kernels of attention share: products of a warp's 16 rows with tiles.
#pragma once
#include "attention.cuh"
#include "mma.cuh"

// The stride of tiles (rows, C) in shared memory.
template <int C> __device__ __forceinline__ constexpr int tile_stride() { return C + 8; }

// The next multiple of 16.
__device__ __forceinline__ constexpr int whole_tiles(int rows) { return (rows + 15) / 16 * 16; }

// Sixteen rows of C columns as left factors.
template <int C> struct LeftRows {
    uint32_t at[C / 16][4];

    __device__ __forceinline__ void load(const bf16* rows) {
#pragma unroll
        for (int c = 0; c < C / 16; ++c) load_left(at[c], rows + c * 16, tile_stride<C>());
    }

    // (16,16) = these rows times 16 rows of `right`, transposed: two results (16,8).
    __device__ __forceinline__ void times_rows(float (&first)[4], float (&second)[4], const bf16* right) const {
#pragma unroll
        for (int i = 0; i < 4; ++i) first[i] = second[i] = 0.0f;
#pragma unroll
        for (int c = 0; c < C / 16; ++c) {
            uint32_t b[4];
            load_right_of_rows(b, right + c * 16, tile_stride<C>());
            mma(first, at[c], b, 0);
            mma(second, at[c], b, 2);
        }
    }
};

// Sums (16, C).
template <int C> struct Sums {
    float at[C / 8][4];

    __device__ __forceinline__ void clear() {
#pragma unroll
        for (int n = 0; n < C / 8; ++n)
#pragma unroll
            for (int i = 0; i < 4; ++i) at[n][i] = 0.0f;
    }

    // += left (16,16) times 16 rows of `right`.
    __device__ __forceinline__ void add(const uint32_t (&left)[4], const bf16* right) {
#pragma unroll
        for (int n = 0; n < C / 16; ++n) {
            uint32_t b[4];
            load_right(b, right + n * 16, tile_stride<C>());
            mma(at[2 * n], left, b, 0);
            mma(at[2 * n + 1], left, b, 2);
        }
    }

    // Stores rows below `count`, times a factor, to `to`, whose rows are `stride` values apart.
    __device__ __forceinline__ void store_rows(bf16* to, size_t stride, int count, float factor) const {
        const int lane = threadIdx.x % 32;
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            const int row = lane / 4 + 8 * half;
            if (row >= count) continue;
#pragma unroll
            for (int n = 0; n < C / 8; ++n)
                *reinterpret_cast<uint32_t*>(to + row * stride + n * 8 + lane % 4 * 2) =
                    packed(at[n][2 * half] * factor, at[n][2 * half + 1] * factor);
        }
    }

    // Adds the sums of the columns, times a factor, to `to` (C) in shared memory.
    __device__ __forceinline__ void add_columns(float* to, float factor) const {
        const int lane = threadIdx.x % 32;
#pragma unroll
        for (int n = 0; n < C / 8; ++n)
#pragma unroll
            for (int i = 0; i < 2; ++i) {
                float sum = at[n][i] + at[n][2 + i];
#pragma unroll
                for (int lanes = 4; lanes < 32; lanes <<= 1) sum += __shfl_xor_sync(ALL_LANES, sum, lanes);
                if (lane < 4) to[n * 8 + lane * 2 + i] += sum * factor;
            }
    }
};

// The sum and the maximum over the four lanes that share a row.
__device__ __forceinline__ float row_sum(float x) {
    x += __shfl_xor_sync(ALL_LANES, x, 1);
    return x + __shfl_xor_sync(ALL_LANES, x, 2);
}

__device__ __forceinline__ float row_max(float x) {
    x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, 1));
    return fmaxf(x, __shfl_xor_sync(ALL_LANES, x, 2));
}
