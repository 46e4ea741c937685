// Attention over segments of at most 512 rows, in f32 and bf16.
#include "attention_bf16_forward.cuh"
#include "attention_bf16_long.cuh"
#include "attention_f32_backward.cuh"

ATTENTION_FORWARD_F32(32, 512)
ATTENTION_FORWARD_F32(64, 512)
ATTENTION_BACKWARD_F32(32, 512)
ATTENTION_BACKWARD_F32(64, 512)

ATTENTION_FORWARD_BF16(32, 512)
ATTENTION_FORWARD_BF16(64, 512)
ATTENTION_BACKWARD_BF16(32, 512, attention_backward_long)
ATTENTION_BACKWARD_BF16(64, 512, attention_backward_long)
