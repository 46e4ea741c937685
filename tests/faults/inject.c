/* Faults of the file system, for tests: loaded into a process with LD_PRELOAD.
 *
 * It counts the calls that change something under one directory (creating, writing, syncing, renaming,
 * removing) and treats the call of one number specially:
 *   FAULT_UNDER   the directory, as an absolute path without links
 *   FAULT_NAME    only calls on paths that contain this text are counted, where it is given
 *   FAULT_LOG     a file that each counted call is appended to: "number verb path"
 *   FAULT_AT      the number of the call, from 1
 *   FAULT_ERRNO   what that call fails with
 *   FAULT_STAYS   1: all later calls that need space fail as well, until something was removed
 *   FAULT_KILL    1: the process kills itself with SIGKILL before that call
 *                 2: half of what that call would write is written first
 *   FAULT_HOLD    opening a path that contains this text to read it, for the second time, waits without
 *                 end: a run looks whether it can be opened before it does anything else
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static atomic_long calls;
static atomic_int is_full, held_back;

static const char *setting(const char *name) {
    const char *value = getenv(name);
    return value && *value ? value : NULL;
}

static long number(const char *name) {
    const char *value = setting(name);
    return value ? atol(value) : 0;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* The absolute path of what a call names relative to a directory's descriptor. */
static void absolute(char *out, int at, const char *path) {
    char base[PATH_MAX] = "";
    if (path[0] == '/') {
        snprintf(out, PATH_MAX, "%s", path);
        return;
    }
    if (at == AT_FDCWD) {
        if (!getcwd(base, sizeof base)) base[0] = 0;
    } else {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", at);
        ssize_t length = readlink(link, base, sizeof base - 1);
        base[length > 0 ? length : 0] = 0;
    }
    snprintf(out, PATH_MAX, "%.2000s/%.2000s", base, path);
}

static void of_descriptor(char *out, int file) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, out, PATH_MAX - 1);
    out[length > 0 ? length : 0] = 0;
}

static int is_watched(const char *path) {
    const char *under = setting("FAULT_UNDER"), *name = setting("FAULT_NAME");
    if (!under || strncmp(path, under, strlen(under))) return 0;
    return !name || strstr(path, name) != NULL;
}

static void note(long call, const char *verb, const char *path) {
    const char *log = setting("FAULT_LOG");
    if (!log) return;
    int file = REAL(open64)(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    char line[PATH_MAX + 64];
    int length = snprintf(line, sizeof line, "%ld %s %s\n", call, verb, path);
    if (file >= 0) {
        (void)!REAL(write)(file, line, (size_t)length);
        close(file);
    }
}

enum space { NEEDS_SPACE, NEEDS_NONE, FREES_SPACE };

/* Whether a call fails, with errno set; 2 where the process is to end halfway through. */
static int fails(const char *verb, const char *path, enum space space) {
    if (!is_watched(path)) return 0;
    long call = atomic_fetch_add(&calls, 1) + 1, at = number("FAULT_AT");
    note(call, verb, path);
    if (space == FREES_SPACE) atomic_store(&is_full, 0);
    if (call == at && number("FAULT_KILL") == 1) kill(getpid(), SIGKILL);
    if (call == at && number("FAULT_KILL") == 2) return 2;
    if (call == at && setting("FAULT_ERRNO")) {
        if (number("FAULT_STAYS")) atomic_store(&is_full, 1);
        errno = (int)number("FAULT_ERRNO");
        return 1;
    }
    if (atomic_load(&is_full) && space == NEEDS_SPACE) {
        errno = (int)number("FAULT_ERRNO");
        return 1;
    }
    return 0;
}

static void end(void) { kill(getpid(), SIGKILL); }

static int open_fails(int at, const char *path, int flags) {
    char whole[PATH_MAX];
    absolute(whole, at, path);
    const char *held = setting("FAULT_HOLD");
    if (held && (flags & O_ACCMODE) == O_RDONLY && strstr(whole, held) && atomic_fetch_add(&held_back, 1))
        for (;;) pause();
    if (!(flags & O_CREAT)) return 0;
    int code = fails("create", whole, NEEDS_SPACE);
    if (code == 2) end();
    return code;
}

#define MODE(flags) mode_t mode = 0; \
    if ((flags) & O_CREAT) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); }

