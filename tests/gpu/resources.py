"""Shows what our kernels take of a multiprocessor, and fails where a table wants less.

usage: resources.py TABLE < what ptxas -v says

A row of the table: a pattern of kernels' names, the threads of a block, its dynamic shared memory in
bytes, and how many warps a multiprocessor has to hold at once. A kernel's first matching row counts.
No kernel may spill.
"""

import re
import sys

# Of a multiprocessor of H100 and H200 (CUDA C++ programming guide, compute capability 9.0).
QUARTERS, QUARTER_REGISTERS, REGISTER_UNIT = 4, 16384, 256
WARPS, BLOCKS, SHARED, SHARED_OF_BLOCK = 64, 32, 228 * 1024, 1024

ENTRY = re.compile(r"Compiling entry function '(\w+)'")
SPILLS = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
USED = re.compile(r"Used (\d+) registers")


def kernels(lines):
    """The name, registers, stack and spilled bytes of each kernel."""
    name, stack, spilled = None, 0, 0
    for line in lines:
        if match := ENTRY.search(line):
            name, stack, spilled = match[1], 0, 0
        elif match := SPILLS.search(line):
            stack, spilled = stack + int(match[1]), spilled + int(match[2]) + int(match[3])
        elif (match := USED.search(line)) and name:
            yield name, int(match[1]), stack, spilled
            name = None


def rows(path):
    """The table without its heading."""
    with open(path, encoding="utf-8") as table:
        for line in list(table)[1:]:
            pattern, *numbers = line.split("\t")
            yield re.compile(pattern), *map(int, numbers)


def resident_warps(registers, threads, shared):
    """How many warps a multiprocessor holds at once."""
    of_warp = -(-registers * 32 // REGISTER_UNIT) * REGISTER_UNIT
    of_block = threads // 32
    by_registers = QUARTERS * (QUARTER_REGISTERS // of_warp) // of_block
    by_shared = SHARED // (shared + SHARED_OF_BLOCK)
    return min(by_registers, by_shared, WARPS // of_block, BLOCKS) * of_block


def main():
    """Prints the table, and ends with 1 where a kernel takes too much."""
    wanted = list(rows(sys.argv[1]))
    faults, seen = [], 0
    print(f"{'kernel':48}{'threads':>8}{'registers':>10}{'stack':>7}{'spilled':>8}{'shared':>8}{'warps':>6}")
    for name, registers, stack, spilled in sorted(kernels(sys.stdin)):
        seen += 1
        row = next((row for row in wanted if row[0].fullmatch(name)), None)
        if row is None:
            faults.append(f"{name} has no row in {sys.argv[1]}")
            continue
        _, threads, shared, least = row
        warps = resident_warps(registers, threads, shared)
        print(f"{name:48}{threads:8}{registers:10}{stack:7}{spilled:8}{shared:8}{warps:6}")
        if spilled:
            faults.append(f"{name} spills {spilled} bytes")
        if warps < least:
            faults.append(f"{name} lets a multiprocessor hold {warps} warps, wanted: {least}")
    if not seen:
        faults.append("ptxas named no kernel")
    for fault in faults:
        print(fault, file=sys.stderr)
    sys.exit(bool(faults))


if __name__ == "__main__":
    main()
