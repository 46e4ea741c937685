// AdamW over all chunks of weights. It waits for memory only: 30 bytes a weight.
//
// A block takes parts of 1,024 weights with the stride of the grid, a thread four of them. Chunks whose
// addresses are no multiples of 16 bytes (gradient offsets no multiples of 4) are right, and slower.
#include "adamw.cuh"

constexpr int ADAMW_THREADS = 256;
constexpr int FOUR = 4;
constexpr int PART = FOUR * ADAMW_THREADS;
constexpr int PARTS = CHUNK / PART;

struct Scaled {
    const float* gradients;
    float scale;
};

__device__ __forceinline__ uintptr_t number(const void* address) {
    return reinterpret_cast<uintptr_t>(address);
}

// Whether four values lie in 16 bytes of their own, wherever the chunk is read.
template <class T>
__device__ __forceinline__ bool is_aligned(const Chunk& chunk, const float* gradients) {
    const uintptr_t read = number(gradients) + uintptr_t(chunk.gradient) * sizeof(float);
    const uintptr_t all = number(chunk.weight) | number(chunk.first) | number(chunk.second) | read;
    return all % 16 == 0 && number(chunk.copy) % (FOUR * sizeof(T)) == 0;
}

__device__ __forceinline__ float4 load_four(const float* from) {
    return *reinterpret_cast<const float4*>(from);
}

__device__ __forceinline__ void store_four(float* to, float4 values) {
    *reinterpret_cast<float4*>(to) = values;
}

__device__ __forceinline__ void store_four(bf16* to, float4 values) {
    const uint32_t low = rounded<bf16>(values.x).bits | uint32_t(rounded<bf16>(values.y).bits) << 16;
    const uint32_t high = rounded<bf16>(values.z).bits | uint32_t(rounded<bf16>(values.w).bits) << 16;
    *reinterpret_cast<uint2*>(to) = {low, high};
}

// Calls `fours(chunk, first place)` or `ones(chunk, place)` until each weight had its turn.
template <class T, class Fours, class Ones>
__device__ __forceinline__ void for_all_weights(const Chunk* chunks, int count, const float* gradients,
                                                Fours fours, Ones ones) {
    for (int part = int(blockIdx.x); part < count * PARTS; part += int(gridDim.x)) {
        const Chunk chunk = chunks[part / PARTS];
        const int from = part % PARTS * PART + FOUR * int(threadIdx.x);
        if (from >= chunk.length) continue;
        if (from + FOUR <= chunk.length && is_aligned<T>(chunk, gradients)) {
            fours(chunk, from);
        } else {
            for (int at = from; at < min(from + FOUR, chunk.length); ++at) ones(chunk, at);
        }
    }
}

template <class T>
__device__ __forceinline__ void follow_four(const Chunk& chunk, int from, Scaled scaled,
                                            const Rate& rate, const Moments& moments) {
    const float4 g = load_four(scaled.gradients + chunk.gradient + from);
    float4 w = load_four(chunk.weight + from);
    float4 m = load_four(chunk.first + from), v = load_four(chunk.second + from);
    const auto next = [&](float gradient, float& weight, float& first, float& second) {
        Adam at{weight, first, second};
        follow(at, __fmul_rn(gradient, scaled.scale), rate, moments);
        weight = at.weight, first = at.first, second = at.second;
    };
    next(g.x, w.x, m.x, v.x);
    next(g.y, w.y, m.y, v.y);
    next(g.z, w.z, m.z, v.z);
    next(g.w, w.w, m.w, v.w);
    store_four(chunk.weight + from, w);
    store_four(chunk.first + from, m);
    store_four(chunk.second + from, v);
    if (chunk.copy) store_four(static_cast<T*>(chunk.copy) + from, w);
}

template <class T>
__device__ __forceinline__ void follow_one(const Chunk& chunk, int place, Scaled scaled,
                                           const Rate& rate, const Moments& moments) {
    Adam at{chunk.weight[place], chunk.first[place], chunk.second[place]};
    const float gradient = scaled.gradients[chunk.gradient + place];
    follow(at, __fmul_rn(gradient, scaled.scale), rate, moments);
    chunk.weight[place] = at.weight;
    chunk.first[place] = at.first;
    chunk.second[place] = at.second;
    if (chunk.copy) static_cast<T*>(chunk.copy)[place] = rounded<T>(at.weight);
}

template <class T>
__device__ __forceinline__ void adamw(const Step* step, const Chunk* chunks, int count,
                                      const float* gradients, const Rate* rates, Moments moments,
                                      const Control* control) {
    if (control->failed || control->skipped) return;
    const Scaled scaled{gradients, control->gradient_scale};
    const int update = step->update;
    for_all_weights<T>(
        chunks, count, gradients,
        [&](const Chunk& chunk, int from) {
            follow_four<T>(chunk, from, scaled, rate_of(rates, update, chunk.flags), moments);
        },
        [&](const Chunk& chunk, int at) {
            follow_one<T>(chunk, at, scaled, rate_of(rates, update, chunk.flags), moments);
        });
}

template <class T> __device__ __forceinline__ void copy_weights(const Chunk* chunks, int count) {
    for_all_weights<T>(
        chunks, count, nullptr,
        [&](const Chunk& chunk, int from) {
            if (chunk.copy) store_four(static_cast<T*>(chunk.copy) + from, load_four(chunk.weight + from));
        },
        [&](const Chunk& chunk, int at) {
            if (chunk.copy) static_cast<T*>(chunk.copy)[at] = rounded<T>(chunk.weight[at]);
        });
}

#define ADAMW(name, T)                                                                              \
    KERNEL(adamw_##name, ADAMW_THREADS, const Step* step, const Chunk* chunks, int count,           \
           const float* gradients, const Rate* rates, Moments moments, const Control* control) {    \
        adamw<T>(step, chunks, count, gradients, rates, moments, control);                          \
    }                                                                                               \
    KERNEL(copy_weights_##name, ADAMW_THREADS, const Chunk* chunks, int count) {                    \
        copy_weights<T>(chunks, count);                                                             \
    }

ADAMW(f32, float)
ADAMW(bf16, bf16)