int open(const char *path, int flags, ...) {
    MODE(flags)
    return open_fails(AT_FDCWD, path, flags) ? -1 : REAL(open)(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    MODE(flags)
    return open_fails(AT_FDCWD, path, flags) ? -1 : REAL(open64)(path, flags, mode);
}

int openat(int at, const char *path, int flags, ...) {
    MODE(flags)
    return open_fails(at, path, flags) ? -1 : REAL(openat)(at, path, flags, mode);
}

int openat64(int at, const char *path, int flags, ...) {
    MODE(flags)
    return open_fails(at, path, flags) ? -1 : REAL(openat64)(at, path, flags, mode);
}

ssize_t write(int file, const void *bytes, size_t count) {
    char path[PATH_MAX];
    of_descriptor(path, file);
    int code = fails("write", path, NEEDS_SPACE);
    if (code == 1) return -1;
    ssize_t written = REAL(write)(file, bytes, code == 2 ? count / 2 : count);
    if (code == 2) end();
    return written;
}

ssize_t pwrite64(int file, const void *bytes, size_t count, off64_t at) {
    char path[PATH_MAX];
    of_descriptor(path, file);
    int code = fails("write", path, NEEDS_SPACE);
    if (code == 1) return -1;
    ssize_t written = REAL(pwrite64)(file, bytes, code == 2 ? count / 2 : count, at);
    if (code == 2) end();
    return written;
}

ssize_t writev(int file, const struct iovec *parts, int count) {
    char path[PATH_MAX];
    of_descriptor(path, file);
    int code = fails("write", path, NEEDS_SPACE);
    if (code == 1) return -1;
    ssize_t written = REAL(writev)(file, parts, code == 2 ? count / 2 : count);
    if (code == 2) end();
    return written;
}

ssize_t copy_file_range(int from, off64_t *at, int to, off64_t *there, size_t count, unsigned flags) {
    char path[PATH_MAX];
    of_descriptor(path, to);
    int code = fails("write", path, NEEDS_SPACE);
    if (code == 1) return -1;
    ssize_t written = REAL(copy_file_range)(from, at, to, there, code == 2 ? count / 2 : count, flags);
    if (code == 2) end();
    return written;
}

#define ON_DESCRIPTOR(name, arguments, passed, verb, space) \
    int name arguments { \
        char path[PATH_MAX]; \
        of_descriptor(path, file); \
        int code = fails(verb, path, space); \
        if (code == 2) end(); \
        return code ? -1 : REAL(name) passed; \
    }

ON_DESCRIPTOR(fsync, (int file), (file), "sync", NEEDS_NONE)
ON_DESCRIPTOR(fdatasync, (int file), (file), "sync", NEEDS_NONE)
ON_DESCRIPTOR(ftruncate64, (int file, off64_t length), (file, length), "truncate", NEEDS_NONE)

#define ON_PATH(name, arguments, passed, at, verb, space) \
    int name arguments { \
        char whole[PATH_MAX]; \
        absolute(whole, at, path); \
        int code = fails(verb, whole, space); \
        if (code == 2) end(); \
        return code ? -1 : REAL(name) passed; \
    }

ON_PATH(mkdir, (const char *path, mode_t mode), (path, mode), AT_FDCWD, "mkdir", NEEDS_SPACE)
ON_PATH(unlink, (const char *path), (path), AT_FDCWD, "remove", FREES_SPACE)
ON_PATH(rmdir, (const char *path), (path), AT_FDCWD, "remove", FREES_SPACE)
ON_PATH(unlinkat, (int at, const char *path, int flags), (at, path, flags), at, "remove", FREES_SPACE)
ON_PATH(rename, (const char *from, const char *path), (from, path), AT_FDCWD, "rename", NEEDS_NONE)
ON_PATH(link, (const char *from, const char *path), (from, path), AT_FDCWD, "link", NEEDS_SPACE)
