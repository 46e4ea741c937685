// Touching memory that is not there ends the block, not the process.
#pragma once
#include "stage.hpp"

namespace emulator {

// Makes faults of memory on this thread of the system, while `stage` runs a block, faults of it.
void watch(Stage& stage);

// From here on they are what they were before.
void unwatch();

} // namespace emulator
