/* Records what a process does to the files below one directory, what it says on stdout, and what it answers
 * over HTTP, in one order: preloaded (LD_PRELOAD) into the workload of power_loss.rs or into a server, whose
 * recording power_loss.rs reads.
 *
 * RECORD_DIR: the directory. RECORD_LOG: where the recording goes, outside of it.
 *
 * A record: op u8, fd i32, a i64, path length u32, data length u32, path, data (host byte order).
 * A lock is held from before a call until its record is written, so the records are in the calls' order
 * and a sync covers exactly the writes before it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { OPEN = 1, CLOSE, DUP, WRITE, TRUNCATE, SYNC, SYNC_RANGE, RENAME, UNLINK, MKDIR, RMDIR, SAID, ANSWERED };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int log_fd = -1;
static const char *dir;
static size_t dir_len;
static unsigned char watched[65536];

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static void begin(void) {
    const char *log = getenv("RECORD_LOG");
    dir = getenv("RECORD_DIR");
    if (!log || !dir) return;
    dir_len = strlen(dir);
    log_fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log_fd >= 0) {
        /* Out of the way of the numbers that the program counts on. */
        int high = syscall(SYS_fcntl, log_fd, F_DUPFD_CLOEXEC, 900);
        if (high >= 0) log_fd = high;
    }
}

static void all(const void *bytes, size_t len) {
    const char *at = bytes;
    while (len) {
        long written = syscall(SYS_write, log_fd, at, len);
        if (written <= 0) abort();
        at += written;
        len -= written;
    }
}

static void record(uint8_t op, int32_t fd, int64_t a, const char *path, const void *data, size_t len) {
    if (log_fd < 0) return;
    uint32_t path_len = path ? strlen(path) : 0, data_len = len;
    char head[21];
    memcpy(head, &op, 1);
    memcpy(head + 1, &fd, 4);
    memcpy(head + 5, &a, 8);
    memcpy(head + 13, &path_len, 4);
    memcpy(head + 17, &data_len, 4);
    all(head, sizeof head);
    if (path_len) all(path, path_len);
    if (data_len) all(data, data_len);
}

static int inside(const char *path) {
    return log_fd >= 0 && path && !strncmp(path, dir, dir_len) && (!path[dir_len] || path[dir_len] == '/');
}

static int is_watched(int fd) { return fd >= 0 && fd < 65536 && watched[fd]; }

static void enter(void) {
    pthread_once(&once, begin);
    pthread_mutex_lock(&lock);
}

static void leave(void) {
    int saved = errno;
    pthread_mutex_unlock(&lock);
    errno = saved;
}

static int opened(int fd, const char *path, int flags) {
    if (fd >= 0 && fd < 65536) {
        watched[fd] = inside(path);
        if (watched[fd]) record(OPEN, fd, flags & (O_CREAT | O_TRUNC), path, NULL, 0);
    }
    return fd;
}

#define OPENER(name)                                              \
    int name(const char *path, int flags, ...) {                  \
        va_list rest;                                             \
        va_start(rest, flags);                                    \
        int mode = va_arg(rest, int);                             \
        va_end(rest);                                             \
        enter();                                                  \
        int fd = opened(REAL(name)(path, flags, mode), path, flags); \
        leave();                                                  \
        return fd;                                                \
    }
OPENER(open)
OPENER(open64)

#define OPENER_AT(name)                                           \
    int name(int at, const char *path, int flags, ...) {          \
        va_list rest;                                             \
        va_start(rest, flags);                                    \
        int mode = va_arg(rest, int);                             \
        va_end(rest);                                             \
        enter();                                                  \
        int fd = REAL(name)(at, path, flags, mode);               \
        char full[PATH_MAX];                                      \
        const char *named = path;                                 \
        if (fd >= 0 && path[0] != '/') {                          \
            char link[64];                                        \
            snprintf(link, sizeof link, "/proc/self/fd/%d", fd);  \
            ssize_t len = readlink(link, full, sizeof full - 1);  \
            if (len > 0) { full[len] = 0; named = full; }         \
        }                                                         \
        opened(fd, named, flags);                                 \
        leave();                                                  \
        return fd;                                                \
    }
OPENER_AT(openat)
OPENER_AT(openat64)

int close(int fd) {
    enter();
    if (is_watched(fd)) record(CLOSE, fd, 0, NULL, NULL, 0);
    if (fd >= 0 && fd < 65536) watched[fd] = 0;
    int result = fd == log_fd ? 0 : REAL(close)(fd);
    leave();
    return result;
}

static int duplicated(int from, int to) {
    if (to >= 0 && to < 65536) {
        watched[to] = is_watched(from);
        if (watched[to]) record(DUP, to, from, NULL, NULL, 0);
    }
    return to;
}

#define CONTROL(name)                                             \
    int name(int fd, int command, ...) {                          \
        va_list rest;                                             \
        va_start(rest, command);                                  \
        void *argument = va_arg(rest, void *);                    \
        va_end(rest);                                             \
        enter();                                                  \
        int result = REAL(name)(fd, command, argument);           \
        if (command == F_DUPFD || command == F_DUPFD_CLOEXEC) duplicated(fd, result); \
        leave();                                                  \
        return result;                                            \
    }
CONTROL(fcntl)
CONTROL(fcntl64)

static void written(int fd, int64_t offset, const void *data, ssize_t len) {
    if (len > 0) record(WRITE, fd, offset, NULL, data, len);
}

