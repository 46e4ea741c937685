#!/usr/bin/env python3
"""Slows, stops and hangs one of four ranks at a moment of a run, and counts how often it is named in time.

    tests/faults/stalls.py [--times 20] [--start local,mpirun] [--seed 1] [--programs DIR] [case ...]

A case is HOW-WHEN. HOW is `stop` (SIGSTOP of the process), `hang` (the main thread alone is stopped, by
ptrace, so that the watch of the rank lives; `hang-save`: fsync of the leader does not return) or `slow`
(SIGSTOP and SIGCONT in turn). WHEN is `start`, `train`, `evaluate` or `save`. Each run has to end with code 5 within the deadline + 5 s, the rank has to
be named by all that a user sees, and no process may remain. A slow rank has to be named, and the run
goes on until it is stopped.

The programs are target/release/{launcher,trainer}. It needs the right to trace its own processes.
"""

import argparse
import ctypes
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
RANKS = 4
DEADLINE = 3
PEER_TIMEOUT = 3
LATER = 5
# How much longer mpirun may take to end what is left after the first rank has ended.
ENDED = 6
LIBC = ctypes.CDLL(None, use_errno=True)
SEIZE, INTERRUPT = 0x4206, 0x4207
# What a flight record calls the phases that a case is after.
PHASES = {
    "start": {"starting"},
    "train": {"computing", "summing", "stepping"},
    "evaluate": {"evaluating"},
    "save": {"saving"},
}


# fsync of a process with this library does not return while the file in LOCKSTEP_HANG exists.
FSYNC = """
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
int fsync(int file) {
    const char *mark = getenv("LOCKSTEP_HANG");
    while (mark && access(mark, F_OK) == 0) pause();
    return syscall(SYS_fsync, file);
}
"""


def library(folder):
    """A library that lets fsync hang."""
    source, built = folder / "hang.c", folder / "hang.so"
    source.write_text(FSYNC)
    subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", built, source], check=True)
    return {"LD_PRELOAD": str(built), "LOCKSTEP_HANG": str(folder / "hang")}


def rows(path, count, seed):
    words = "good bad fine dull sharp slow warm cold film plot".split()
    pick = random.Random(seed)
    with open(path, "w") as out:
        out.write("sentence\tlabel\n")
        for index in range(count):
            text = " ".join(pick.choice(words) for _ in range(8))
            out.write(f"{text}\t{'yes' if index % 2 else 'no'}\n")


def command(programs, folder, start, when):
    """Runs that are in the phase in question most of the time."""
    evaluates = when == "evaluate"
    rows(folder / "train.tsv", 400, 1)
    rows(folder / "valid.tsv", 4000 if evaluates else 8, 2)
    flags = {
        "model": "builtin:tiny",
        "train-file": folder / "train.tsv",
        "validation-file": folder / "valid.tsv",
        "output-dir": folder / "out",
        "device": "cpu",
        "max-steps": 1000000,
        "global-batch-size": 4 if when in ("evaluate", "save") else 64,
        "eval-strategy": "steps",
        "eval-steps": 1 if evaluates else 1000000,
        "save-strategy": "steps",
        "save-steps": 1 if when == "save" else 1000000,
        "save-total-limit": 2,
        "startup-timeout": DEADLINE if when == "start" else 60,
        "collective-timeout": DEADLINE,
        "save-timeout": DEADLINE,
        "peer-timeout": PEER_TIMEOUT,
    }
    words = [f"--{name}={value}" for name, value in flags.items()]
    return [str(programs / "launcher"), "--start", start, "--nproc-per-node", str(RANKS), "--", "train", *words]


def environment():
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return kept | {
        "NO_COLOR": "1",
        "HF_HUB_OFFLINE": "1",
        "RAYON_NUM_THREADS": "1",
        "OMPI_ALLOW_RUN_AS_ROOT": "1",
        "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
        "OMPI_MCA_rmaps_base_oversubscribe": "1",
        "OMPI_MCA_hwloc_base_binding_policy": "none",
        "OMPI_MCA_mpi_yield_when_idle": "1",
    }


