/* Runs programs of raw system calls that a generator has written (test/fuzz): one after another from standard input, each in processes
 * and threads of an ordinary user, who are all ended when the program's first process is or its time is over.
 *
 *   struct header, then `count` records of 64 bytes: call number, lane, six arguments, each a kind and a value
 *   lane 0 is the first process; the others are its threads or children, and all run at once
 *   after each program: a line "done N" on standard output
 *
 * Lanes use no C library: their memory, descriptors and signal masks are what the calls make of them.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define USER 1000
#define FOLDER "/tmp/fuzz"
#define MOST_RECORDS 4096
#define LANES 6
#define SLOTS 64
#define RESULTS 16
/* A process made by a fork of its own goes on for so many records; and so deep. */
#define CHILD_RECORDS 8
#define MOST_DEPTH 2
#define MOST_FAULTS 20

#define PRIVATE 0x10000000ul
#define SHARED 0x10020000ul
#define READ_ONLY 0x10040000ul
#define HOLE 0x10050000ul
#define CLONE_STACKS 0x10080000ul
#define LANE_STACKS 0x10200000ul
#define ARENA_BYTES 0x10000ul

enum { LITERAL, IN_PRIVATE, IN_SHARED, IN_READ_ONLY, IN_HOLE, AT_EDGE, DESCRIPTOR, RESULT, PROCESS, THREAD, STACK, HANDLER, RESTORER, LOADED, PATH, ARGUMENTS };
#define STORE 0xf0000000u
#define SPIN 0xf0000001u

struct header {
    uint32_t magic, count;
    /* looks: how often the supervisor looks whether the program has ended, every 2 ms. */
    uint16_t lanes, looks;
    uint32_t processLanes, flags, periodMicros;
    uint64_t handled;
};
enum { LEADER_EXITS = 1, DROP_RIGHTS = 2, RESTART = 4, ENDS_ALL = 8 };

struct record {
    uint32_t number;
    uint8_t lane, spin, kinds[6], padding[4];
    uint64_t values[6];
};

static struct header header;
static struct record records[MOST_RECORDS];
/* In memory that all lanes share. */
struct common {
    int slots[SLOTS];
    unsigned nextSlot;
    int processes[16];
    unsigned nextProcess;
    int threads[LANES];
    unsigned faults, lanesEnded;
};
static struct common *common;
static long results[LANES][RESULTS];
static int depth;

static const char *const paths[] = {
    "f", "g", "d", "d/f", "link", "fifo", "socket", ".", "..", "/", "/tmp/fuzz/f", "/tmp/fuzz/d", "/dev/null", "/dev/zero",
    "/dev/full", "/dev/urandom", "/dev/ptmx", "/dev/tty", "/dev/pts/0", "/dev/shm/fuzz", "/proc/self/maps", "/proc/self/fd/5",
    "/proc/self/status", "/proc/self/exe", "/proc/self/mem", "/proc/1/status", "/proc/self/task", "/proc/meminfo", "/proc/stat",
    "/sys/devices/system/cpu/online", "/bin/true", "/bin/hello", "/bin/sh", "/home/user/f", "/home/user", "/etc/passwd", "nothing",
    "d/d/d/d/f", "f/x", "loop", "", "\xff\xfe", "/tmp/fuzz/../fuzz/./d/../f", "/dev/fd/3", "script",
};
static char *const none[] = { NULL };
static char *const plain[] = { "true", "a", "b", NULL };
static char *const shell[] = { "sh", "-c", "echo x | cat; cat /proc/self/status; exit 3", NULL };
static char *const *const argumentLists[] = { none, plain, shell, NULL };

