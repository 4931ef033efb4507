/* Calls that touch files, made to fail or recorded on demand. `faulty_files.py` compiles this file and talks to it.
 *
 * The library is preloaded, so that it stands between a process and the C library: for Python, and for native code such
 * as SQLite's, HDF5's and TensorFlow's alike. It looks at paths below one folder only. What is asked of it stands in a
 * file that both sides map, so that children of the process count along.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum kind { OPEN, WRITE, RENAME, FSYNC, MKDIR, UNLINK, READ, KINDS };
enum { SHORT = -1 };

struct state {
    int32_t armed, kind, at, error, lasting, recording, hits, counts[KINDS];
    char root[PATH_MAX], log[PATH_MAX];
};

static struct state *state;

#define NEXT(name) ({ static __typeof__(&name) next; if (!next) next = dlsym(RTLD_NEXT, #name); next; })

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("FAULTY_FILES_STATE");
    int descriptor = path ? syscall(SYS_openat, AT_FDCWD, path, O_RDWR, 0) : -1;
    if (descriptor < 0) return;
    void *mapped = mmap(NULL, sizeof *state, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (mapped != MAP_FAILED) state = mapped;
    syscall(SYS_close, descriptor);
}

static int watching(void) { return state && (state->armed || state->recording); }

static int is_below_root(const char *path) {
    size_t length = strlen(state->root);
    return length && !strncmp(path, state->root, length) && (path[length] == '/' || !path[length]);
}

static int path_of(int descriptor, char *path) {
    char link[64];
    int before = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = syscall(SYS_readlinkat, AT_FDCWD, link, path, PATH_MAX - 1);
    errno = before;
    if (length < 0) return 0;
    path[length] = 0;
    return is_below_root(path);
}

static int absolute(int folder, const char *name, char *path) {
    char base[PATH_MAX];
    if (!watching() || !name) return 0;
    if (name[0] == '/') {
        snprintf(path, PATH_MAX, "%s", name);
    } else {
        int before = errno;
        if (folder == AT_FDCWD) {
            if (syscall(SYS_getcwd, base, sizeof base) < 0) base[0] = 0;
        } else if (!path_of(folder, base)) {
            base[0] = 0;
        }
        errno = before;
        if (snprintf(path, PATH_MAX, "%s/%s", base, name) >= PATH_MAX) return 0;
    }
    return is_below_root(path);
}

/* Returns the error of this call, SHORT for a short write, and 0 if it is to succeed. */
static int32_t fault(enum kind kind) {
    if (!state->armed) return 0;
    int32_t count = __sync_add_and_fetch(&state->counts[kind], 1);
    if (kind != (enum kind)state->kind || !state->at) return 0;
    if (count != state->at && !(state->lasting && count > state->at)) return 0;
    __sync_add_and_fetch(&state->hits, 1);
    if (state->error > 0) errno = state->error;
    return state->error;
}

static void note(char operation, const char *path, const void *data, size_t size, int64_t offset) {
    if (!state->recording) return;
    int before = errno;
    int log = syscall(SYS_openat, AT_FDCWD, state->log, O_WRONLY | O_APPEND | O_CREAT, 0600);
    uint32_t lengths[2] = {strlen(path), size};
    struct iovec parts[] = {
        {&operation, 1}, {&offset, sizeof offset}, {lengths, sizeof lengths}, {(void *)path, lengths[0]}, {(void *)data, size},
    };
    syscall(SYS_writev, log, parts, 5);
    syscall(SYS_close, log);
    errno = before;
}

static int opened(int folder, const char *name, int flags, mode_t mode) {
    char path[PATH_MAX];
    int below = absolute(folder, name, path);
    int writes = (flags & O_ACCMODE) != O_RDONLY || flags & O_CREAT;
    if (below && writes && fault(OPEN) > 0) return -1;
    int existed = below && state->recording && !syscall(SYS_faccessat, AT_FDCWD, path, F_OK);
    int descriptor = syscall(SYS_openat, folder, name, flags, mode);
    if (descriptor >= 0 && below && writes) {
        if (!existed) note('c', path, NULL, 0, 0);
        if (flags & O_TRUNC) note('t', path, NULL, 0, 0);
    }
    return descriptor;
}

