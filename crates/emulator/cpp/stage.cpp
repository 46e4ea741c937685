#include "stage.hpp"

#include <new>
#include <sys/mman.h>

#include "fiber.hpp"

namespace emulator {

namespace {

constexpr size_t PAGE = 65536;  // at least a page of any system
constexpr size_t STACK = 65536; // of a thread
constexpr size_t SHARED = 4 * PAGE;
constexpr int NAN_BYTE = 0xff;  // what memory holds that nobody wrote

// `bytes` bytes that cannot be touched.
char* reserved(size_t bytes) {
    void* memory = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return memory == MAP_FAILED ? nullptr : static_cast<char*>(memory);
}

bool open(void* memory, size_t bytes) {
    return mprotect(memory, bytes, PROT_READ | PROT_WRITE) == 0;
}

size_t padded(size_t bytes) { return (bytes + 15) / 16 * 16; }

} // namespace

Stage* Stage::create() {
    auto* stage = new (std::nothrow) Stage;
    if (!stage) return nullptr;
    stage->stacks = reserved(MOST_THREADS * (PAGE + STACK));
    char* room = reserved(SHARED + 2 * PAGE);
    if (!stage->stacks || !room || !open(room + PAGE, SHARED)) return nullptr;
    for (size_t i = 0; i < MOST_THREADS; ++i)
        if (!open(stage->stacks + i * (PAGE + STACK) + PAGE, STACK)) return nullptr;
    stage->room = reinterpret_cast<unsigned char*>(room) + PAGE;
    return stage;
}

void Stage::prepare(unsigned threads, unsigned bytes) {
    shared = bytes;
    block.shared = room + SHARED - padded(bytes);
    std::memset(block.shared, NAN_BYTE, padded(bytes));
    block.warps = threads / LANES;
    for (unsigned i = 0; i < threads; ++i) {
        Thread& thread = block.threads[i];
        thread.index = {i, 0, 0};
        thread.lane = i % LANES;
        thread.warp = &block.warp[i / LANES];
        char* bottom = stacks + i * (PAGE + STACK) + PAGE;
        // The tops of stacks lie in different sets of the cache.
        char* top = bottom + STACK - i * 320 % 8192;
        thread.stack_pointer = new_fiber(bottom, top, start_thread);
    }
}

bool Stage::shared_is_intact() const {
    for (size_t i = shared; i < padded(shared); ++i)
        if (block.shared[i] != NAN_BYTE) return false;
    return true;
}

int Stage::overflowed(uint64_t address) const {
    const uint64_t offset = address - reinterpret_cast<uint64_t>(stacks);
    if (offset >= MOST_THREADS * (PAGE + STACK) || offset % (PAGE + STACK) >= PAGE) return -1;
    return int(offset / (PAGE + STACK));
}

bool Stage::beside_shared(uint64_t address, int64_t& offset) const {
    const auto first = reinterpret_cast<uint64_t>(room) - PAGE;
    if (address - first >= SHARED + 2 * PAGE) return false;
    offset = int64_t(address - reinterpret_cast<uint64_t>(block.shared));
    return true;
}

} // namespace emulator
