// The second half of the head, the loss, and their gradients. A block computes one example.
//
// B examples, I width inside the head, K classes. The first layer is a product, whose bias comes here:
// active (B, I) = dropout(activation(hidden + bias1)), logits (B, K) = active weight2' + bias2.
#include "mask.cuh"
#include "row.cuh"

constexpr int HEAD_THREADS = 128;
constexpr int HEAD_WARPS = HEAD_THREADS / 32;
constexpr int RELU = 1;
constexpr int TANH = 2; // else GELU

struct Head {
    const float* bias1;   // (I)
    const float* weight2; // (K, I)
    const float* bias2;   // (K)
    int activation, inner, classes;
};

// What the block shares: 64 bytes for sums, then I and K floats.
struct HeadShared {
    double* sums;  // one a warp
    float* tops;   // one a warp
    float* active; // (I), and the factors of its gradient later
    float* logits; // (K), and their gradient later

    __device__ __forceinline__ HeadShared(unsigned char* memory, int inner)
        : sums(reinterpret_cast<double*>(memory)), tops(reinterpret_cast<float*>(memory + 32)),
          active(reinterpret_cast<float*>(memory + 64)), logits(active + inner) {}
};

struct Activated {
    float value, derivative;
};

// The derivative of ReLU at 0 is 1, as on the CPU.
__device__ __forceinline__ Activated activate(float u, int activation) {
    if (activation == RELU) return {u < 0.0f ? 0.0f : u, u < 0.0f ? 0.0f : 1.0f};
    if (activation == TANH) {
        const float y = tanhf(u);
        return {y, 1.0f - y * y};
    }
    const float below = 0.5f * (1.0f + erff(u * 0.70710678f));
    const float density = 0.39894228f * expf(-0.5f * u * u);
    return {u * below, below + u * density};
}

__device__ __forceinline__ float4 four_at(const float* from, int place) {
    return *reinterpret_cast<const float4*>(from + place);
}

__device__ __forceinline__ void add_product(float4& sum, float a, float4 b) {
    sum.x += a * b.x;
    sum.y += a * b.y;
    sum.z += a * b.z;
    sum.w += a * b.w;
}

__device__ __forceinline__ double warp_sum_f64(double x) {
#pragma unroll
    for (int lanes = 16; lanes; lanes >>= 1) x += __shfl_xor_sync(ALL_LANES, x, lanes);
    return x;
}

template <class T> __device__ __forceinline__ void fill_zeros(T* to, int count) {
    for (int i = int(threadIdx.x); i < count; i += HEAD_THREADS) to[i] = T(0);
}

// shared.active = dropout(activation(hidden + bias1)); `hidden` is of one example.
__device__ __forceinline__ void activate_row(const Head& head, const float* hidden, const Mask& mask,
                                             const HeadShared& shared) {
    for (int i = int(threadIdx.x); i < head.inner; i += HEAD_THREADS)
        shared.active[i] =
            activate(hidden[i] + head.bias1[i], head.activation).value * mask.factor(uint32_t(i));
    __syncthreads();
}

// shared.active = dropout's factor x the activation's derivative, for the way back.
__device__ __forceinline__ void factors_of_row(const Head& head, const float* hidden, const Mask& mask,
                                               const HeadShared& shared) {
    for (int i = int(threadIdx.x); i < head.inner; i += HEAD_THREADS)
        shared.active[i] = mask.factor(uint32_t(i)) *
                           activate(hidden[i] + head.bias1[i], head.activation).derivative;
    __syncthreads();
}

// shared.logits, and `logits` of one example. A warp takes a class.
__device__ __forceinline__ void logits_of_row(const Head& head, const HeadShared& shared,
                                              float* logits) {
    const int lane = int(threadIdx.x % 32);
    for (int k = int(threadIdx.x / 32); k < head.classes; k += HEAD_WARPS) {
        const float* weights = head.weight2 + int64_t(k) * head.inner;
        float sum = 0.0f;
        for (int i = 4 * lane; i < head.inner; i += 4 * 32) {
            const float4 a = four_at(shared.active, i), w = four_at(weights, i);
            sum += a.x * w.x + a.y * w.y + a.z * w.z + a.w * w.w;
        }
        sum = warp_sum(sum) + head.bias2[k];
        if (lane == 0) shared.logits[k] = logits[k] = sum;
    }
    __syncthreads();
}

// The largest logit and the sum of the exponentials of all distances to it, on every thread.
struct Normaliser {
    double top, sum;
};

__device__ __forceinline__ Normaliser normaliser_of(const HeadShared& shared, int classes) {
    const int warp = int(threadIdx.x / 32);
    float top = -INFINITY;
    for (int k = int(threadIdx.x); k < classes; k += HEAD_THREADS) top = fmaxf(top, shared.logits[k]);
    shared.tops[warp] = warp_max(top);
    __syncthreads();
    for (int w = 0; w < HEAD_WARPS; ++w) top = fmaxf(top, shared.tops[w]);
    double sum = 0.0;
    for (int k = int(threadIdx.x); k < classes; k += HEAD_THREADS)
        sum += exp(double(shared.logits[k]) - double(top));
    shared.sums[warp] = warp_sum_f64(sum);
    __syncthreads();
    sum = 0.0;
    for (int w = 0; w < HEAD_WARPS; ++w) sum += shared.sums[w];
    return {double(top), sum};
}

