// The keys of all masks of a pass.
#include "mask.cuh"

// Site s and row r a thread: keys (sites, rows), of which those after the attention's outputs come last.
// What follows the choice of the first tokens (the head, the last block) has a row a segment, and its
// position is 0.
KERNEL(mask_keys, 256, const Step* step, const int* segments, const int* positions,
       const uint64_t* examples, uint64_t* keys, int rows, int blocks) {
    const int site = int(blockIdx.y), row = int(blockIdx.x * blockDim.x + threadIdx.x);
    if (row >= rows) return;
    const int outputs = 2 + 2 * blocks;
    const bool is_of_output = site >= outputs;
    const bool is_of_last = is_of_output ? site == outputs + blocks - 1 : site >= 2 * blocks;
    const bool is_of_segments = site == 1 || is_of_last;
    const uint64_t number = is_of_output ? OUTPUT_SITES + uint64_t(site - outputs) : uint64_t(site);
    uint64_t key = 0;
    if (row < (is_of_segments ? step->segments : step->rows)) {
        const uint64_t example = examples[is_of_segments ? row : segments[row]];
        const uint64_t position = is_of_segments ? 0 : uint64_t(positions[row]);
        key = row_key(derive(step->dropout, DROPOUT_SITE, number), example, position);
    }
    keys[int64_t(site) * rows + row] = key;
}
