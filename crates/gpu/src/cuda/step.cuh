// What every kernel sees: the two compilers, the element types, and the numbers of one update.
//
// nvcc compiles these files for GPUs; g++ compiles the same files for the emulator (crates/emulator),
// which runs them on a CPU. Both see one language: C++17, dynamic shared memory, full warps.
#pragma once

#ifdef __CUDACC__
#include <stdint.h>
#define KERNEL(name, threads, ...) extern "C" __global__ void __launch_bounds__(threads) name(__VA_ARGS__)
#define SHARED(name) extern __shared__ __align__(16) unsigned char name[]
#else
#include "emulator.hpp" // KERNEL, SHARED, threadIdx, __syncthreads, __shfl_*_sync, ...
#endif

// The numbers of one pass, in device memory, so that a captured graph need not change. Rust writes
// it: crates/program/src/input/step.rs has the same fields in the same order.
struct Step {
    int32_t rows;      // N, tokens of this rank
    int32_t segments;  // B, examples of this rank
    int32_t words;     // U, rows of the word table that some rank reads
    int32_t update;    // the number of this update, from 0
    int32_t examples;  // of all ranks: what gradients are divided by
    int32_t stop;      // 1 where this rank was asked to stop
    uint64_t dropout;  // the seed of this update's masks
    uint64_t reserved[4];
};

// What the update kernels share, in device memory.
struct Control {
    float gradient_scale; // 1 / examples, times the clip factor
    int32_t failed;       // 0, or 1 + the update after which no other is made
    int32_t skipped;      // 1 where this update changes nothing
    int32_t reserved;
};

// What an update reports, read by the host later.
struct Result {
    double loss;       // summed over all examples of all ranks
    double norm;       // of the mean gradient, before clipping
    int32_t update;    // from 0
    int32_t examples;  // of all ranks
    int32_t tokens;    // of all ranks
    int32_t stop;      // 1 where some rank was asked to stop
};
constexpr int RESULTS = 1024; // slots of the ring of results

// Some weights that AdamW updates, at most CHUNK of them.
constexpr int CHUNK = 8192;
struct Chunk {
    float* weight;
    float* first;       // moment
    float* second;      // moment
    void* copy;         // in the type of the products, or null
    int64_t gradient;   // where its gradients begin in the arena, in floats
    int32_t length;
    int32_t flags;      // HEAD | DECAYS
};
constexpr int HEAD = 1, DECAYS = 2;

// The rates of one update and group, rounded to f32 once: rates[2 * update + group].
struct Rate {
    float kept;        // 1 - rate x weight decay
    float size;        // rate / (1 - beta1^t)
    float correction;  // sqrt(1 - beta2^t)
    float skipped;     // 1 where the update changed nothing; `kept` is 1 then
};

// What is the same for all updates.
struct Moments {
    float first;       // 1 - beta1
    float second_kept; // beta2
    float second;      // 1 - beta2
    float epsilon;
};

struct bf16 {
    uint16_t bits;
};

__device__ __forceinline__ float to_float(float x) { return x; }
__device__ __forceinline__ float to_float(bf16 x) { return __uint_as_float(uint32_t(x.bits) << 16); }

// Rounds to the nearest value, ties to even.
template <class T> __device__ __forceinline__ T rounded(float x);
template <> __device__ __forceinline__ float rounded<float>(float x) { return x; }
template <> __device__ __forceinline__ bf16 rounded<bf16>(float x) {
#ifdef __CUDA_ARCH__
    uint16_t y;
    asm("cvt.rn.bf16.f32 %0, %1;" : "=h"(y) : "f"(x));
    return {y};
#else
    const uint32_t bits = __float_as_uint(x);
    if ((bits & 0x7fffffffu) > 0x7f800000u) return {uint16_t(0x7fff)}; // not a number
    return {uint16_t((bits + 0x7fffu + (bits >> 16 & 1)) >> 16)};
#endif
}
