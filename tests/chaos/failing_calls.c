/* Loaded before the C library: the n-th call of one kind fails, or ends the process, for files below a folder
   and for sockets. SQLite calls the C library as Python does, so its reads, writes and syncs are seen, too.
   With the kind EVERY nothing fails, and each call is told; otherwise only those that fail. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <netdb.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { READ, WRITE, SYNC, RENAME, UNLINK, OPEN, TRUNCATE, FOLDER, LOCK, CONNECT, SEND, RECEIVE, EVERY };
enum { SHORT = -1, KILLED = -2, FRAMES = 40 };

static char folder[4096];
static const char *note;
static int kind = -1, at, code, forever, failed, calls[EVERY];
/* Who is told of a call: its kind and number, its name, its file, and how many bytes are written. */
static void (*told)(int, int, const char *, const char *, size_t, const char *);
/* The file of the call of this thread, and whether it is being told. */
static __thread char file[4096];
static __thread int telling;

void fail_tell(void (*who)(int, int, const char *, const char *, size_t, const char *)) { told = who; }

void fail_arm(const char *where, int which, int number, int with, int on) {
    snprintf(folder, sizeof folder, "%s", where);
    memset(calls, 0, sizeof calls);
    at = number, code = with, forever = on, failed = 0, kind = which;
}

/* Says in this file how often a call failed, also when the process is killed, or how many there were. */
void fail_note(const char *path) { note = strdup(path); }

static void write_note(const char *text) {
    long fd = syscall(SYS_openat, AT_FDCWD, note, O_WRONLY | O_CREAT | O_APPEND, 0600);
    syscall(SYS_write, fd, text, strlen(text));
    syscall(SYS_close, fd);
}

int fail_count(void) { return failed; }
int fail_calls(int which) { return calls[which]; }

__attribute__((destructor)) static void note_calls(void) {
    char text[16];
    for (int which = 0; kind == EVERY && note && which < EVERY; which++) {
        snprintf(text, sizeof text, "%d ", calls[which]);
        write_note(text);
    }
}

static int is_watched(int which) { return !telling && (kind == which || kind == EVERY); }

static void tell(int which, int number, const char *name, size_t size) {
    if (!told) return;
    /* Within SQLite the addresses say where: they are the same in each process once the base is taken off. */
    void *frames[FRAMES];
    char within[FRAMES * 12] = "";
    Dl_info here;
    int saved = errno, length = 0, depth = backtrace(frames, FRAMES);
    telling = 1;
    for (int frame = 0; frame < depth; frame++)
        if (dladdr(frames[frame], &here) && here.dli_fname && strstr(here.dli_fname, "sqlite"))
            length += snprintf(within + length, sizeof within - length, "%lx ",
                               (unsigned long)((char *)frames[frame] - (char *)here.dli_fbase) & 0xffffffff);
    told(which, number, name, file, size, within);
    errno = saved;
    telling = 0;
}

static int due(int which, const char *name, size_t size) {
    int now = __sync_add_and_fetch(&calls[which], 1);
    if (kind == EVERY) tell(which, now, name, size);
    if (kind == EVERY || (now != at && !(forever && now > at))) return 0;
    if (__sync_add_and_fetch(&failed, 1) == 1) tell(which, now, name, size);
    if (note) write_note("x");
    if (code == KILLED) kill(getpid(), SIGKILL);
    errno = code;
    return 1;
}

static int is_here(const char *path) {
    if (!path || strncmp(path, folder, strlen(folder))) return 0;
    if (path != file) snprintf(file, sizeof file, "%s", path);
    return 1;
}

static int is_file(int fd) {
    char link[64];
    int saved = errno;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, file, sizeof file - 1);
    errno = saved;
    if (length < 0) return 0;
    file[length] = 0;
    return is_here(file);
}

static int is_below(int directory, const char *path) {
    return path && (path[0] == '/' || directory == AT_FDCWD ? is_here(path) : is_file(directory));
}

static int is_internet(int fd) {
    int domain = 0;
    socklen_t size = sizeof domain;
    int saved = errno, result = getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size);
    errno = saved;
    *file = 0;
    return !result && (domain == AF_INET || domain == AF_INET6);
}