def ranks(folder):
    """The processes of the run, by rank."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if not words[0].endswith(b"trainer") or str(folder).encode() not in b" ".join(words):
                continue
            variables = (entry / "environ").read_bytes().split(b"\0")
        except OSError:
            continue
        for variable in variables:
            name, _, value = variable.partition(b"=")
            if name in (b"RANK", b"OMPI_COMM_WORLD_RANK"):
                found[int(value)] = int(entry.name)
    return found


def wait_for(condition, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = condition()
        if value:
            return value
        time.sleep(0.002)
    return None


def hang(pid):
    """Stops the main thread alone. It stays so as long as the thread that calls this lives."""
    if LIBC.ptrace(SEIZE, pid, None, None) != 0 or LIBC.ptrace(INTERRUPT, pid, None, None) != 0:
        raise OSError(ctypes.get_errno(), "ptrace")


def reap(pid):
    """A process that is traced stays a zombie until its tracer has asked for its end."""
    try:
        os.waitpid(pid, os.WNOHANG | 0x40000000)
    except ChildProcessError:
        pass


def slow(pid, over):
    """Lets a process run for a tenth of the time."""
    while not over.is_set():
        try:
            os.kill(pid, signal.SIGSTOP)
            time.sleep(0.18)
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            return
        time.sleep(0.02)


def updates(folder):
    try:
        return (folder / "out/metrics.jsonl").read_bytes().count(b"\n")
    except OSError:
        return 0


def moment(folder, when, pick, run):
    """Waits until the run is where the fault is to happen."""
    if when == "start":
        found = wait_for(lambda: (lambda r: r if len(r) == RANKS else None)(ranks(folder)), 20)
        time.sleep(pick.uniform(0, 0.4))
        return found
    wait_for(lambda: updates(folder) >= 3 or run.poll() is not None, 60)
    time.sleep(pick.uniform(0, 0.5))
    return ranks(folder)


def once(programs, start, how, when, pick):
    """One run; gives what went wrong, and the seconds until the end."""
    folder = Path(tempfile.mkdtemp(prefix="stalls-"))
    rank = 0 if (how, when) == ("hang", "save") else pick.randrange(RANKS)
    log = open(folder / "told", "w+")
    run = subprocess.Popen(
        command(programs, folder, start, when),
        stdout=log,
        stderr=log,
        env=environment() | (library(folder) if (how, when) == ("hang", "save") else {}),
        cwd=folder,
    )
    pids, over = moment(folder, when, pick, run), threading.Event()
    faults = []
    try:
        if not pids or rank not in pids or run.poll() is not None:
            return ["the run did not come so far"], 0.0, folder
        began = time.monotonic()
        if how == "slow":
            threading.Thread(target=slow, args=(pids[rank], over), daemon=True).start()
            said = lambda: re.search(rf"rank {rank} \(host \S+\) slows the run", read(log))
            # Two windows of a quarter of the deadline, which the slow rank may lengthen.
            if not wait_for(lambda: said() or run.poll() is not None, DEADLINE + LATER) or not said():
                faults.append("the slow rank is not named")
            return faults, time.monotonic() - began, folder
        if how == "stop":
            os.kill(pids[rank], signal.SIGSTOP)
        elif when == "save":
            (folder / "hang").touch()
        else:
            hang(pids[rank])
        limit = DEADLINE + LATER + (ENDED if start == "mpirun" else 0)
        code = wait_for(lambda: reap(pids[rank]) or (run.poll() is not None and [run.poll()]), limit)
        seconds = time.monotonic() - began
        told = read(log)
        if code is None:
            faults.append(f"it did not end within {limit} s")
        elif code[0] != 5 and start == "local":
            faults.append(f"exit code {code[0]}")
        elif code[0] == 0:
            faults.append("exit code 0")
        if not re.search(rf"error: .*\brank {rank}\b", told):
            faults.append(f"rank {rank} is not named")
        others = set(range(RANKS)) - {rank}
        if any(re.search(rf"error: rank {other} \(host", told) for other in others):
            faults.append("another rank is named")
        left = wait_for(lambda: reap(pids[rank]) or not ranks(folder), 4)
        if not left:
            faults.append(f"processes remain: {ranks(folder)}")
        return faults, seconds, folder
    finally:
        over.set()
        for pid in ranks(folder).values():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        run.kill()
        run.wait()


def read(log):
    log.flush()
    return Path(log.name).read_text(errors="replace")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=20)
    parser.add_argument("--start", default="local,mpirun")
    parser.add_argument("--programs", type=Path, default=ROOT / "target/release")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("cases", nargs="*")
    options = parser.parse_args()
    cases = options.cases or [
        f"{how}-{when}" for when in PHASES for how in ("stop", "hang")
    ] + ["slow-train"]
    failed = 0
    for start in options.start.split(","):
        if start == "mpirun" and shutil.which("mpirun") is None:
            print("skipped: there is no mpirun")
            continue
        for case in cases:
            how, when = case.split("-")
            pick, good, slowest, phases = random.Random(options.seed), 0, 0.0, {}
            for number in range(options.times):
                # A tracer ends its traces with its thread, so each run has a thread for itself.
                outcome = []
                worker = threading.Thread(target=lambda: outcome.append(once(options.programs, start, how, when, pick)))
                worker.start()
                worker.join()
                faults, seconds, folder = outcome[0] if outcome else (["it failed"], 0.0, None)
                good += not faults
                slowest = max(slowest, seconds)
                if folder:
                    told = (folder / "told").read_text(errors="replace")
                    phase = re.search(r"error: rank \d+ \(host.*?(?:while|it is) ([a-z ]+)", told)
                    phase = phase.group(1).strip() if phase else "-"
                    phases[phase] = phases.get(phase, 0) + 1
                    if faults:
                        print(f"  {start} {case} {number}: {'; '.join(faults)}\n{told[-1500:]}")
                    shutil.rmtree(folder, ignore_errors=True)
            failed += options.times - good
            print(
                f"{start:7} {case:14} named {good} of {options.times}, at most {slowest:.1f} s "
                f"(deadline {DEADLINE} s); said: {phases}",
                flush=True,
            )
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
