// The collectives of a warp, all lanes together.
#pragma once
#include "block.hpp"

namespace emulator {

inline void full(unsigned mask, const char* collective) {
    if (mask != ALL) fail(*current, "%s of some lanes only, mask 0x%08x", collective, mask);
}

// What `source` gave.
template <class T> inline T exchanged(unsigned mask, T value, unsigned source, const char* name) {
    static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>);
    full(mask, name);
    Exchange& exchange = current->warp->exchange[current->warp->turn & 1];
    std::memcpy(&exchange.value[current->lane], &value, sizeof value);
    if (arrive(name)) make_way();
    T got;
    std::memcpy(&got, &exchange.value[source & 31], sizeof got);
    return got;
}

// mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32: d (16,8) += a (16,16) b (16,8).
void emulated_mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]);

// ldmatrix.sync.aligned.m8n8.x4[.trans].shared.b16 and .x2: lane l gives the address of row l % 8
// of matrix l / 8, 16 bytes.
void load_matrices(uint32_t* registers, unsigned matrices, const void* row, bool transposed);

template <int matrices>
inline void emulated_ldmatrix(uint32_t (&registers)[matrices], const void* row, bool transposed) {
    static_assert(matrices == 1 || matrices == 2 || matrices == 4);
    load_matrices(registers, matrices, row, transposed);
}

} // namespace emulator

using emulator::emulated_ldmatrix;
using emulator::emulated_mma;

inline void __syncwarp(unsigned mask = emulator::ALL) {
    emulator::full(mask, "__syncwarp");
    if (emulator::arrive("__syncwarp")) emulator::make_way();
}

template <class T> inline T __shfl_sync(unsigned mask, T value, int lane) {
    return emulator::exchanged(mask, value, unsigned(lane), "__shfl_sync");
}

template <class T> inline T __shfl_xor_sync(unsigned mask, T value, int lanes) {
    return emulator::exchanged(mask, value, emulator::current->lane ^ lanes, "__shfl_xor_sync");
}

template <class T> inline T __shfl_down_sync(unsigned mask, T value, unsigned by) {
    const unsigned lane = emulator::current->lane, source = lane + by;
    return emulator::exchanged(mask, value, source < 32 ? source : lane, "__shfl_down_sync");
}

template <class T> inline T __shfl_up_sync(unsigned mask, T value, unsigned by) {
    const unsigned lane = emulator::current->lane;
    return emulator::exchanged(mask, value, lane >= by ? lane - by : lane, "__shfl_up_sync");
}