static long call6(long number, const long *a)
{
    long result;
    register long r10 __asm__("r10") = a[3];
    register long r8 __asm__("r8") = a[4];
    register long r9 __asm__("r9") = a[5];
    /* A child of clone with a stack of its own comes back with another RSP, and has no frame to return to. */
    __asm__ volatile("mov %%rsp, %%rbx\n\tsyscall\n\tcmp %%rsp, %%rbx\n\tje 1f\n\txor %%ebp, %%ebp\n\tand $-16, %%rsp\n\tcall freshThread\n1:"
                     : "=a"(result), "+r"(r10), "+r"(r8), "+r"(r9)
                     : "a"(number), "D"(a[0]), "S"(a[1]), "d"(a[2])
                     : "rbx", "rcx", "r11", "memory", "cc");
    return result;
}
static long call(long number, long a, long b, long c)
{
    const long list[6] = { a, b, c, 0, 0, 0 };
    return call6(number, list);
}

__asm__("restorer: mov $15, %eax\n\tsyscall\n");
extern char restorer[] __attribute__((visibility("hidden")));

static void count(int number)
{
    if (number == SIGSEGV || number == SIGBUS || number == SIGILL || number == SIGFPE)
        if (__atomic_add_fetch(&common->faults, 1, __ATOMIC_RELAXED) > MOST_FAULTS)
            call(SYS_exit_group, 9, 0, 0);
}
static void busy(int number)
{
    count(number);
    call(SYS_sched_yield, 0, 0, 0);
    call(SYS_getpid, 0, 0, 0);
}
static void *const handlers[] = { count, busy, (void *)1, (void *)0 };

static long processOf(uint64_t value)
{
    switch (value & 15) {
    case 0: return call(SYS_getpid, 0, 0, 0);
    case 1: return 0;
    case 2: return call(SYS_getppid, 0, 0, 0);
    case 3: return -common->processes[0];
    default: return common->processes[value & 15];
    }
}

static long resolve(int lane, int kind, uint64_t value)
{
    switch (kind) {
    case IN_PRIVATE: return PRIVATE + value;
    case IN_SHARED: return SHARED + value;
    case IN_READ_ONLY: return READ_ONLY + value;
    case IN_HOLE: return HOLE + value;
    case AT_EDGE: return PRIVATE + ARENA_BYTES - value;
    case DESCRIPTOR: return common->slots[value % SLOTS];
    case RESULT: return results[lane][value % RESULTS];
    case PROCESS: return processOf(value);
    case THREAD: return common->threads[value % LANES];
    case STACK: return CLONE_STACKS + (value % 16 + 1) * 0x2000;
    case HANDLER: return (long)handlers[value % 4];
    case RESTORER: return (long)restorer;
    case LOADED: return *(volatile int *)(PRIVATE + value % ARENA_BYTES / 4 * 4);
    case PATH: return (long)paths[value % (sizeof paths / sizeof *paths)];
    case ARGUMENTS: return (long)argumentLists[value % 4];
    default: return value;
    }
}

static void keepDescriptor(long descriptor)
{
    if (descriptor < 0 || descriptor > 100000) return;
    /* The first half stays as it was set up. */
    unsigned slot = SLOTS / 2 + __atomic_fetch_add(&common->nextSlot, 1, __ATOMIC_RELAXED) % (SLOTS / 2);
    common->slots[slot] = descriptor;
}
static void keepProcess(long id)
{
    common->processes[4 + __atomic_fetch_add(&common->nextProcess, 1, __ATOMIC_RELAXED) % 12] = id;
}

static int makesDescriptor(long number)
{
    switch (number) {
    case SYS_open: case SYS_openat: case SYS_creat: case SYS_dup: case SYS_dup2: case SYS_dup3: case SYS_socket: case SYS_accept:
    case SYS_accept4: case SYS_epoll_create: case SYS_epoll_create1: case SYS_eventfd: case SYS_eventfd2: case SYS_signalfd:
    case SYS_signalfd4: case SYS_timerfd_create: case SYS_inotify_init: case SYS_inotify_init1: case SYS_memfd_create:
    case SYS_pidfd_open: case SYS_fcntl:
        return 1;
    default:
        return 0;
    }
}

