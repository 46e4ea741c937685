// Attention over segments of at most 128 rows in bf16.
#include "attention_bf16_backward.cuh"
#include "attention_bf16_forward.cuh"

ATTENTION_FORWARD_BF16(32, 32)
ATTENTION_FORWARD_BF16(32, 64)
ATTENTION_FORWARD_BF16(32, 128)
ATTENTION_FORWARD_BF16(64, 32)
ATTENTION_FORWARD_BF16(64, 64)
ATTENTION_FORWARD_BF16(64, 128)

ATTENTION_BACKWARD_BF16(32, 32, attention_backward_short)
ATTENTION_BACKWARD_BF16(32, 64, attention_backward_short)
ATTENTION_BACKWARD_BF16(32, 128, attention_backward_short)
ATTENTION_BACKWARD_BF16(64, 32, attention_backward_short)
ATTENTION_BACKWARD_BF16(64, 64, attention_backward_short)
ATTENTION_BACKWARD_BF16(64, 128, attention_backward_short)
