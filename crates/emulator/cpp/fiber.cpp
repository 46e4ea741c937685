#include "fiber.hpp"

#include <cstdint>

namespace {
// The last address below `top` that is a multiple of 16.
[[maybe_unused]] void** aligned(char* top) {
    return reinterpret_cast<void**>(reinterpret_cast<uintptr_t>(top) & ~uintptr_t{15});
}
} // namespace

#if defined(__x86_64__)

asm(R"(
.text
.globl emulator_switch
.type emulator_switch,@function
emulator_switch:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size emulator_switch,.-emulator_switch
)");

void* emulator::new_fiber(char*, char* top, void (*entry)()) {
    void** words = aligned(top);
    *--words = nullptr; // the return address of `entry`
    *--words = reinterpret_cast<void*>(entry);
    for (int kept = 0; kept < 6; ++kept) *--words = nullptr;
    return words;
}

#elif defined(__aarch64__)

asm(R"(
.text
.globl emulator_switch
.type emulator_switch,%function
emulator_switch:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size emulator_switch,.-emulator_switch
)");

void* emulator::new_fiber(char*, char* top, void (*entry)()) {
    void** words = aligned(top) - 20;
    for (int kept = 0; kept < 20; ++kept) words[kept] = nullptr;
    words[11] = reinterpret_cast<void*>(entry); // x30
    return words;
}

#else // much slower: each switch asks the kernel for the signal mask

#include <ucontext.h>

extern "C" void emulator_switch(void** save, void* load) {
    ucontext_t here;
    *save = &here;
    swapcontext(&here, static_cast<ucontext_t*>(load));
}

void* emulator::new_fiber(char* bottom, char* top, void (*entry)()) {
    auto* context = reinterpret_cast<ucontext_t*>(aligned(top - sizeof(ucontext_t)));
    getcontext(context);
    context->uc_stack.ss_sp = bottom;
    context->uc_stack.ss_size = size_t(reinterpret_cast<char*>(context) - bottom);
    context->uc_link = nullptr;
    makecontext(context, entry, 0);
    return context;
}

#endif
