/* A slow disk: every fsync and fdatasync of the process takes SLOWSYNC_US microseconds longer (see slow_disk/shim.py). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <time.h>

typedef int sync_call(int);

static int slowly(const char *name, int file) {
    const char *wanted = getenv("SLOWSYNC_US");
    long us = wanted ? atol(wanted) : 0;
    struct timespec pause = {us / 1000000, us % 1000000 * 1000};
    int answer = ((sync_call *)dlsym(RTLD_NEXT, name))(file);
    while (us > 0 && nanosleep(&pause, &pause)) {} /* A signal must not make the disk faster. */
    return answer;
}

int fsync(int file) { return slowly("fsync", file); }
int fdatasync(int file) { return slowly("fdatasync", file); }
