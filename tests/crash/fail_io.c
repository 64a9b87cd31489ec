/* Makes calls on files fail as a broken or full disk makes them: preloaded (LD_PRELOAD) into a server by
 * failing_io.rs.
 *
 * FAIL_FILE names a file; while it is there, it says what fails: `CALL ERRNO SKIP PART`. CALL is `pwrite`
 * or `fdatasync`, ERRNO a number, SKIP how many calls still pass, PART a part of the paths that it is
 * about. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long passed;

/* Returns the number of the error that a call meets, 0 for none. */
static int fault(const char *call, int fd) {
    const char *file = getenv("FAIL_FILE");
    if (!file) return 0;
    int order_fd = syscall(SYS_openat, AT_FDCWD, file, O_RDONLY | O_CLOEXEC);
    if (order_fd < 0) return 0;
    char order[512] = {0}, wanted[32], part[256], link[64], path[PATH_MAX] = {0};
    long length = syscall(SYS_read, order_fd, order, sizeof order - 1);
    syscall(SYS_close, order_fd);
    int number;
    long skip;
    if (length <= 0 || sscanf(order, "%31s %d %ld %255s", wanted, &number, &skip, part) != 4) return 0;
    if (strcmp(wanted, call)) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    if (readlink(link, path, sizeof path - 1) <= 0 || !strstr(path, part)) return 0;
    pthread_mutex_lock(&lock);
    int fails = passed++ >= skip;
    pthread_mutex_unlock(&lock);
    return fails ? number : 0;
}

int fdatasync(int fd) {
    int number = fault("fdatasync", fd);
    if (!number) return REAL(fdatasync)(fd);
    errno = number;
    return -1;
}

ssize_t pwrite64(int fd, const void *bytes, size_t len, off64_t offset) {
    int number = fault("pwrite", fd);
    if (!number) return REAL(pwrite64)(fd, bytes, len, offset);
    errno = number;
    return -1;
}

ssize_t pwrite(int fd, const void *bytes, size_t len, off_t offset) {
    return pwrite64(fd, bytes, len, offset);
}
