// Products of bf16 tiles on tensor cores: m16n8k16, a warp together, sums in f32.
//
// Lane l has, of a result (16, 8), the rows l / 4 and l / 4 + 8 and the columns 2 (l % 4) and the next:
// d[0], d[1] of the first row, d[2], d[3] of the second. Tiles lie in shared memory row by row; rows
// are 16 bytes aligned, and free of bank conflicts where the stride is an odd multiple of 16 bytes.
#pragma once
#include "step.cuh"

// d (16,8) += a (16,16) b (16,8); b is two registers from `b[at]` on.
template <int B>
__device__ __forceinline__ void mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[B], int at) {
    const uint32_t right[2] = {b[at], b[at + 1]};
#ifdef __CUDACC__
#ifdef __CUDA_ARCH__
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
                 "{%0,%1,%2,%3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(right[0]), "r"(right[1]));
#endif
#else
    emulated_mma(d, a, right);
#endif
}

// Four matrices of 8 x 8 values; lane l gives the address of row l % 8 of matrix l / 8.
template <bool TRANSPOSED>
__device__ __forceinline__ void load_matrices(uint32_t (&to)[4], const bf16* row) {
#ifdef __CUDACC__
#ifdef __CUDA_ARCH__
    const uint32_t at = uint32_t(__cvta_generic_to_shared(row));
    if constexpr (TRANSPOSED)
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                     : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                     : "r"(at)
                     : "memory");
    else
        asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                     : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                     : "r"(at)
                     : "memory");
#endif
#else
    emulated_ldmatrix(to, row, TRANSPOSED);
#endif
}

// The left factor a (16,16) = tile (16,16).
__device__ __forceinline__ void load_left(uint32_t (&a)[4], const bf16* tile, int stride) {
    const int lane = threadIdx.x % 32;
    load_matrices<false>(a, tile + lane % 16 * stride + lane / 16 * 8);
}

// Two right factors (16,8) each, whose columns are the first and the last eight rows of a tile (16,16).
__device__ __forceinline__ void load_right_of_rows(uint32_t (&b)[4], const bf16* tile, int stride) {
    const int lane = threadIdx.x % 32;
    load_matrices<false>(b, tile + (lane % 8 + lane / 16 * 8) * stride + lane / 8 % 2 * 8);
}

// Two right factors (16,8) each: the first and the last eight columns of a tile (16,16).
__device__ __forceinline__ void load_right(uint32_t (&b)[4], const bf16* tile, int stride) {
    const int lane = threadIdx.x % 32;
    load_matrices<true>(b, tile + lane % 16 * stride + lane / 16 * 8);
}

// Two values in one register, the first in its low half.
__device__ __forceinline__ uint32_t packed(float low, float high) {
#ifdef __CUDA_ARCH__
    uint32_t both;
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
    return both;
#else
    return uint32_t(rounded<bf16>(high).bits) << 16 | rounded<bf16>(low).bits;
#endif
}

// Two results (16,8) side by side as a left factor (16,16).
__device__ __forceinline__ void pack_left(uint32_t (&a)[4], const float (&left)[4], const float (&right)[4]) {
    a[0] = packed(left[0], left[1]);
    a[1] = packed(left[2], left[3]);
    a[2] = packed(right[0], right[1]);
    a[3] = packed(right[2], right[3]);
}