#define MODE(flags) ({ mode_t mode = 0; if ((flags) & (O_CREAT | O_TMPFILE)) { va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); } mode; })

int open(const char *name, int flags, ...) { return opened(AT_FDCWD, name, flags, MODE(flags)); }
int open64(const char *name, int flags, ...) { return opened(AT_FDCWD, name, flags, MODE(flags)); }
int openat(int folder, const char *name, int flags, ...) { return opened(folder, name, flags, MODE(flags)); }
int openat64(int folder, const char *name, int flags, ...) { return opened(folder, name, flags, MODE(flags)); }
int __open_2(const char *name, int flags) { return opened(AT_FDCWD, name, flags, 0); }
int __open64_2(const char *name, int flags) { return opened(AT_FDCWD, name, flags, 0); }

static int is_writing_below(int descriptor, char *path) { return watching() && path_of(descriptor, path); }

ssize_t write(int descriptor, const void *data, size_t size) {
    char path[PATH_MAX];
    if (!is_writing_below(descriptor, path)) return syscall(SYS_write, descriptor, data, size);
    int32_t error = fault(WRITE);
    if (error > 0) return -1;
    ssize_t done = syscall(SYS_write, descriptor, data, error == SHORT && size > 1 ? size / 2 : size);
    if (done > 0) note('w', path, data, done, syscall(SYS_lseek, descriptor, 0, SEEK_CUR) - done);
    return done;
}

ssize_t pwrite(int descriptor, const void *data, size_t size, off_t offset) {
    char path[PATH_MAX];
    if (!is_writing_below(descriptor, path)) return syscall(SYS_pwrite64, descriptor, data, size, offset);
    int32_t error = fault(WRITE);
    if (error > 0) return -1;
    ssize_t done = syscall(SYS_pwrite64, descriptor, data, error == SHORT && size > 1 ? size / 2 : size, offset);
    if (done > 0) note('w', path, data, done, offset);
    return done;
}
ssize_t pwrite64(int descriptor, const void *data, size_t size, off64_t offset) {
    return pwrite(descriptor, data, size, offset);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count) {
    char path[PATH_MAX];
    if (!is_writing_below(descriptor, path)) return syscall(SYS_writev, descriptor, parts, count);
    for (int place = 0; place < count; place++) /* a short write is allowed: the first part that is not empty */
        if (parts[place].iov_len) return write(descriptor, parts[place].iov_base, parts[place].iov_len);
    return 0;
}

static ssize_t copied(int target, const char *path, ssize_t done) {
    if (done <= 0 || !state->recording) return done;
    off_t end = syscall(SYS_lseek, target, 0, SEEK_CUR);
    char *data = malloc(done);
    int reading = syscall(SYS_openat, AT_FDCWD, path, O_RDONLY, 0);
    if (syscall(SYS_pread64, reading, data, done, end - done) == done) note('w', path, data, done, end - done);
    syscall(SYS_close, reading);
    free(data);
    return done;
}

ssize_t sendfile(int target, int source, off_t *offset, size_t size) {
    char path[PATH_MAX];
    if (!is_writing_below(target, path)) return syscall(SYS_sendfile, target, source, offset, size);
    int32_t error = fault(WRITE);
    if (error > 0) return -1;
    return copied(target, path, syscall(SYS_sendfile, target, source, offset, error == SHORT ? 1 : size));
}
ssize_t sendfile64(int target, int source, off64_t *offset, size_t size) { return sendfile(target, source, offset, size); }

ssize_t copy_file_range(int source, off64_t *from, int target, off64_t *to, size_t size, unsigned flags) {
    char path[PATH_MAX];
    if (is_writing_below(target, path)) { errno = ENOSYS; return -1; } /* the caller falls back on others */
    return syscall(SYS_copy_file_range, source, from, target, to, size, flags);
}

