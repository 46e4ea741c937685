#include "access.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <mutex>

#include "fiber.hpp"

namespace emulator {

namespace {

constinit thread_local Stage* watched = nullptr;
struct sigaction before_segv, before_bus;

// Runs on a stack of its own. It leaves that stack for the launcher's as siglongjmp would: the
// signal came out of a kernel's own instruction, and kernels hold no lock.
void on_signal(int signal, siginfo_t* info, void*) {
    Stage* stage = watched;
    if (!stage || !current) {
        // Not ours: the instruction runs again under the handler that was there before.
        sigaction(signal, signal == SIGSEGV ? &before_segv : &before_bus, nullptr);
        return;
    }
    Fault& fault = stage->block.fault;
    fault = {{block->index.x, block->index.y}, current->index.x, 1, 0, {}};
    fault.address = reinterpret_cast<uint64_t>(info->si_addr);
    stage->block.failed = true;
    leave_block();
}

void install() {
    struct sigaction action {};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    sigaction(SIGSEGV, &action, &before_segv);
    sigaction(SIGBUS, &action, &before_bus);
}

// Rust's own threads have such a stack.
void need_signal_stack() {
    stack_t now{};
    if (sigaltstack(nullptr, &now) != 0 || !(now.ss_flags & SS_DISABLE)) return;
    constexpr size_t BYTES = 65536;
    stack_t mine{};
    mine.ss_sp = std::malloc(BYTES); // until the process ends
    mine.ss_size = BYTES;
    if (mine.ss_sp) sigaltstack(&mine, nullptr);
}

} // namespace

void watch(Stage& stage) {
    static std::once_flag once;
    std::call_once(once, install);
    need_signal_stack();
    watched = &stage;
}

void unwatch() { watched = nullptr; }

} // namespace emulator
