// A block of threads that take turns on one thread of the system.
//
// A warp runs until all its lanes wait at a barrier of the block or have ended, then the next warp
// runs. Lanes switch at collectives of the warp. The seed permutes lanes and warps, and says how
// often a warp makes way for another at a collective.
#pragma once
#include "language.hpp"

namespace emulator {

constexpr unsigned LANES = 32;
constexpr unsigned ALL = 0xffffffffu;
constexpr unsigned MOST_THREADS = 1024;

struct Warp;

// A CUDA thread.
struct Thread {
    void* stack_pointer;
    uint3 index;
    unsigned lane;
    unsigned place; // in the order of its warp
    Warp* warp;
};

// What lanes hand to each other. Two of them take turns: no lane is two collectives ahead.
struct Exchange {
    uint64_t value[LANES];
    const void* address[LANES];
    uint32_t words[LANES][6];   // the fragments of a product's factors
    uint32_t results[LANES][4];
};

// The masks have a bit for each place.
struct Warp {
    unsigned ready;          // can go on
    unsigned at_collective;
    unsigned at_barrier;
    unsigned ended;
    unsigned turn;           // counts collectives
    const char* collective;  // at which lanes wait
    Thread* order[LANES];
    Exchange exchange[2];
};

// What a kernel did wrong.
struct Fault {
    uint32_t block[2];
    uint32_t thread;
    uint32_t access;  // 1 where memory was touched that is not there
    uint64_t address; // which
    char cause[192];
};

struct Block {
    uint3 index{};
    dim3 size, grid;
    unsigned char* shared = nullptr;
    unsigned warps = 0;
    unsigned unfinished[LANES]; // warps of this phase: until the next barrier of the block
    unsigned count = 0, cursor = 0;
    uint64_t random = 0;
    unsigned restless = 0; // 0 warps run on at collectives, 1 they make way, 2 as the dice fall
    void* launcher = nullptr;
    void (*entry)(const void* const*) = nullptr;
    const void* const* arguments = nullptr;
    bool failed = false;
    Fault fault{};
    Thread threads[MOST_THREADS];
    Warp warp[MOST_THREADS / LANES];
};

extern constinit thread_local Thread* current __attribute__((tls_model("initial-exec")));
extern constinit thread_local Block* block __attribute__((tls_model("initial-exec")));

// Ends the block: what `thread` did wrong, in printf's way.
[[noreturn]] void fail(const Thread& thread, const char* format, ...)
    __attribute__((format(printf, 2, 3)));

// Ends the block, whose fault is written.
[[noreturn]] void leave_block();

// __syncthreads
void barrier();

// Waits at the collective of that name. True on the lane that comes last.
bool arrive(const char* collective);

// Goes on with another warp, now and then, after a collective.
void make_way();

// What a thread's fiber starts with.
void start_thread();

// Runs what is set up, to its end or the first fault.
void run(Block& all);

} // namespace emulator
