/* Makes system calls on files under one folder fail, while the process runs.
 *
 * Loaded with LD_PRELOAD. KEYWARD_FAULTS_FOLDER names the folder; KEYWARD_FAULTS_CONTROL a file whose
 * content is read at each call:
 *
 *   off                  nothing fails
 *   enospc after=N ...   what writes or grows a file fails with ENOSPC, after N calls that did not
 *   eio after=N ...      flushes fail with EIO
 *   erofs after=N ...    what changes files or folders fails with EROFS
 *
 * Counting starts over whenever the content changes. Everything here goes straight to the kernel, so
 * that nothing of it calls itself.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#define PATH_SIZE 4096

enum call { WRITE, FLUSH, CHANGE };

static int is_under(const char *path) {
    const char *folder = getenv("KEYWARD_FAULTS_FOLDER");
    if (!folder) return 0;
    size_t length = strlen(folder);
    return strncmp(path, folder, length) == 0 && (path[length] == '/' || path[length] == 0);
}

static int link_text(const char *link, char *text) {
    ssize_t size = syscall(SYS_readlinkat, AT_FDCWD, link, text, PATH_SIZE - 1);
    if (size < 0) return 0;
    text[size] = 0;
    return 1;
}

static int is_fd_under(int fd) {
    char link[64], path[PATH_SIZE];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    return link_text(link, path) && is_under(path);
}

static int is_path_under(int folder, const char *path) {
    char link[64], base[PATH_SIZE], whole[2 * PATH_SIZE];
    if (path[0] == '/') return is_under(path);
    if (folder == AT_FDCWD) snprintf(link, sizeof link, "/proc/self/cwd");
    else snprintf(link, sizeof link, "/proc/self/fd/%d", folder);
    if (!link_text(link, base)) return 0;
    snprintf(whole, sizeof whole, "%s/%s", base, path);
    return is_under(whole);
}

static void read_control(char *text, size_t size) {
    const char *control = getenv("KEYWARD_FAULTS_CONTROL");
    ssize_t got = 0;
    if (control) {
        int fd = syscall(SYS_openat, AT_FDCWD, control, O_RDONLY | O_CLOEXEC, 0);
        if (fd >= 0) {
            got = syscall(SYS_read, fd, text, size - 1);
            syscall(SYS_close, fd);
        }
    }
    text[got > 0 ? got : 0] = 0;
}

static int concerns(const char *mode, enum call call) {
    if (strncmp(mode, "enospc", 6) == 0) return call == WRITE ? ENOSPC : 0;
    if (strncmp(mode, "eio", 3) == 0) return call == FLUSH ? EIO : 0;
    if (strncmp(mode, "erofs", 5) == 0) return call == FLUSH ? 0 : EROFS;
    return 0;
}

/* The error with which this call must fail, or 0. */
static int fault(enum call call) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static char last[128];
    static long calls;
    char mode[128];
    read_control(mode, sizeof mode);
    int error = concerns(mode, call);
    if (!error) return 0;
    const char *after = strstr(mode, "after=");
    pthread_mutex_lock(&lock);
    if (strcmp(mode, last) != 0) {
        strcpy(last, mode);
        calls = 0;
    }
    int fails = ++calls > (after ? atol(after + 6) : 0);
    pthread_mutex_unlock(&lock);
    return fails ? error : 0;
}

#define FAIL_FD(fd, call) do { \
        if (is_fd_under(fd)) { int error = fault(call); if (error) { errno = error; return -1; } } \
    } while (0)
#define FAIL_PATH(folder, path) do { \
        if (is_path_under(folder, path)) { int error = fault(CHANGE); if (error) { errno = error; return -1; } } \
    } while (0)

ssize_t write(int fd, const void *bytes, size_t size) {
    FAIL_FD(fd, WRITE);
    return syscall(SYS_write, fd, bytes, size);
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    FAIL_FD(fd, WRITE);
    return syscall(SYS_writev, fd, parts, count);
}

