/* Shows a process a later time than it is, as somebody who comes back after a while has it.
 *
 * Loaded with LD_PRELOAD. KEYWARD_CLOCK_AHEAD says by how many seconds the wall clock is ahead; clocks
 * that measure how long something takes are left alone.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *time) {
    int failed = (int)syscall(SYS_clock_gettime, clock, time);
    const char *ahead = getenv("KEYWARD_CLOCK_AHEAD");
    if (!failed && clock == CLOCK_REALTIME && ahead) time->tv_sec += strtol(ahead, NULL, 10);
    return failed;
}
