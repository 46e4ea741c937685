// Where blocks run, one after the other: the stacks of their threads and their shared memory.
#pragma once
#include "block.hpp"

namespace emulator {

class Stage {
  public:
    // Null where memory is short.
    static Stage* create();

    // Makes everything ready for a block of `threads` threads with `shared` bytes of shared memory.
    void prepare(unsigned threads, unsigned shared);

    // Whether the bytes between the shared memory and its page's end are as they were.
    bool shared_is_intact() const;

    // The number of the thread whose stack ends right behind `address`, or -1.
    int overflowed(uint64_t address) const;

    // The bytes from the start of the block's shared memory to `address`, or false where it lies
    // neither in nor beside it.
    bool beside_shared(uint64_t address, int64_t& offset) const;

    Block block;

  private:
    char* stacks = nullptr;        // each with a page below that cannot be touched
    unsigned char* room = nullptr; // for shared memory; pages that cannot be touched around it
    unsigned shared = 0;
};

} // namespace emulator