static void runLane(int lane, int first, int most);

__attribute__((used, visibility("hidden"))) void freshThread(void)
{
    call(SYS_sched_yield, 0, 0, 0);
    runLane(LANES - 1, 0, 4);
    call(SYS_exit, 0, 0, 0);
    __builtin_trap();
}

static void afterCall(int lane, long number, const long *a, long result, int *rest)
{
    results[lane][++results[lane][0] % (RESULTS - 1) + 1] = result;
    if (result < 0 && result > -4096) return;
    if (makesDescriptor(number)) keepDescriptor(result);
    long pair = number == SYS_pipe || number == SYS_pipe2 ? a[0] : number == SYS_socketpair ? a[3] : 0;
    if (pair >= (long)PRIVATE && pair < (long)(PRIVATE + ARENA_BYTES - 8)) {
        keepDescriptor(((volatile int *)pair)[0]);
        keepDescriptor(((volatile int *)pair)[1]);
    }
    if (number != SYS_fork && number != SYS_vfork && number != SYS_clone) return;
    if (result > 0) {
        keepProcess(result);
        return;
    }
    if (number == SYS_vfork || (number == SYS_clone && (a[0] & CLONE_VM) != 0)) {
        /* On the parent's stack: only out of here. */
        if ((lane & 1) != 0) call(SYS_execve, (long)"/bin/true", (long)plain, (long)none);
        call(SYS_exit_group, 3, 0, 0);
    }
    if (++depth > MOST_DEPTH) call(SYS_exit_group, 4, 0, 0);
    *rest = CHILD_RECORDS;
}

static void spin(unsigned rounds)
{
    for (volatile unsigned i = 0; i < rounds; i++) {}
}

static void runLane(int lane, int first, int most)
{
    int rest = most;
    for (unsigned n = first; n < header.count; n++) {
        const struct record *record = &records[n];
        if (record->lane != lane) continue;
        if (rest-- == 0) {
            if (depth > 0) call(SYS_exit_group, 5, 0, 0);
            return;
        }
        long a[6];
        for (int i = 0; i < 6; i++) a[i] = resolve(lane, record->kinds[i], record->values[i]);
        if (record->spin != 0) spin(record->spin * 16);
        if (record->number == STORE) {
            for (int i = 1; i < 6; i++) ((volatile long *)(PRIVATE + (unsigned long)a[0] % (ARENA_BYTES - 64)))[i - 1] = a[i];
        } else if (record->number == SPIN) {
            spin(a[0] % 4096);
        } else {
            afterCall(lane, record->number, a, call6(record->number, a), &rest);
        }
    }
}

