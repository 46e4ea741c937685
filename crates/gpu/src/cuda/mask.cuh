// Which elements dropout drops: the hash of crates/kernels/src/mask.rs, with the same bits.
#pragma once
#include "step.cuh"

// crates/world/src/seed.rs
constexpr uint64_t GOLDEN_RATIO = 0x9E3779B97F4A7C15ull;

__device__ __forceinline__ uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
}

__device__ __forceinline__ uint64_t derive(uint64_t seed, uint64_t purpose, uint64_t index) {
    return mix(mix(seed ^ (purpose * GOLDEN_RATIO)) + index * GOLDEN_RATIO);
}

constexpr uint64_t DROPOUT_SITE = 4, DROPOUT_EXAMPLE = 5, DROPOUT_POSITION = 6;
// crates/model/src/masks.rs: the number of the site after the first attention's output.
constexpr uint64_t OUTPUT_SITES = uint64_t(1) << 32;

// The key of a row as `mask_keys` writes it and `Mask` reads it.
__device__ __forceinline__ uint64_t row_key(uint64_t site, uint64_t example, uint64_t position) {
    const uint64_t seed = derive(derive(site, DROPOUT_EXAMPLE, example), DROPOUT_POSITION, position);
    return mix(seed + GOLDEN_RATIO);
}

// The factors of one row's elements. A threshold of 0 drops nothing.
struct Mask {
    uint32_t low, high, threshold;
    float scale;

    __device__ __forceinline__ Mask(uint64_t row_key, uint32_t threshold, float scale)
        : low(uint32_t(row_key)), high(uint32_t(row_key >> 32)), threshold(threshold), scale(scale) {}

    __device__ __forceinline__ bool keeps(uint32_t element) const {
        uint32_t x = element ^ low;
        x = (x ^ (x >> 17)) * 0xED5AD4BBu;
        x = ((x ^ (x >> 11)) + high) * 0xAC4C1B51u;
        x = (x ^ (x >> 15)) * 0x31848BABu;
        return (x ^ (x >> 14)) >= threshold;
    }

    // 0 where the element is dropped, else 1 / (1 - rate).
    __device__ __forceinline__ float factor(uint32_t element) const {
        return keeps(element) ? scale : 0.0f;
    }
};

// The element of an attention probability: 65536 places of keys a head.
__device__ __forceinline__ uint32_t attention_element(int head, int key) {
    return uint32_t(head) * 65536u + uint32_t(key);
}