/* An answer over HTTP/1.1 is recorded from its first byte on, before it leaves: whoever gets it has it later. */
static void answering(int fd, const struct iovec *parts, int count) {
    static char answer[1 << 16];
    size_t len = 0;
    if (is_watched(fd) || !count || parts[0].iov_len < 9 || memcmp(parts[0].iov_base, "HTTP/1.1 ", 9)) return;
    for (int i = 0; i < count; i++) {
        size_t part = parts[i].iov_len < sizeof answer - len ? parts[i].iov_len : sizeof answer - len;
        memcpy(answer + len, parts[i].iov_base, part);
        len += part;
    }
    record(ANSWERED, fd, 0, NULL, answer, len);
}

ssize_t send(int fd, const void *data, size_t len, int flags) {
    enter();
    answering(fd, &(struct iovec){(void *)data, len}, 1);
    leave();
    return REAL(send)(fd, data, len, flags);
}

ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
    enter();
    answering(fd, message->msg_iov, message->msg_iovlen);
    leave();
    return REAL(sendmsg)(fd, message, flags);
}

ssize_t write(int fd, const void *data, size_t len) {
    enter();
    answering(fd, &(struct iovec){(void *)data, len}, 1);
    ssize_t result = REAL(write)(fd, data, len);
    if (fd == 1 && result > 0) record(SAID, fd, 0, NULL, data, result);
    if (is_watched(fd)) written(fd, lseek(fd, 0, SEEK_CUR) - result, data, result);
    leave();
    return result;
}

#define POSITIONED(name, offset_type)                             \
    ssize_t name(int fd, const void *data, size_t len, offset_type offset) { \
        enter();                                                  \
        ssize_t result = REAL(name)(fd, data, len, offset);       \
        if (is_watched(fd)) written(fd, offset, data, result);    \
        leave();                                                  \
        return result;                                            \
    }
POSITIONED(pwrite, off_t)
POSITIONED(pwrite64, off64_t)

static void vector_written(int fd, int64_t offset, const struct iovec *parts, int count, ssize_t len) {
    for (int i = 0; i < count && len > 0; i++) {
        ssize_t part = (ssize_t)parts[i].iov_len < len ? (ssize_t)parts[i].iov_len : len;
        if (is_watched(fd)) written(fd, offset, parts[i].iov_base, part);
        else record(SAID, fd, 0, NULL, parts[i].iov_base, part);
        offset += part;
        len -= part;
    }
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    enter();
    answering(fd, parts, count);
    ssize_t result = REAL(writev)(fd, parts, count);
    if (is_watched(fd)) vector_written(fd, lseek(fd, 0, SEEK_CUR) - result, parts, count, result);
    else if (fd == 1) vector_written(fd, 0, parts, count, result);
    leave();
    return result;
}

#define TRUNCATER(name, offset_type)                              \
    int name(int fd, offset_type len) {                           \
        enter();                                                  \
        int result = REAL(name)(fd, len);                         \
        if (!result && is_watched(fd)) record(TRUNCATE, fd, len, NULL, NULL, 0); \
        leave();                                                  \
        return result;                                            \
    }
TRUNCATER(ftruncate, off_t)
TRUNCATER(ftruncate64, off64_t)

#define ALLOCATER(name, offset_type)                              \
    int name(int fd, int mode, offset_type offset, offset_type len) { \
        enter();                                                  \
        int result = REAL(name)(fd, mode, offset, len);           \
        /* Not used by anything yet: a recording that lacks it would be wrong. */ \
        if (is_watched(fd)) abort();                              \
        leave();                                                  \
        return result;                                            \
    }
ALLOCATER(fallocate, off_t)
ALLOCATER(fallocate64, off64_t)

static int synced(int fd, int result) {
    if (!result && is_watched(fd)) record(SYNC, fd, 0, NULL, NULL, 0);
    return result;
}

int fsync(int fd) {
    enter();
    int result = synced(fd, REAL(fsync)(fd));
    leave();
    return result;
}

int fdatasync(int fd) {
    enter();
    int result = synced(fd, REAL(fdatasync)(fd));
    leave();
    return result;
}

int sync_file_range(int fd, off64_t offset, off64_t len, unsigned int flags) {
    enter();
    int result = REAL(sync_file_range)(fd, offset, len, flags);
    if (!result && is_watched(fd)) record(SYNC_RANGE, fd, 0, NULL, NULL, 0);
    leave();
    return result;
}

int rename(const char *from, const char *to) {
    enter();
    int result = REAL(rename)(from, to);
    if (!result && inside(from)) record(RENAME, -1, 0, from, to, strlen(to));
    leave();
    return result;
}

int unlink(const char *path) {
    enter();
    int result = REAL(unlink)(path);
    if (!result && inside(path)) record(UNLINK, -1, 0, path, NULL, 0);
    leave();
    return result;
}

int unlinkat(int at, const char *path, int flags) {
    enter();
    char full[PATH_MAX + 256] = "";
    if (path[0] != '/') {
        char link[64];
        snprintf(link, sizeof link, "/proc/self/fd/%d", at);
        ssize_t len = readlink(link, full, PATH_MAX - 1);
        if (len > 0) snprintf(full + len, 256, "/%s", path);
    } else {
        snprintf(full, sizeof full, "%s", path);
    }
    int result = REAL(unlinkat)(at, path, flags);
    if (!result && inside(full)) record(flags & AT_REMOVEDIR ? RMDIR : UNLINK, -1, 0, full, NULL, 0);
    leave();
    return result;
}

int mkdir(const char *path, mode_t mode) {
    enter();
    int result = REAL(mkdir)(path, mode);
    if (!result && inside(path)) record(MKDIR, -1, 0, path, NULL, 0);
    leave();
    return result;
}

int rmdir(const char *path) {
    enter();
    int result = REAL(rmdir)(path);
    if (!result && inside(path)) record(RMDIR, -1, 0, path, NULL, 0);
    leave();
    return result;
}
