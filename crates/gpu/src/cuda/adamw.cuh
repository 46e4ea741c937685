// AdamW of one weight: `Factors::updated` of crates/kernels/src/adamw/mod.rs, the same bits.
//
// Each operation is rounded once and none is fused with another, so that two kernels and the CPU
// agree on every weight.
#pragma once
#include "step.cuh"

// A weight and its moments.
struct Adam {
    float weight, first, second;
};

// `gradient` is scaled already.
__device__ __forceinline__ void follow(Adam& at, float gradient, const Rate& rate,
                                       const Moments& moments) {
    at.weight = __fmul_rn(at.weight, rate.kept);
    at.first = __fadd_rn(at.first, __fmul_rn(__fsub_rn(gradient, at.first), moments.first));
    const float square = __fmul_rn(__fmul_rn(moments.second, gradient), gradient);
    at.second = __fadd_rn(__fmul_rn(at.second, moments.second_kept), square);
    const float denominator =
        __fadd_rn(__fdiv_rn(__fsqrt_rn(at.second), rate.correction), moments.epsilon);
    at.weight = __fsub_rn(at.weight, __fdiv_rn(__fmul_rn(rate.size, at.first), denominator));
}

// The rates of an update for weights with these flags.
__device__ __forceinline__ Rate rate_of(const Rate* rates, int update, int flags) {
    const float4 at = reinterpret_cast<const float4*>(rates)[2 * update + (flags & HEAD ? 1 : 0)];
    return {flags & DECAYS ? at.x : 1.0f, at.y, at.z, at.w};
}
