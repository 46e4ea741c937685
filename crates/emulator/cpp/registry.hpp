// The kernels by name, with the types of their arguments.
#pragma once
#include "block.hpp"

namespace emulator {

// Kernels put themselves into a list before the program begins. Rust reads it: src/kernels.rs.
struct Kernel {
    const char* name;
    const char* kinds; // of the arguments, a letter each
    unsigned threads;  // of a block, at most
    void (*entry)(const void* const* arguments);
    const Kernel* next;
};

extern const Kernel* kernels;

// The letter of an argument's type.
template <class T> constexpr char kind() {
    if constexpr (std::is_pointer_v<T>) return 'p';
    else if constexpr (std::is_same_v<T, float>) return 'f';
    else if constexpr (std::is_same_v<T, double>) return 'd';
    else if constexpr (std::is_same_v<T, int>) return 'i';
    else if constexpr (std::is_same_v<T, unsigned>) return 'u';
    else if constexpr (std::is_integral_v<T> && std::is_signed_v<T> && sizeof(T) == 8) return 'l';
    else {
        static_assert(std::is_class_v<T> && sizeof(T) == 16, "the emulator has no such argument");
        return 'm'; // Moments
    }
}

template <auto kernel> struct Signature;
template <class... A, void (*kernel)(A...)> struct Signature<kernel> {
    static constexpr char kinds[] = {kind<A>()..., 0};

    static void entry(const void* const* arguments) {
        [[maybe_unused]] unsigned i = 0;
        // Braces fix the order of evaluation.
        struct Call {
            Call(A... arguments) { kernel(arguments...); }
        };
        Call{*static_cast<const A*>(arguments[i++])...};
    }
};

template <auto kernel> struct Registered : Kernel {
    Registered(const char* name, unsigned threads)
        : Kernel{name, Signature<kernel>::kinds, threads, Signature<kernel>::entry, kernels} {
        kernels = this;
    }
};

} // namespace emulator

#define KERNEL(name, threads, ...) EMULATED_KERNEL(name, threads, __VA_ARGS__)
#define EMULATED_KERNEL(name, threads, ...)                                                         \
    static void name(__VA_ARGS__);                                                                  \
    static emulator::Registered<&name> registered_##name{#name, threads};                           \
    static void name(__VA_ARGS__)

#define SHARED(name) unsigned char* const name = emulator::block->shared