// Cross-entropy; not a number where the label is none.
__device__ __forceinline__ double loss_of(const Normaliser& over, const HeadShared& shared, int label,
                                          int classes) {
    if (label < 0 || label >= classes) return NAN;
    return log(over.sum) + over.top - double(shared.logits[label]);
}

// `dlogits` of one example, there and in place of the logits: softmax - 1 at the label.
__device__ __forceinline__ void logit_gradients_of_row(const Normaliser& over, const HeadShared& shared,
                                                       int label, int classes, float* dlogits) {
    for (int k = int(threadIdx.x); k < classes; k += HEAD_THREADS) {
        const double share = exp(double(shared.logits[k]) - over.top) / over.sum;
        shared.logits[k] = dlogits[k] = float(share - (k == label ? 1.0 : 0.0));
    }
    __syncthreads();
}

// dhidden = (dlogits weight2) x shared.active, of one example. A thread takes four columns.
__device__ __forceinline__ void backward_of_row(const Head& head, const HeadShared& shared,
                                                float* dhidden) {
    for (int i = 4 * int(threadIdx.x); i < head.inner; i += 4 * HEAD_THREADS) {
        float4 sum = {0.0f, 0.0f, 0.0f, 0.0f};
#pragma unroll 8
        for (int k = 0; k < head.classes; ++k)
            add_product(sum, shared.logits[k], four_at(head.weight2 + int64_t(k) * head.inner, i));
        const float4 by = four_at(shared.active, i);
        *reinterpret_cast<float4*>(dhidden + i) = {sum.x * by.x, sum.y * by.y, sum.z * by.z,
                                                   sum.w * by.w};
    }
}

KERNEL(head_loss, HEAD_THREADS, const Step* step, const float* hidden, const float* bias1,
       const float* weight2, const float* bias2, const int* labels, const uint64_t* keys,
       uint32_t threshold, float scale, int activation, float* active, float* logits, double* losses,
       float* dlogits, float* dhidden, int batch, int inner, int classes) {
    SHARED(memory);
    const Head head{bias1, weight2, bias2, activation, inner, classes};
    const HeadShared shared(memory, inner);
    for (int row = int(blockIdx.x); row < batch; row += int(gridDim.x)) {
        const int64_t in = int64_t(row) * inner, out = int64_t(row) * classes;
        if (row >= step->segments) {
            fill_zeros(active + in, inner);
            fill_zeros(dhidden + in, inner);
            fill_zeros(logits + out, classes);
            fill_zeros(dlogits + out, classes);
            fill_zeros(losses + row, 1);
            continue;
        }
        const Mask mask(threshold ? keys[row] : 0, threshold, scale);
        activate_row(head, hidden + in, mask, shared);
        for (int i = int(threadIdx.x); i < inner; i += HEAD_THREADS) active[in + i] = shared.active[i];
        logits_of_row(head, shared, logits + out);
        const Normaliser over = normaliser_of(shared, classes);
        if (threadIdx.x == 0) losses[row] = loss_of(over, shared, labels[row], classes);
        __syncthreads();
        logit_gradients_of_row(over, shared, labels[row], classes, dlogits + out);
        factors_of_row(head, hidden + in, mask, shared);
        backward_of_row(head, shared, dhidden + in);
        __syncthreads();
    }
}

KERNEL(head_logits, HEAD_THREADS, const Step* step, const float* hidden, const float* bias1,
       const float* weight2, const float* bias2, const int* labels, int activation, float* logits,
       double* losses, int batch, int inner, int classes) {
    SHARED(memory);
    const Head head{bias1, weight2, bias2, activation, inner, classes};
    const HeadShared shared(memory, inner);
    for (int row = int(blockIdx.x); row < batch; row += int(gridDim.x)) {
        const int64_t out = int64_t(row) * classes;
        if (row >= step->segments) {
            fill_zeros(logits + out, classes);
            if (labels) fill_zeros(losses + row, 1);
            continue;
        }
        activate_row(head, hidden + int64_t(row) * inner, Mask(0, 0, 1.0f), shared);
        logits_of_row(head, shared, logits + out);
        if (labels) {
            const Normaliser over = normaliser_of(shared, classes);
            if (threadIdx.x == 0) losses[row] = loss_of(over, shared, labels[row], classes);
        }
        __syncthreads();
    }
}

// A block takes a class, a thread four columns; sums run over the examples in order.
KERNEL(head_gradient, HEAD_THREADS, const Step* step, const float* dlogits, const float* active,
       float* dweight, float* dbias, int add, int inner, int classes) {
    const int examples = step->segments;
    for (int k = int(blockIdx.x); k < classes; k += int(gridDim.x)) {
        for (int i = 4 * int(threadIdx.x); i < inner; i += 4 * HEAD_THREADS) {
            float* to = dweight + int64_t(k) * inner + i;
            float4 sum = {0.0f, 0.0f, 0.0f, 0.0f};
            float bias = 0.0f;
#pragma unroll 8
            for (int b = 0; b < examples; ++b) {
                const float gradient = dlogits[b * classes + k];
                add_product(sum, gradient, four_at(active, b * inner + i));
                bias += gradient;
            }
            if (add) add_product(sum, 1.0f, four_at(to, 0));
            *reinterpret_cast<float4*>(to) = sum;
            if (i == 0) dbias[k] = add ? bias + dbias[k] : bias;
        }
    }
}