ssize_t pwrite(int fd, const void *bytes, size_t size, off_t at) {
    FAIL_FD(fd, WRITE);
    return syscall(SYS_pwrite64, fd, bytes, size, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t size, off64_t at) {
    FAIL_FD(fd, WRITE);
    return syscall(SYS_pwrite64, fd, bytes, size, at);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) {
    FAIL_FD(fd, WRITE);
    return syscall(SYS_pwritev, fd, parts, count, (long)at, 0L);
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
    FAIL_FD(fd, WRITE);
    return syscall(SYS_pwritev, fd, parts, count, (long)at, 0L);
}

ssize_t copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t size, unsigned flags) {
    FAIL_FD(out, WRITE);
    return syscall(SYS_copy_file_range, in, in_at, out, out_at, size, flags);
}

ssize_t sendfile(int out, int in, off_t *at, size_t size) {
    FAIL_FD(out, WRITE);
    return syscall(SYS_sendfile, out, in, at, size);
}

ssize_t sendfile64(int out, int in, off64_t *at, size_t size) {
    FAIL_FD(out, WRITE);
    return syscall(SYS_sendfile, out, in, at, size);
}

int ftruncate(int fd, off_t size) {
    FAIL_FD(fd, WRITE);
    return syscall(SYS_ftruncate, fd, size);
}

int ftruncate64(int fd, off64_t size) {
    FAIL_FD(fd, WRITE);
    return syscall(SYS_ftruncate, fd, size);
}

int fallocate(int fd, int mode, off_t at, off_t size) {
    FAIL_FD(fd, WRITE);
    return syscall(SYS_fallocate, fd, mode, at, size);
}

int fallocate64(int fd, int mode, off64_t at, off64_t size) {
    FAIL_FD(fd, WRITE);
    return syscall(SYS_fallocate, fd, mode, at, size);
}

/* This one returns its error. */
int posix_fallocate(int fd, off_t at, off_t size) {
    return fallocate(fd, 0, at, size) == 0 ? 0 : errno;
}

int posix_fallocate64(int fd, off64_t at, off64_t size) {
    return fallocate(fd, 0, at, size) == 0 ? 0 : errno;
}

int fsync(int fd) {
    FAIL_FD(fd, FLUSH);
    return syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
    FAIL_FD(fd, FLUSH);
    return syscall(SYS_fdatasync, fd);
}

static int open_at(int folder, const char *path, int flags, mode_t mode) {
    if ((flags & O_ACCMODE) != O_RDONLY || (flags & (O_CREAT | O_TRUNC))) FAIL_PATH(folder, path);
    return syscall(SYS_openat, folder, path, flags, mode);
}

#define MODE_OF(flags) ({ \
        mode_t mode = 0; \
        if (((flags) & O_CREAT) || ((flags) & O_TMPFILE) == O_TMPFILE) { \
            va_list rest; va_start(rest, flags); mode = va_arg(rest, mode_t); va_end(rest); \
        } \
        mode; \
    })

int open(const char *path, int flags, ...) {
    return open_at(AT_FDCWD, path, flags, MODE_OF(flags));
}

int open64(const char *path, int flags, ...) {
    return open_at(AT_FDCWD, path, flags | O_LARGEFILE, MODE_OF(flags));
}

int openat(int folder, const char *path, int flags, ...) {
    return open_at(folder, path, flags, MODE_OF(flags));
}

int openat64(int folder, const char *path, int flags, ...) {
    return open_at(folder, path, flags | O_LARGEFILE, MODE_OF(flags));
}

int mkdir(const char *path, mode_t mode) {
    FAIL_PATH(AT_FDCWD, path);
    return syscall(SYS_mkdirat, AT_FDCWD, path, mode);
}

int unlink(const char *path) {
    FAIL_PATH(AT_FDCWD, path);
    return syscall(SYS_unlinkat, AT_FDCWD, path, 0);
}

int unlinkat(int folder, const char *path, int flags) {
    FAIL_PATH(folder, path);
    return syscall(SYS_unlinkat, folder, path, flags);
}

int rename(const char *from, const char *to) {
    FAIL_PATH(AT_FDCWD, to);
    return syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to) {
    FAIL_PATH(to_folder, to);
    return syscall(SYS_renameat2, from_folder, from, to_folder, to, 0);
}

int renameat2(int from_folder, const char *from, int to_folder, const char *to, unsigned flags) {
    FAIL_PATH(to_folder, to);
    return syscall(SYS_renameat2, from_folder, from, to_folder, to, flags);
}
