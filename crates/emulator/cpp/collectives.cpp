#include "collectives.hpp"

namespace emulator {

namespace {

// Four columns, which any processor computes at once.
using Four __attribute__((vector_size(16))) = float;

float value(uint32_t word, unsigned half) {
    return same_bits<float>(half ? word & 0xffff0000u : word << 16);
}

// Lane l has rows l / 4 and l / 4 + 8 of the product, columns 2 (l % 4) and the next.
void multiply(Exchange& exchange) {
    float a[16][16];
    Four b[16][2], d[16][2];
    for (unsigned lane = 0; lane < LANES; ++lane) {
        const unsigned row = lane / 4, pair = lane % 4 * 2;
        const uint32_t* words = exchange.words[lane];
        for (unsigned word = 0; word < 4; ++word)
            for (unsigned half = 0; half < 2; ++half)
                a[row + word % 2 * 8][pair + word / 2 * 8 + half] = value(words[word], half);
        for (unsigned word = 0; word < 2; ++word)
            for (unsigned half = 0; half < 2; ++half)
                b[pair + word * 8 + half][row / 4][row % 4] = value(words[4 + word], half);
    }
    for (unsigned row = 0; row < 16; ++row) {
        Four low{}, high{};
        for (unsigned k = 0; k < 16; ++k) {
            low += a[row][k] * b[k][0];
            high += a[row][k] * b[k][1];
        }
        d[row][0] = low;
        d[row][1] = high;
    }
    for (unsigned lane = 0; lane < LANES; ++lane)
        for (unsigned i = 0; i < 4; ++i) {
            const unsigned row = lane / 4 + i / 2 * 8, column = lane % 4 * 2 + i % 2;
            exchange.results[lane][i] = same_bits<uint32_t>(d[row][column / 4][column % 4]);
        }
}

// Lane l has row l / 4 of each matrix, columns 2 (l % 4) and the next, or the transposed of it.
void gather(Exchange& exchange, unsigned matrices, bool transposed) {
    for (unsigned lane = 0; lane < LANES; ++lane)
        for (unsigned matrix = 0; matrix < matrices; ++matrix) {
            const unsigned across = lane / 4, pair = lane % 4 * 2;
            uint16_t halves[2];
            for (unsigned half = 0; half < 2; ++half) {
                const unsigned row = transposed ? pair + half : across;
                const unsigned column = transposed ? across : pair + half;
                const auto* from = static_cast<const char*>(exchange.address[matrix * 8 + row]);
                std::memcpy(&halves[half], from + 2 * column, 2);
            }
            exchange.results[lane][matrix] = uint32_t(halves[0]) | uint32_t(halves[1]) << 16;
        }
}

} // namespace

void emulated_mma(float (&d)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
    Exchange& exchange = current->warp->exchange[current->warp->turn & 1];
    std::memcpy(&exchange.words[current->lane][0], a, sizeof a);
    std::memcpy(&exchange.words[current->lane][4], b, sizeof b);
    if (arrive("mma.sync")) {
        multiply(exchange);
        make_way();
    }
    for (unsigned i = 0; i < 4; ++i) d[i] += same_bits<float>(exchange.results[current->lane][i]);
}

void load_matrices(uint32_t* registers, unsigned matrices, const void* row, bool transposed) {
    Exchange& exchange = current->warp->exchange[current->warp->turn & 1];
    if (current->lane < matrices * 8 && reinterpret_cast<uintptr_t>(row) % 16)
        fail(*current, "gives ldmatrix an address that is not a multiple of 16");
    exchange.address[current->lane] = row;
    if (arrive("ldmatrix")) {
        gather(exchange, matrices, transposed);
        make_way();
    }
    for (unsigned i = 0; i < matrices; ++i) registers[i] = exchange.results[current->lane][i];
}

} // namespace emulator