static void *map(unsigned long at, unsigned long length, int protection, int flags)
{
    void *address = mmap((void *)at, length, protection, flags | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (address == MAP_FAILED) _exit(20);
    return address;
}

static void setUpMemory(void)
{
    map(PRIVATE, ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    map(SHARED, ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED);
    map(READ_ONLY, 4096, PROT_READ, MAP_PRIVATE);
    map(CLONE_STACKS, 17 * 0x2000, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    map(LANE_STACKS, LANES * 0x10000, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    common = mmap(NULL, sizeof *common, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (common == MAP_FAILED) _exit(21);
    for (unsigned long i = 0; i < ARENA_BYTES; i += 8) *(unsigned long *)(PRIVATE + i) = i % 96 == 0 ? PRIVATE + 0x8000 + i % 0x4000 : i % 96 == 8 ? 64 : 0;
}

/* Descriptors of every kind. */
static void setUpFiles(void)
{
    int slot = 0, pair[2];
#define KEEP(descriptor) common->slots[slot++ % (SLOTS / 2)] = (descriptor)
    int null = open("/dev/null", O_RDWR);
    dup2(null, 0);
    dup2(null, 1);
    dup2(null, 2);
    KEEP(null);
    KEEP(open("/dev/zero", O_RDWR));
    KEEP(open("/dev/full", O_RDWR));
    KEEP(open("f", O_RDWR | O_CREAT, 0644));
    mkdir("d", 0755);
    KEEP(open("g", O_RDWR | O_CREAT | O_APPEND, 0755));
    KEEP(open(".", O_RDONLY | O_DIRECTORY));
    KEEP(open("f", O_PATH));
    symlink("f", "link");
    symlink("loop", "loop");
    mkfifo("fifo", 0666);
    KEEP(open("fifo", O_RDWR | O_NONBLOCK));
    if (pipe(pair) == 0) { KEEP(pair[0]); KEEP(pair[1]); }
    if (pipe2(pair, O_NONBLOCK) == 0) { KEEP(pair[0]); KEEP(pair[1]); }
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0) { KEEP(pair[0]); KEEP(pair[1]); }
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, pair) == 0) { KEEP(pair[0]); KEEP(pair[1]); }
    struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "socket" };
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    bind(listener, (void *)&name, sizeof name);
    listen(listener, 4);
    KEEP(listener);
    KEEP(socket(AF_UNIX, SOCK_STREAM, 0));
    KEEP(socket(AF_UNIX, SOCK_SEQPACKET, 0));
    KEEP(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0));
    KEEP(eventfd(1, EFD_NONBLOCK));
    KEEP(eventfd(0, EFD_SEMAPHORE));
    KEEP(timerfd_create(CLOCK_MONOTONIC, 0));
    sigset_t set;
    sigfillset(&set);
    KEEP(signalfd(-1, &set, SFD_NONBLOCK));
    KEEP(epoll_create1(0));
    KEEP(inotify_init1(IN_NONBLOCK));
    KEEP(memfd_create("m", MFD_ALLOW_SEALING));
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
    KEEP(master);
    if (master >= 0 && unlockpt(master) == 0) KEEP(open(ptsname(master), O_RDWR | O_NOCTTY | O_NONBLOCK));
    KEEP(open("/proc/self/maps", O_RDONLY));
    KEEP(open("/bin/true", O_RDONLY));
    KEEP(syscall(SYS_pidfd_open, getpid(), 0));
    memcpy(common->slots + SLOTS / 2, common->slots, sizeof common->slots / 2);
    common->slots[SLOTS - 1] = -1;
    common->slots[SLOTS - 2] = -100;
    common->slots[SLOTS - 3] = 1 << 30;
}

static void setUpSignals(void)
{
    struct { void *handler; unsigned long flags; void *restorer; unsigned long mask; } action = {
        handlers[header.flags >> 8 & 1], 0x04000000 | (header.flags & RESTART ? SA_RESTART : 0), restorer, 0
    };
    for (int number = 1; number <= 64; number++)
        if ((header.handled >> (number - 1) & 1) != 0) syscall(SYS_rt_sigaction, number, &action, NULL, 8);
    if (header.periodMicros == 0) return;
    struct { long seconds, micros, rest, restMicros; } period = { 0, header.periodMicros, 0, header.periodMicros };
    syscall(SYS_setitimer, 0, &period, NULL);
}

static void enterLane(int lane)
{
    common->threads[lane] = call(SYS_gettid, 0, 0, 0);
    runLane(lane, 0, -1);
    if (depth == 0) __atomic_add_fetch(&common->lanesEnded, 1, __ATOMIC_RELAXED);
}

static void startThread(int lane)
{
    const long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    unsigned long top = LANE_STACKS + (lane + 1) * 0x10000 - 16;
    *(unsigned long *)top = lane;
    long result;
    __asm__ volatile("xor %%edx, %%edx\n\txor %%r10d, %%r10d\n\txor %%r8d, %%r8d\n\tsyscall\n\ttest %%rax, %%rax\n\tjne 1f\n\tmov (%%rsp), %%rdi\n\tcall laneThread\n1:"
                     : "=a"(result)
                     : "a"(SYS_clone), "D"(flags), "S"(top)
                     : "rcx", "rdx", "r8", "r10", "r11", "memory", "cc");
}
__attribute__((used, visibility("hidden"))) void laneThread(long lane)
{
    enterLane(lane);
    call(SYS_exit, 0, 0, 0);
    __builtin_trap();
}

