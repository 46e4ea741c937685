// AdamW of the word table, lazily: a row is brought up to date when a batch reads it.
//
// An update without a gradient still moves a weight: it decays, and follows its moments. These kernels
// do the updates that a row missed one by one, in registers, so that no bit tells that they came late.
// A row that never had a gradient has zeros for moments and only decays.
//
// A block takes a row; a thread holds two neighbouring columns of each strip of 256.
#include "adamw.cuh"
#include "row.cuh"

constexpr int TABLE_THREADS = 128;
constexpr int ROW_STRIP = 2 * TABLE_THREADS;
constexpr int RATES_AHEAD = 32; // one a lane

// The table (V, D), its moments, and what is known of its rows.
struct Table {
    float* weight;
    float* first;
    float* second;
    int* applied;  // updates of a row
    uint8_t* seen; // 1 where a row had a gradient
    int width;
};

struct Rates {
    const Rate* at;
    Moments moments;
    int flags;
};

// From the row's own count of updates to one that it shall have.
struct Missed {
    int from, to;
};

// How many updates there were: none after one that failed.
__device__ __forceinline__ int updates_done(int updates, const Control* control) {
    return control->failed ? min(updates, control->failed - 1) : updates;
}

__device__ __forceinline__ int column_of(int strip) {
    return strip * ROW_STRIP + 2 * int(threadIdx.x);
}

template <int STRIPS>
__device__ __forceinline__ void load_row(float2 (&values)[STRIPS], const float* row, int width) {
#pragma unroll
    for (int s = 0; s < STRIPS; ++s) {
        const bool is_inside = column_of(s) < width;
        values[s] = is_inside ? *reinterpret_cast<const float2*>(row + column_of(s)) : float2{0.0f, 0.0f};
    }
}

template <int STRIPS>
__device__ __forceinline__ void store_row(float* row, const float2 (&values)[STRIPS], int width) {
#pragma unroll
    for (int s = 0; s < STRIPS; ++s)
        if (column_of(s) < width) *reinterpret_cast<float2*>(row + column_of(s)) = values[s];
}

// `follow` without a gradient. Where the step is zero it is so whatever the denominator, which is
// positive; moments become that small after some 800 updates, and the divisions end.
__device__ __forceinline__ void follow_still(float& weight, float& first, float& second,
                                             const Rate& rate, const Moments& moments) {
    if (rate.skipped != 0.0f) return;
    weight = __fmul_rn(weight, rate.kept);
    first = __fadd_rn(first, __fmul_rn(__fsub_rn(0.0f, first), moments.first));
    second = __fmul_rn(second, moments.second_kept);
    float step = __fmul_rn(rate.size, first);
    if (step != 0.0f) {
        const float root = __fdiv_rn(__fsqrt_rn(second), rate.correction);
        step = __fdiv_rn(step, __fadd_rn(root, moments.epsilon));
    }
    weight = __fsub_rn(weight, step);
}

// Decay alone, of a row that never had a gradient. A lane reads one of the next 32 rates.
template <int STRIPS>
__device__ void replay_decay(float* row, const Rates& rates, Missed missed, int width) {
    float2 w[STRIPS];
    load_row(w, row, width);
    const auto kept_at = [&](int update) {
        return update < missed.to ? rate_of(rates.at, update, rates.flags).kept : 1.0f;
    };
    const int lane = int(threadIdx.x % 32);
    float kept = kept_at(missed.from + lane);
    for (int from = missed.from; from < missed.to; from += RATES_AHEAD) {
        const float later = kept_at(from + RATES_AHEAD + lane);
        const int updates = min(RATES_AHEAD, missed.to - from);
#pragma unroll 8
        for (int i = 0; i < updates; ++i) {
            const float now = __shfl_sync(ALL_LANES, kept, i);
#pragma unroll
            for (int s = 0; s < STRIPS; ++s)
                w[s] = {__fmul_rn(w[s].x, now), __fmul_rn(w[s].y, now)};
        }
        kept = later;
    }
    store_row(row, w, width);
}

