// What Rust calls: src/native.rs has the same declarations.
#include <cstdio>

#include "access.hpp"
#include "registry.hpp"
#include "stage.hpp"

using namespace emulator;

const Kernel* emulator::kernels = nullptr;

namespace {

struct Launch {
    const Kernel* kernel;
    uint32_t grid[2];
    uint32_t threads, shared;
    uint64_t seed;
    const void* const* arguments;
};

// Says where memory was touched, if Rust cannot know it.
void explain(const Stage& stage, Fault& fault) {
    int64_t offset;
    if (stage.overflowed(fault.address) >= 0) {
        std::snprintf(fault.cause, sizeof fault.cause, "needs more stack than there is");
    } else if (stage.beside_shared(fault.address, offset)) {
        std::snprintf(fault.cause, sizeof fault.cause, "touches byte %lld of its shared memory",
                      static_cast<long long>(offset));
    }
}

} // namespace

extern "C" const Kernel* emulator_kernels() { return kernels; }

extern "C" Stage* emulator_stage() { return Stage::create(); }

// Runs block (x, y) of a launch. Returns 0, or 1 where it wrote `fault`.
extern "C" int emulator_run_block(Stage* stage, const Launch* launch, uint32_t x, uint32_t y,
                                  Fault* fault) {
    Block& block = stage->block;
    stage->prepare(launch->threads, launch->shared);
    block.index = {x, y, 0};
    block.size = {launch->threads, 1, 1};
    block.grid = {launch->grid[0], launch->grid[1], 1};
    block.entry = launch->kernel->entry;
    block.arguments = launch->arguments;
    block.random = launch->seed;
    block.restless = unsigned(launch->seed % 3);
    watch(*stage);
    run(block);
    unwatch();
    if (block.failed) {
        *fault = block.fault;
        if (fault->access) explain(*stage, *fault);
        return 1;
    }
    if (stage->shared_is_intact()) return 0;
    *fault = {{x, y}, 0, 0, 0, "wrote behind its shared memory"};
    return 1;
}