static int renamed(int from, const char *old, int to, const char *name, unsigned flags) {
    char before[PATH_MAX], after[PATH_MAX];
    int below = absolute(from, old, before) & absolute(to, name, after);
    if (below && fault(RENAME) > 0) return -1;
    int failed = syscall(SYS_renameat2, from, old, to, name, flags);
    if (!failed && below) note(flags & 2 ? 'x' : 'r', before, after, strlen(after), 0);
    return failed;
}
int rename(const char *old, const char *name) { return renamed(AT_FDCWD, old, AT_FDCWD, name, 0); }
int renameat(int from, const char *old, int to, const char *name) { return renamed(from, old, to, name, 0); }
int renameat2(int from, const char *old, int to, const char *name, unsigned flags) { return renamed(from, old, to, name, flags); }

static int synchronised(int descriptor, long call) {
    char path[PATH_MAX];
    int below = watching() && path_of(descriptor, path);
    if (below && fault(FSYNC) > 0) return -1;
    int failed = syscall(call, descriptor);
    if (!failed && below) note('s', path, NULL, 0, 0);
    return failed;
}
int fsync(int descriptor) { return synchronised(descriptor, SYS_fsync); }
int fdatasync(int descriptor) { return synchronised(descriptor, SYS_fdatasync); }

int mkdirat(int folder, const char *name, mode_t mode) {
    char path[PATH_MAX];
    int below = absolute(folder, name, path);
    if (below && fault(MKDIR) > 0) return -1;
    int failed = syscall(SYS_mkdirat, folder, name, mode);
    if (!failed && below) note('m', path, NULL, 0, 0);
    return failed;
}
int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }

int unlinkat(int folder, const char *name, int flags) {
    char path[PATH_MAX];
    int below = absolute(folder, name, path);
    if (below && fault(UNLINK) > 0) return -1;
    int failed = syscall(SYS_unlinkat, folder, name, flags);
    if (!failed && below) note('u', path, NULL, 0, 0);
    return failed;
}
int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }

ssize_t read(int descriptor, void *data, size_t size) {
    char path[PATH_MAX];
    if (watching() && state->armed && path_of(descriptor, path)) {
        int32_t error = fault(READ);
        if (error > 0) return -1;
        if (error == SHORT && size > 1) size /= 2;
    }
    return syscall(SYS_read, descriptor, data, size);
}
ssize_t pread(int descriptor, void *data, size_t size, off_t offset) {
    char path[PATH_MAX];
    if (watching() && state->armed && path_of(descriptor, path) && fault(READ) > 0) return -1;
    return syscall(SYS_pread64, descriptor, data, size, offset);
}
ssize_t pread64(int descriptor, void *data, size_t size, off64_t offset) { return pread(descriptor, data, size, offset); }

int ftruncate(int descriptor, off_t length) {
    char path[PATH_MAX];
    int below = watching() && path_of(descriptor, path);
    int32_t error = below && !(state->kind == WRITE && state->error == EINTR) ? fault(WRITE) : 0; /* no signal ends it */
    if (error > 0) return -1;
    int failed = syscall(SYS_ftruncate, descriptor, length);
    if (!failed && below) note('t', path, NULL, 0, length);
    return failed;
}
int ftruncate64(int descriptor, off64_t length) { return ftruncate(descriptor, length); }

/* C++ code of TensorFlow writes through stdio, whose own calls do not pass through here. */
FILE *fopen64(const char *name, const char *mode) {
    char path[PATH_MAX];
    if (absolute(AT_FDCWD, name, path) && strpbrk(mode, "wa+") && fault(OPEN) > 0) return NULL;
    return NEXT(fopen64)(name, mode);
}
FILE *fopen(const char *name, const char *mode) { return fopen64(name, mode); }
size_t fwrite(const void *data, size_t size, size_t count, FILE *file) {
    char path[PATH_MAX];
    if (watching() && path_of(fileno(file), path) && fault(WRITE) > 0) return 0;
    return NEXT(fwrite)(data, size, count, file);
}
