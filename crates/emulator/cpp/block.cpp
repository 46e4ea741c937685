#include "block.hpp"

#include <cstdarg>
#include <cstdio>
#include <utility>

#include "fiber.hpp"

namespace emulator {

constinit thread_local Thread* current = nullptr;
constinit thread_local Block* block = nullptr;

namespace {

uint32_t dice() {
    block->random = block->random * 6364136223846793005ull + 1442695040888963407ull;
    return uint32_t(block->random >> 33);
}

unsigned bit(const Thread& thread) { return 1u << thread.place; }

void go_on_with(Thread& next) {
    Thread* from = current;
    if (from == &next) return;
    current = &next;
    emulator_switch(&from->stack_pointer, next.stack_pointer);
}

// The ready lane that is next in the order of the warp, behind `place`.
Thread& next_lane(const Warp& warp, unsigned place) {
    const unsigned later = warp.ready & ~((2u << place) - 1);
    return *warp.order[__builtin_ctz(later ? later : warp.ready)];
}

const Thread& first_of(const Warp& warp, unsigned places) { return *warp.order[__builtin_ctz(places)]; }

// Some lanes wait at a collective, and no lane of the warp is left that could come.
[[noreturn]] void fail_at_collective(const Warp& warp) {
    const Thread& waits = first_of(warp, warp.at_collective);
    const unsigned absent = warp.ended ? warp.ended : warp.at_barrier;
    const Thread& other = first_of(warp, absent);
    fail(waits, "waits at %s, which thread %u of its warp does not reach: it %s", warp.collective,
         other.index.x, warp.ended ? "has returned" : "waits at __syncthreads");
}

// Some threads wait at a barrier, and some have returned.
[[noreturn]] void fail_at_barrier() {
    const Thread *waits = nullptr, *ended = nullptr;
    for (unsigned w = 0; w < block->warps; ++w) {
        const Warp& warp = block->warp[w];
        if (!waits && warp.at_barrier) waits = &first_of(warp, warp.at_barrier);
        if (!ended && warp.ended) ended = &first_of(warp, warp.ended);
    }
    fail(*ended, "has returned before a __syncthreads at which thread %u waits", waits->index.x);
}

// All warps go on behind the barrier, in a new order.
void begin_phase() {
    for (unsigned w = 0; w < block->warps; ++w) {
        block->unfinished[w] = w;
        block->warp[w].ready = ALL;
        block->warp[w].at_barrier = 0;
    }
    block->count = block->warps;
    block->cursor = 0;
    if (block->random)
        for (unsigned i = block->warps; i > 1; --i)
            std::swap(block->unfinished[i - 1], block->unfinished[dice() % i]);
}

Thread& first_ready() {
    const Warp& warp = block->warp[block->unfinished[block->cursor]];
    return next_lane(warp, LANES - 1);
}

// The thread that runs while `current`, which is not ready, waits or has ended.
Thread& successor() {
    Warp& warp = *current->warp;
    if (warp.ready) return next_lane(warp, current->place);
    if (warp.at_collective) fail_at_collective(warp);
    block->unfinished[block->cursor] = block->unfinished[--block->count];
    if (block->count == 0) {
        unsigned ended = 0, at_barrier = 0;
        for (unsigned w = 0; w < block->warps; ++w) {
            ended |= block->warp[w].ended;
            at_barrier |= block->warp[w].at_barrier;
        }
        if (!at_barrier) leave_block();
        if (ended) fail_at_barrier();
        begin_phase();
    } else if (block->cursor == block->count) {
        block->cursor = 0;
    }
    return first_ready();
}

} // namespace

void start_thread() {
    block->entry(block->arguments);
    current->warp->ready &= ~bit(*current);
    current->warp->ended |= bit(*current);
    Thread& next = successor();
    void* nobody;
    current = &next;
    emulator_switch(&nobody, next.stack_pointer);
    __builtin_unreachable();
}

void leave_block() {
    void* nobody;
    current = nullptr;
    emulator_switch(&nobody, block->launcher);
    __builtin_unreachable();
}

void fail(const Thread& thread, const char* format, ...) {
    Fault& fault = block->fault;
    fault = {{block->index.x, block->index.y}, thread.index.x, 0, 0, {}};
    va_list values;
    va_start(values, format);
    std::vsnprintf(fault.cause, sizeof fault.cause, format, values);
    va_end(values);
    block->failed = true;
    leave_block();
}

void barrier() {
    Warp& warp = *current->warp;
    warp.ready &= ~bit(*current);
    warp.at_barrier |= bit(*current);
    go_on_with(successor());
}

bool arrive(const char* collective) {
    Warp& warp = *current->warp;
    if (warp.at_collective == 0) {
        warp.collective = collective;
    } else if (warp.collective != collective && std::strcmp(warp.collective, collective) != 0) {
        fail(*current, "is at %s while a lane of its warp is at %s", collective, warp.collective);
    }
    warp.ready &= ~bit(*current);
    warp.at_collective |= bit(*current);
    if (warp.at_collective == ALL) {
        warp.at_collective = 0;
        warp.ready = ALL;
        ++warp.turn;
        return true;
    }
    go_on_with(successor());
    return false;
}

void make_way() {
    if (block->restless == 0 || block->count < 2) return;
    if (block->restless == 2 && dice() % 4) return;
    if (++block->cursor >= block->count) block->cursor = 0;
    go_on_with(first_ready());
}

void run(Block& all) {
    block = &all;
    all.failed = false;
    for (unsigned w = 0; w < all.warps; ++w) {
        Warp& warp = all.warp[w];
        warp.at_collective = warp.ended = warp.turn = 0;
        for (unsigned i = 0; i < LANES; ++i) warp.order[i] = &all.threads[w * LANES + i];
        if (all.random)
            for (unsigned i = LANES; i > 1; --i) std::swap(warp.order[i - 1], warp.order[dice() % i]);
        for (unsigned i = 0; i < LANES; ++i) warp.order[i]->place = i;
    }
    begin_phase();
    current = &first_ready();
    emulator_switch(&all.launcher, current->stack_pointer);
    current = nullptr;
    block = nullptr;
}

} // namespace emulator