#define NEXT(name) __typeof__(name) *real = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)
#define WRAP(type, name, parameters, arguments, which, place) \
    type name parameters {                                    \
        NEXT(name);                                           \
        if (is_watched(which) && (place) && due(which, #name, 0)) return -1; \
        return real arguments;                                \
    }
/* A write that fails may also have written a part. */
#define WRAP_WRITE(name, parameters, whole, half)             \
    ssize_t name parameters {                                 \
        NEXT(name);                                           \
        if (is_watched(WRITE) && is_file(fd) && due(WRITE, #name, size)) { \
            if (code != SHORT) return -1;                     \
            return size < 2 ? real whole : real half;         \
        }                                                     \
        return real whole;                                    \
    }

WRAP(ssize_t, read, (int fd, void *data, size_t size), (fd, data, size), READ, is_file(fd))
WRAP(ssize_t, pread, (int fd, void *data, size_t size, off_t place), (fd, data, size, place), READ, is_file(fd))
WRAP(ssize_t, pread64, (int fd, void *data, size_t size, off64_t place), (fd, data, size, place), READ,
     is_file(fd))
WRAP_WRITE(write, (int fd, const void *data, size_t size), (fd, data, size), (fd, data, size / 2))
WRAP_WRITE(pwrite, (int fd, const void *data, size_t size, off_t place), (fd, data, size, place),
           (fd, data, size / 2, place))
WRAP_WRITE(pwrite64, (int fd, const void *data, size_t size, off64_t place), (fd, data, size, place),
           (fd, data, size / 2, place))
WRAP(int, fsync, (int fd), (fd), SYNC, is_file(fd))
WRAP(int, fdatasync, (int fd), (fd), SYNC, is_file(fd))
WRAP(int, ftruncate, (int fd, off_t size), (fd, size), TRUNCATE, is_file(fd))
WRAP(int, ftruncate64, (int fd, off64_t size), (fd, size), TRUNCATE, is_file(fd))
WRAP(int, rename, (const char *from, const char *to), (from, to), RENAME, is_here(to))
WRAP(int, renameat, (int f, const char *from, int t, const char *to), (f, from, t, to), RENAME, is_below(t, to))
WRAP(int, link, (const char *from, const char *to), (from, to), RENAME, is_here(to))
WRAP(int, linkat, (int f, const char *from, int t, const char *to, int flags), (f, from, t, to, flags), RENAME,
     is_below(t, to))
WRAP(int, unlink, (const char *path), (path), UNLINK, is_here(path))
WRAP(int, unlinkat, (int directory, const char *path, int flags), (directory, path, flags), UNLINK,
     is_below(directory, path))
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode), FOLDER, is_here(path))
WRAP(int, mkdirat, (int directory, const char *path, mode_t mode), (directory, path, mode), FOLDER,
     is_below(directory, path))
WRAP(int, rmdir, (const char *path), (path), FOLDER, is_here(path))
WRAP(int, chmod, (const char *path, mode_t mode), (path, mode), FOLDER, is_here(path))
WRAP(int, fchmod, (int fd, mode_t mode), (fd, mode), FOLDER, is_file(fd))
WRAP(int, flock, (int fd, int what), (fd, what), LOCK, what != LOCK_UN && is_file(fd))
WRAP(int, connect, (int fd, const struct sockaddr *to, socklen_t size), (fd, to, size), CONNECT, is_internet(fd))
WRAP(ssize_t, send, (int fd, const void *data, size_t size, int flags), (fd, data, size, flags), SEND,
     is_internet(fd))
WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags), SEND,
     is_internet(fd))
WRAP(ssize_t, recv, (int fd, void *data, size_t size, int flags), (fd, data, size, flags), RECEIVE,
     is_internet(fd))

DIR *opendir(const char *path) {
    NEXT(opendir);
    return is_watched(FOLDER) && is_here(path) && due(FOLDER, "opendir", 0) ? NULL : real(path);
}

int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints, struct addrinfo **found) {
    NEXT(getaddrinfo);
    *file = 0;
    return is_watched(CONNECT) && due(CONNECT, "getaddrinfo", 0) ? EAI_SYSTEM : real(name, service, hints, found);
}

static int is_locking(int command, void *with) {
    return (command == F_SETLK || command == F_SETLKW) && ((struct flock *)with)->l_type != F_UNLCK;
}
/* Every command of fcntl takes nothing, a number or a pointer. */
#define WRAP_CONTROL(name)                                                             \
    int name(int fd, int command, ...) {                                               \
        NEXT(name);                                                                    \
        va_list rest;                                                                  \
        va_start(rest, command);                                                       \
        void *with = va_arg(rest, void *);                                             \
        va_end(rest);                                                                  \
        if (is_watched(LOCK) && is_locking(command, with) && is_file(fd) && due(LOCK, #name, 0)) return -1; \
        return real(fd, command, with);                                                \
    }
WRAP_CONTROL(fcntl)
WRAP_CONTROL(fcntl64)

static int mode_of(int flags, va_list rest) { return flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, int) : 0; }
#define WRAP_OPEN(name, parameters, arguments, place)       \
    int name parameters {                                   \
        NEXT(name);                                         \
        va_list rest;                                       \
        va_start(rest, flags);                              \
        int mode = mode_of(flags, rest);                    \
        va_end(rest);                                       \
        if (is_watched(OPEN) && (place) && due(OPEN, #name, 0)) return -1; \
        return real arguments;                              \
    }
WRAP_OPEN(open, (const char *path, int flags, ...), (path, flags, mode), is_here(path))
WRAP_OPEN(open64, (const char *path, int flags, ...), (path, flags, mode), is_here(path))
WRAP_OPEN(openat, (int directory, const char *path, int flags, ...), (directory, path, flags, mode),
          is_below(directory, path))
WRAP_OPEN(openat64, (int directory, const char *path, int flags, ...), (directory, path, flags, mode),
          is_below(directory, path))
