// Kernels that break the rules, for the emulator's own tests.
#include "row.cuh"

KERNEL(fault_twice, 256, const float* x, float* y, int count) {
    const int i = int(blockIdx.x * blockDim.x + threadIdx.x);
    if (i < count) y[i] = 2 * x[i];
}

// Some threads miss a barrier.
KERNEL(fault_missed_barrier, 128, float* y) {
    if (threadIdx.x < 64) __syncthreads();
    y[threadIdx.x] = warp_sum(1.0f);
}

// Some threads return before a barrier.
KERNEL(fault_early_return, 128, float* y, int count) {
    if (int(threadIdx.x) >= count) return;
    __syncthreads();
    y[threadIdx.x] = 1;
}

// A collective that names half of a warp.
KERNEL(fault_half_mask, 128, float* y) {
    y[threadIdx.x] = 0;
    if (threadIdx.x < 16) y[threadIdx.x] = __shfl_xor_sync(0xffffu, 1.0f, 1);
}

// A collective that half of a warp reaches.
KERNEL(fault_half_warp, 128, float* y) {
    if (threadIdx.x < 48) y[threadIdx.x] = warp_sum(1.0f);
    __syncthreads();
}

// Lanes of a warp at two collectives.
KERNEL(fault_two_collectives, 128, float* y) {
    y[threadIdx.x] = 1;
    if (threadIdx.x % 2) y[threadIdx.x] = warp_sum(1.0f);
    else __syncwarp();
}

// Writes `beyond` bytes behind its shared memory of 4 bytes a thread.
KERNEL(fault_shared, 128, float* y, int beyond) {
    SHARED(memory);
    if (threadIdx.x == 77) memory[4 * blockDim.x + beyond] = 1;
    __syncthreads();
    y[threadIdx.x] = 1;
}

// Reads and writes float `at` of x.
KERNEL(fault_read, 128, float* y, const float* x, int at) {
    y[threadIdx.x] = threadIdx.x == 70 ? x[at] : 1;
}
KERNEL(fault_write, 128, float* y, int at) {
    if (threadIdx.x == 70) y[at] = 1;
}

// Reads four floats at once, from float `at` on.
KERNEL(fault_wide_read, 128, float* y, int at) {
    if (threadIdx.x == 70) y[0] = reinterpret_cast<const float4*>(y + at)->z;
}

// Uses up its stack.
__device__ __attribute__((noinline)) float deep(volatile float* above, int depth) {
    volatile float here[256];
    here[depth % 256] = above[depth % 256];
    return depth ? deep(here, depth - 1) + here[0] : above[0];
}
KERNEL(fault_stack, 128, float* y, int depth) {
    volatile float here[256];
    for (int i = 0; i < 256; ++i) here[i] = 0;
    y[threadIdx.x] = deep(here, depth);
}

// A value from the neighbour in the block, with or without the barrier.
KERNEL(fault_block_race, 256, float* y, int wait) {
    SHARED(memory);
    auto* values = reinterpret_cast<float*>(memory);
    values[threadIdx.x] = float(threadIdx.x);
    if (wait) __syncthreads();
    y[blockIdx.x * blockDim.x + threadIdx.x] = values[(threadIdx.x + 32) % blockDim.x];
}

// A value from the neighbour in the warp, with or without the barrier.
KERNEL(fault_warp_race, 256, float* y, int wait) {
    SHARED(memory);
    auto* values = reinterpret_cast<float*>(memory);
    values[threadIdx.x] = float(threadIdx.x);
    if (wait) __syncwarp();
    y[blockIdx.x * blockDim.x + threadIdx.x] = values[threadIdx.x ^ 1];
}

// Overwrites what another warp still reads, with or without the barrier.
KERNEL(fault_reuse_race, 256, float* y, int wait) {
    SHARED(memory);
    auto* values = reinterpret_cast<float*>(memory);
    float sum = 0;
    for (int round = 0; round < 3; ++round) {
        values[threadIdx.x] = float(threadIdx.x + 1000 * round);
        __syncthreads();
        sum = warp_sum(sum + values[(threadIdx.x + 32) % blockDim.x]) * 0.25f;
        if (wait) __syncthreads();
    }
    y[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}

// What costs how much: src/tests.
KERNEL(fault_cost_barriers, 256, float* y, int count) {
    for (int i = 0; i < count; ++i) __syncthreads();
    y[threadIdx.x] = 1;
}
KERNEL(fault_cost_sums, 256, float* y, int count) {
    float sum = float(threadIdx.x);
    for (int i = 0; i < count; ++i) sum = warp_sum(sum) * 0.01f;
    y[threadIdx.x] = sum;
}
KERNEL(fault_cost_products, 256, float* y, int count) {
    float d[4] = {};
    const uint32_t a[4] = {}, b[2] = {};
#ifndef __CUDACC__
    for (int i = 0; i < count; ++i) emulated_mma(d, a, b);
#endif
    y[threadIdx.x] = d[0];
}
KERNEL(fault_cost_nothing, 256, float* y, int count) { y[threadIdx.x] = float(count); }
