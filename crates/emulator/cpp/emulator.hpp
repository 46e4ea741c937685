// What the kernels include instead of CUDA: crates/gpu/src/cuda/step.cuh.
#pragma once
#include "block.hpp"
#include "collectives.hpp"
#include "language.hpp"
#include "registry.hpp"

#define threadIdx (emulator::current->index)
#define blockIdx (emulator::block->index)
#define blockDim (emulator::block->size)
#define gridDim (emulator::block->grid)
#define __syncthreads() emulator::barrier()
