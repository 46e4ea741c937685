#include "access.hpp"

#include <csignal>
#include <cstdlib>
#include <mutex>

namespace emulator {

namespace {

constinit thread_local Stage* watched = nullptr;

// Kernels are compiled so that they trap where an address does not suit the type.
constexpr int SIGNALS[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP};
struct sigaction before[sizeof SIGNALS / sizeof SIGNALS[0]];

// Runs on a stack of its own. It leaves that stack for the launcher's as siglongjmp would: the
// signal came out of a kernel's own instruction, and kernels hold no lock.
void on_signal(int signal, siginfo_t* info, void*) {
    Stage* stage = watched;
    if (!stage || !current) {
        // Not ours: the instruction runs again under the handler that was there before.
        unsigned i = 0;
        while (SIGNALS[i] != signal) ++i;
        sigaction(signal, &before[i], nullptr);
        return;
    }
    const bool access = signal == SIGSEGV || signal == SIGBUS;
    Fault& fault = stage->block.fault;
    fault = {{block->index.x, block->index.y}, current->index.x, access, 0, {}};
    if (access) fault.address = reinterpret_cast<uint64_t>(info->si_addr);
    else std::strcpy(fault.cause, "touches an address that is no multiple of its type's alignment");
    stage->block.failed = true;
    leave_block();
}

void install() {
    struct sigaction action {};
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    unsigned i = 0;
    for (int signal : SIGNALS) sigaction(signal, &action, &before[i++]);
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
