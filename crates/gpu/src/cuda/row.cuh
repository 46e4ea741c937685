// Rows of values: eight columns of a row a lane at a time, and sums over a warp.
#pragma once
#include "step.cuh"

constexpr unsigned ALL_LANES = 0xffffffffu;
constexpr int EIGHT = 8;            // columns that a lane reads at once
constexpr int STRIP = 32 * EIGHT;   // columns that a warp reads at once
constexpr int WIDEST = 1024;        // columns of the widest row that a warp keeps in registers
constexpr int STRIPS = WIDEST / STRIP;

template <class T> struct alignas(16) Eight {
    T at[EIGHT];
};

// `from` is a multiple of 16 bytes.
template <class T> __device__ __forceinline__ Eight<T> load(const T* from) {
    Eight<T> values;
    if constexpr (sizeof(T) == 2) {
        *reinterpret_cast<uint4*>(&values) = *reinterpret_cast<const uint4*>(from);
    } else {
        reinterpret_cast<float4*>(&values)[0] = reinterpret_cast<const float4*>(from)[0];
        reinterpret_cast<float4*>(&values)[1] = reinterpret_cast<const float4*>(from)[1];
    }
    return values;
}

template <class T> __device__ __forceinline__ void store(T* to, const Eight<T>& values) {
    if constexpr (sizeof(T) == 2) {
        *reinterpret_cast<uint4*>(to) = *reinterpret_cast<const uint4*>(&values);
    } else {
        reinterpret_cast<float4*>(to)[0] = reinterpret_cast<const float4*>(&values)[0];
        reinterpret_cast<float4*>(to)[1] = reinterpret_cast<const float4*>(&values)[1];
    }
}

template <class T> __device__ __forceinline__ Eight<T> rounded_eight(const Eight<float>& x) {
    Eight<T> y;
#pragma unroll
    for (int i = 0; i < EIGHT; ++i) y.at[i] = rounded<T>(x.at[i]);
    return y;
}

// The sum over the lanes of a warp, the same bits on each.
__device__ __forceinline__ float warp_sum(float x) {
#pragma unroll
    for (int lanes = 16; lanes; lanes >>= 1) x += __shfl_xor_sync(ALL_LANES, x, lanes);
    return x;
}

__device__ __forceinline__ float warp_max(float x) {
#pragma unroll
    for (int lanes = 16; lanes; lanes >>= 1) x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, lanes));
    return x;
}