static void runProgram(void)
{
    setUpMemory();
    setUpFiles();
    common->processes[0] = getpid();
    if (header.flags & DROP_RIGHTS) syscall(0x40000000, header.flags >> 16 & 15);
    setUpSignals();
    for (unsigned lane = 1; lane < header.lanes && lane < LANES; lane++) {
        if ((header.processLanes >> lane & 1) == 0) {
            startThread(lane);
        } else if (call(SYS_fork, 0, 0, 0) == 0) {
            keepProcess(call(SYS_getpid, 0, 0, 0));
            enterLane(lane);
            call(SYS_exit_group, 0, 0, 0);
        }
    }
    enterLane(0);
    if (header.flags & LEADER_EXITS) call(SYS_exit, 0, 0, 0);
    struct timespec pause = { 0, 5000000 };
    do {
        call(SYS_nanosleep, (long)&pause, 0, 0);
    } while ((header.flags & ENDS_ALL) == 0 && *(volatile unsigned *)&common->lanesEnded < header.lanes);
    call(SYS_exit_group, 0, 0, 0);
}

static int removeEntry(const char *path, const struct stat *status, int flag, struct FTW *place)
{
    (void)status;
    (void)flag;
    if (place->level > 0) remove(path);
    return 0;
}
static void sweep(const char *folder)
{
    nftw(folder, removeEntry, 8, FTW_DEPTH | FTW_PHYS);
}

static void rest(long millis)
{
    struct timespec duration = { 0, millis * 1000000 };
    nanosleep(&duration, NULL);
}

/* Ends all that the user runs; the killer, who is one of them, ends by itself. */
static void endAll(void)
{
    for (int tries = 0; tries < 100; tries++) {
        if (fork() == 0) {
            if (setgid(USER) != 0 || setuid(USER) != 0) _exit(22);
            kill(-1, SIGKILL);
            _exit(0);
        }
        for (int looks = 0; looks < 20; looks++) {
            pid_t gone;
            while ((gone = waitpid(-1, NULL, WNOHANG)) > 0) {}
            if (gone < 0) return;
            rest(1);
        }
    }
    printf("they do not end\n");
    exit(1);
}

static int readWhole(void *target, size_t length)
{
    for (size_t done = 0; done < length;) {
        ssize_t got = read(0, (char *)target + done, length - done);
        if (got <= 0) return 0;
        done += got;
    }
    return 1;
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (unsigned number = 0; readWhole(&header, sizeof header); number++) {
        if (header.magic != 0x434c4c53 || header.count > MOST_RECORDS || !readWhole(records, header.count * sizeof *records)) {
            printf("bad program %u\n", number);
            return 1;
        }
        mkdir(FOLDER, 0777);
        chmod(FOLDER, 0777);
        if (chdir(FOLDER) != 0) return 1;
        pid_t leader = fork();
        if (leader == 0) {
            setsid();
            if (setgid(USER) != 0 || setuid(USER) != 0) _exit(22);
            runProgram();
        }
        for (int looks = 0; looks < header.looks; looks++) {
            pid_t gone = waitpid(-1, NULL, WNOHANG);
            if (gone == leader || gone < 0) break;
            if (gone == 0) rest(2);
        }
        endAll();
        sweep("/tmp");
        sweep("/dev/shm");
        sweep("/home/user");
        /* Sockets that lie only in each other's messages are looked for when a socket is closed. */
        int pair[2];
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0) {
            close(pair[0]);
            close(pair[1]);
        }
        rest(15);
        printf("done %u\n", number);
        rest(15);
    }
    return 0;
}
