// What an update adds up over ranks, and the factor of its gradients.
#include "step.cuh"

constexpr int FINISH_THREADS = 256;

// The sum over the block in an order of its own, on every thread.
__device__ __forceinline__ double sum_of_block(double x, double* shared) {
    const int thread = int(threadIdx.x);
    shared[thread] = x;
    __syncthreads();
    for (int half = FINISH_THREADS / 2; half; half /= 2) {
        if (thread < half) shared[thread] += shared[thread + half];
        __syncthreads();
    }
    return shared[0];
}

// The sum of `count` values: every 256th by a thread, then over the block.
__device__ __forceinline__ double sum_of(const double* values, int count, double* shared) {
    double sum = 0.0;
    for (int i = int(threadIdx.x); i < count; i += FINISH_THREADS) sum += values[i];
    return sum_of_block(sum, shared);
}

// totals (5): the loss as two floats, examples, tokens, stop.
KERNEL(totals, FINISH_THREADS, const Step* step, const double* losses, float* totals, int add) {
    SHARED(memory);
    double loss = sum_of(losses, step->segments, reinterpret_cast<double*>(memory));
    if (threadIdx.x != 0) return;
    float before[5] = {0.0f, 0.0f, 0.0f, 0.0f, 0.0f};
    for (int i = 0; add && i < 5; ++i) before[i] = totals[i];
    loss += double(before[0]) + double(before[1]);
    const float high = float(loss);
    totals[0] = high;
    totals[1] = isfinite(high) ? float(loss - double(high)) : 0.0f;
    totals[2] = before[2] + float(step->segments);
    totals[3] = before[3] + float(step->rows);
    totals[4] = before[4] + float(step->stop);
}

// The order of operations is that of `GlobalSums::mean` and of optim's `clip`, and so are the bits.
// `totals` and `squares` are those of all ranks. An update whose loss or norm is not finite is skipped
// where `skips`, which its rates remember for rows that are updated late; else it is the last one.
KERNEL(clip, FINISH_THREADS, const Step* step, const double* squares, int count, const float* totals,
       double max_norm, int skips, Rate* rates, Control* control, Result* results) {
    SHARED(memory);
    const double sum = sum_of(squares, count, reinterpret_cast<double*>(memory));
    if (threadIdx.x != 0) return;
    const double share = 1.0 / double(step->examples);
    const double norm = __dmul_rn(share, sqrt(sum));
    const double limit = fmin(max_norm / __dadd_rn(norm, 1e-6), 1.0);
    control->gradient_scale = float(__dmul_rn(share, limit));

    Result result;
    result.loss = double(totals[0]) + double(totals[1]);
    result.norm = norm;
    result.update = step->update;
    result.examples = int32_t(totals[2]);
    result.tokens = int32_t(totals[3]);
    result.stop = totals[4] > 0.0f;
    results[step->update % RESULTS] = result;

    const bool is_finite = isfinite(result.loss) && isfinite(norm);
    const bool is_whole = result.examples == step->examples;
    control->skipped = skips && is_whole && !is_finite;
    if (control->skipped) {
        for (int group = 0; group < 2; ++group) {
            rates[2 * step->update + group].kept = 1.0f;
            rates[2 * step->update + group].skipped = 1.0f;
        }
    } else if (!(is_finite && is_whole) && control->failed == 0) {
        control->failed = 1 + step->update;
    }
}