// Whole updates without a gradient.
template <int STRIPS>
__device__ void replay_whole(const Table& table, int64_t start, const Rates& rates, Missed missed) {
    float2 w[STRIPS], m[STRIPS], v[STRIPS];
    load_row(w, table.weight + start, table.width);
    load_row(m, table.first + start, table.width);
    load_row(v, table.second + start, table.width);
    Rate rate = rate_of(rates.at, missed.from, rates.flags);
    for (int update = missed.from; update < missed.to; ++update) {
        const Rate later = rate_of(rates.at, min(update + 1, missed.to - 1), rates.flags);
#pragma unroll
        for (int s = 0; s < STRIPS; ++s) {
            follow_still(w[s].x, m[s].x, v[s].x, rate, rates.moments);
            follow_still(w[s].y, m[s].y, v[s].y, rate, rates.moments);
        }
        rate = later;
    }
    store_row(table.weight + start, w, table.width);
    store_row(table.first + start, m, table.width);
    store_row(table.second + start, v, table.width);
}

// Brings a row to `updates` updates. The block shares its count, which one thread writes at the end.
template <int STRIPS>
__device__ __forceinline__ void replay(const Table& table, int row, int updates, const Rates& rates) {
    const Missed missed{table.applied[row], updates};
    const bool is_seen = table.seen[row] != 0;
    __syncthreads();
    if (missed.from >= missed.to) return;
    const int64_t start = int64_t(row) * table.width;
    if (is_seen) {
        replay_whole<STRIPS>(table, start, rates, missed);
    } else if (rates.flags & DECAYS) {
        replay_decay<STRIPS>(table.weight + start, rates, missed, table.width);
    }
    if (threadIdx.x == 0) table.applied[row] = missed.to;
}

// All rows of `ids`, or the first `count` of the table.
template <int STRIPS>
__device__ __forceinline__ void replay_all(const Table& table, const int* ids, int count, int updates,
                                           const Rates& rates) {
    for (int i = int(blockIdx.x); i < count; i += int(gridDim.x))
        replay<STRIPS>(table, ids ? ids[i] : i, updates, rates);
}

__device__ __forceinline__ void replay_rows(const Table& table, const int* ids, int count, int updates,
                                            const Rates& rates) {
    const int strips = (table.width + ROW_STRIP - 1) / ROW_STRIP;
    if (strips == 1) return replay_all<1>(table, ids, count, updates, rates);
    if (strips == 2) return replay_all<2>(table, ids, count, updates, rates);
    if (strips == 3) return replay_all<3>(table, ids, count, updates, rates);
    if (strips == 4) replay_all<4>(table, ids, count, updates, rates);
}

KERNEL(catch_up_rows, TABLE_THREADS, const Step* step, const int* ids, float* weight, float* first,
       float* second, int* applied, uint8_t* seen, const Rate* rates, Moments moments,
       const Control* control, int flags, int width) {
    const Table table{weight, first, second, applied, seen, width};
    replay_rows(table, ids, step->words, updates_done(step->update, control), {rates, moments, flags});
}

KERNEL(settle_rows, TABLE_THREADS, const int* updates, float* weight, float* first, float* second,
       int* applied, uint8_t* seen, const Rate* rates, Moments moments, const Control* control,
       int flags, int vocabulary, int width) {
    const Table table{weight, first, second, applied, seen, width};
    replay_rows(table, nullptr, vocabulary, updates_done(*updates, control), {rates, moments, flags});
}

// The update of rows that are up to date, with the sum of all ranks' gradients (U, D).
KERNEL(adamw_rows, TABLE_THREADS, const Step* step, const int* ids, const float* gradients, float* weight,
       float* first, float* second, int* applied, uint8_t* seen, const Rate* rates, Moments moments,
       const Control* control, int flags, int width) {
    if (control->failed || control->skipped) return;
    const float scale = control->gradient_scale;
    const int update = step->update;
    const Rate rate = rate_of(rates, update, flags);
    for (int word = int(blockIdx.x); word < step->words; word += int(gridDim.x)) {
        const int row = ids[word];
        const int64_t start = int64_t(row) * width, read = int64_t(word) * width;
        for (int column = 2 * int(threadIdx.x); column < width; column += ROW_STRIP) {
            const auto pair = [&](float* values) {
                return reinterpret_cast<float2*>(values + start + column);
            };
            const float2 g = *reinterpret_cast<const float2*>(gradients + read + column);
            const float2 w = *pair(weight), m = *pair(first), v = *pair(second);
            Adam left{w.x, m.x, v.x}, right{w.y, m.y, v.y};
            follow(left, __fmul_rn(g.x, scale), rate, moments);
            follow(right, __fmul_rn(g.y, scale), rate, moments);
            *pair(weight) = {left.weight, right.weight};
            *pair(first) = {left.first, right.first};
            *pair(second) = {left.second, right.second};
        }
        if (threadIdx.x == 0) {
            applied[row] = update + 1;
            seen[row] = 1;
        }
    }
}
