// A switch between stacks.
#pragma once

// Keeps the registers of the caller on its stack and the stack's pointer in `*save`, then goes on
// where `load` was kept.
extern "C" void emulator_switch(void** save, void* load);

namespace emulator {
// What `emulator_switch` loads to start `entry`, which never returns, on the stack of bytes from
// `bottom` to `top`.
void* new_fiber(char* bottom, char* top, void (*entry)());
} // namespace emulator
