/* Runs a program natively, one instruction at a time, and writes down what each did: the silicon side of the lockstep.
 *
 *   tracer CPUID-TABLE STEPS CHECK-EVERY PROGRAM [ARGUMENT...]
 *
 * Records go to descriptor 3. They are made of 64-bit words; the first has the kind in its top byte (records.ts reads them):
 *
 *   STEP, ADOPT   bits 0..17 which of RAX..R15, RIP, flags changed, 18 19 FS and GS base, 20: a word follows that says which of the
 *                 52 words of the FXSAVE image changed; then the new values
 *   CHECK         address | 4096 bytes   a page that changed since the last check, as it is now
 *   CHECKED                              all pages that changed have been told
 *   PAGE          address | 4096 bytes   a page as the kernel has left it
 *   MAPS          n | n x (start, end, protection)
 *   ZAP           start | end            what lay here is gone
 *   PAUSE                                an ADOPT follows: compare what was done so far
 *   END           0 limit, 1 exit status, 2 signal, 3 thread, 4 execve | value
 *
 * The model executes a STEP itself; an ADOPT (system call, RDTSC, RDRAND, entry of a signal handler) it takes from here.
 * CPUID is answered from the table, so that the program uses what the model offers; the vDSO is hidden, since it reads the clock.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096ul
#define TRAP_FLAG 0x100
/* CF PF AF ZF SF DF OF */
#define FLAG_MASK 0xcd5
#define FX_WORDS 52
#define PLAIN_WORDS 20

enum { STEP, ADOPT, CHECK, CHECKED, PAGE_IS, MAPS, ZAP, END, PAUSE };
enum { LIMIT, EXITED, SIGNALLED, THREAD, EXEC };
enum { ORDINARY, SYSTEM_CALL, CPUID, NATIVE_ONLY, PUSHF };

static pid_t child;
static int memory_file, page_map;
static const int out = 3;
static uint64_t buffer[1 << 13];
static size_t filled;

static void fail(const char *what) {
  perror(what);
  exit(2);
}

static void flush(void) {
  const char *at = (const char *)buffer;
  size_t left = filled * 8;
  while (left > 0) {
    ssize_t done = write(out, at, left);
    if (done <= 0) exit(3); /* The follower has seen enough. */
    at += done;
    left -= (size_t)done;
  }
  filled = 0;
}
static void put(uint64_t word) {
  if (filled == sizeof buffer / 8) flush();
  buffer[filled++] = word;
}
static void put_kind(int kind, uint64_t bits) { put(((uint64_t)kind << 56) | bits); }
static void put_page(int kind, uint64_t address, const uint8_t *bytes) {
  put_kind(kind, 0);
  put(address);
  for (size_t n = 0; n < PAGE / 8; n++) put(((const uint64_t *)bytes)[n]);
}
static _Noreturn void end(int reason, uint64_t value) {
  put_kind(END, (uint64_t)reason);
  put(value);
  flush();
  if (reason != EXITED && reason != SIGNALLED) kill(child, SIGKILL);
  exit(0);
}

/* Registers. */

static uint64_t plain[PLAIN_WORDS];
static uint64_t fx[FX_WORDS];
static struct user_regs_struct registers;

static void put_state(int kind, int everything) {
  if (ptrace(PTRACE_GETREGS, child, NULL, &registers) != 0) fail("PTRACE_GETREGS");
  uint64_t image[64];
  if (ptrace(PTRACE_GETFPREGS, child, NULL, image) != 0) fail("PTRACE_GETFPREGS");
  const struct user_regs_struct *r = &registers;
  const uint64_t now[PLAIN_WORDS] = {r->rax, r->rcx, r->rdx, r->rbx, r->rsp, r->rbp, r->rsi,    r->rdi,     r->r8,  r->r9,
                                     r->r10, r->r11, r->r12, r->r13, r->r14, r->r15, r->rip, r->eflags & FLAG_MASK, r->fs_base, r->gs_base};
  /* FOP, FIP, FDP, MXCSR_MASK and what is reserved are not compared. */
  image[0] &= 0xffffffffffull;
  image[1] = image[2] = 0;
  image[3] &= 0xffffffffull;
  for (int n = 0; n < 8; n++) image[5 + n * 2] &= 0xffff;
  uint64_t changed = 0, changed_fx = 0;
  for (int n = 0; n < PLAIN_WORDS; n++)
    if (everything || now[n] != plain[n]) changed |= 1ull << n;
  for (int n = 0; n < FX_WORDS; n++)
    if (everything || image[n] != fx[n]) changed_fx |= 1ull << n;
  put_kind(kind, changed | (changed_fx != 0 ? 1ull << PLAIN_WORDS : 0));
  if (changed_fx != 0) put(changed_fx);
  for (int n = 0; n < PLAIN_WORDS; n++)
    if (changed >> n & 1) put(now[n]);
  for (int n = 0; n < FX_WORDS; n++)
    if (changed_fx >> n & 1) put(image[n]);
  memcpy(plain, now, sizeof plain);
  memcpy(fx, image, sizeof fx);
}

/* Memory. */

struct region {
  uint64_t start, end;
  int protection; /* 1 read, 2 write, 4 execute */
  int file, stack;
};
static struct region regions[4096];
static size_t region_count;
static int code_is_writable;

static void read_maps(void) {
  char name[64], line[4400];
  snprintf(name, sizeof name, "/proc/%d/maps", child);
  FILE *file = fopen(name, "r");
  if (file == NULL) fail(name);
  region_count = 0;
  code_is_writable = 0;
  while (fgets(line, sizeof line, file) != NULL && region_count < sizeof regions / sizeof *regions) {
    struct region *r = &regions[region_count];
    char rights[8];
    unsigned long inode;
    if (sscanf(line, "%lx-%lx %7s %*x %*s %lu", &r->start, &r->end, rights, &inode) != 4) continue;
    if (strstr(line, "[vvar") != NULL || strstr(line, "[vdso]") != NULL || strstr(line, "[vsyscall]") != NULL) continue;
    r->protection = (rights[0] == 'r') | (rights[1] == 'w') << 1 | (rights[2] == 'x') << 2;
    r->file = inode != 0 || rights[3] == 's';
    r->stack = strstr(line, "[stack]") != NULL;
    if ((r->protection & 6) == 6) code_is_writable = 1;
    region_count++;
  }
  fclose(file);
}
static void put_maps(void) {
  put_kind(MAPS, 0);
  put(region_count);
  for (size_t n = 0; n < region_count; n++) {
    put(regions[n].start);
    put(regions[n].end);
    put((uint64_t)regions[n].protection);
  }
}

/* Pages as they were last seen, by address. */
struct seen {
  uint64_t address;
  uint8_t *bytes;
};
static struct seen *table;
static size_t table_size = 1 << 12, table_used;

static struct seen *find(uint64_t address) {
  size_t at = (address / PAGE * 0x9e3779b97f4a7c15ull >> 20) & (table_size - 1);
  while (table[at].bytes != NULL && table[at].address != address) at = (at + 1) & (table_size - 1);
  return &table[at];
}
static uint8_t *remember(uint64_t address) {
  if (table_used * 2 > table_size) {
    struct seen *old = table;
    size_t old_size = table_size;
    table_size *= 2;
    table = calloc(table_size, sizeof *table);
    if (table == NULL) fail("calloc");
    for (size_t n = 0; n < old_size; n++)
      if (old[n].bytes != NULL) *find(old[n].address) = old[n];
    free(old);
  }
  struct seen *entry = find(address);
  if (entry->bytes == NULL) {
    *entry = (struct seen){address, calloc(1, PAGE)};
    if (entry->bytes == NULL) fail("calloc");
    table_used++;
  }
  return entry->bytes;
}

/* Goes through the pages of a region; `kind` is CHECK or PAGE_IS: what to say of those that changed. */
static void compare_region(const struct region *r, int kind, int all) {
  static const uint8_t zeros[PAGE];
  uint64_t flags[512];
  static uint8_t run[64 * PAGE];
  for (uint64_t at = r->start; at < r->end;) {
    uint64_t count = (r->end - at) / PAGE;
    if (count > 64) count = 64;
    if (pread(page_map, flags, count * 8, (off_t)(at / PAGE * 8)) != (ssize_t)(count * 8)) return;
    int present = 0;
    for (uint64_t n = 0; n < count; n++) present |= (flags[n] >> 62) != 0;
    int whole = (present || r->file) && pread(memory_file, run, count * PAGE, (off_t)at) == (ssize_t)(count * PAGE);
    for (uint64_t n = 0; n < count; n++, at += PAGE) {
      const uint8_t *now = run + n * PAGE;
      if (flags[n] >> 62 == 0 && !r->file) now = zeros;
      else if (!whole && pread(memory_file, run + n * PAGE, PAGE, (off_t)at) != (ssize_t)PAGE) continue;
      struct seen *entry = find(at);
      if (memcmp(entry->bytes != NULL ? entry->bytes : zeros, now, PAGE) == 0 && !(all && r->file)) continue;
      put_page(kind, at, now);
      memcpy(remember(at), now, PAGE);
    }
  }
}
static void compare_memory(int kind) {
  for (size_t n = 0; n < region_count; n++)
    if (regions[n].protection & 2) compare_region(&regions[n], kind, 0);
  if (kind == CHECK) put_kind(CHECKED, 0);
}
static void zap(uint64_t start, uint64_t length) {
  uint64_t until = start + (length + PAGE - 1) / PAGE * PAGE;
  put_kind(ZAP, 0);
  put(start);
  put(until);
  for (size_t n = 0; n < table_size; n++)
    if (table[n].bytes != NULL && table[n].address >= start && table[n].address < until) memset(table[n].bytes, 0, PAGE);
}
/* What a new mapping holds; its length need not be that of whole pages. */
static void put_contents(uint64_t start, uint64_t length) {
  const uint64_t until = start + (length + PAGE - 1) / PAGE * PAGE;
  for (size_t n = 0; n < region_count; n++) {
    struct region part = regions[n];
    if (part.start < start) part.start = start;
    if (part.end > until) part.end = until;
    if (part.start < part.end) compare_region(&part, PAGE_IS, 1);
  }
}
static void grow_stack(void) {
  for (size_t n = 0; n < region_count; n++)
    if (regions[n].stack && registers.rsp < regions[n].start) {
      read_maps();
      put_maps();
      return;
    }
}

/* Instructions that are not left to the model. Kinds are remembered by address while no code can be written. */

static struct {
  uint64_t address;
  int kind;
} kinds[1 << 14];

static int classify(uint64_t word) {
  uint8_t b[8];
  memcpy(b, &word, 8);
  int n = 0;
  while (n < 4 && (b[n] == 0x66 || b[n] == 0xf2 || b[n] == 0xf3 || (b[n] & 0xf0) == 0x40)) n++;
  if (b[n] == 0x9c) return PUSHF;
  if (b[n] == 0xcd && b[n + 1] == 0x80) return SYSTEM_CALL;
  if (b[n] != 0x0f) return ORDINARY;
  switch (b[n + 1]) {
  case 0x05: return SYSTEM_CALL;
  case 0xa2: return CPUID;
  case 0x31: return NATIVE_ONLY; /* RDTSC */
  case 0x01: return b[n + 2] == 0xf9 || b[n + 2] == 0xd0 ? NATIVE_ONLY : ORDINARY; /* RDTSCP, XGETBV */
  case 0xc7: return b[n + 2] >= 0xf0 ? NATIVE_ONLY : ORDINARY; /* RDRAND, RDSEED */
  default: return ORDINARY;
  }
}
static int kind_of_next(void) {
  uint64_t rip = registers.rip;
  size_t at = rip & (sizeof kinds / sizeof *kinds - 1);
  if (kinds[at].address == rip && !code_is_writable) return kinds[at].kind;
  uint64_t word = 0;
  if (pread(memory_file, &word, 8, (off_t)rip) < 1) return ORDINARY;
  kinds[at].address = rip;
  kinds[at].kind = classify(word);
  return kinds[at].kind;
}

static struct {
  uint32_t leaf, answer[4];
} leaves[64];
static size_t leaf_count;

static void read_leaves(const char *name) {
  FILE *file = fopen(name, "r");
  if (file == NULL) fail(name);
  while (leaf_count < 64 && fscanf(file, "%x %x %x %x %x", &leaves[leaf_count].leaf, &leaves[leaf_count].answer[0], &leaves[leaf_count].answer[1],
                                   &leaves[leaf_count].answer[2], &leaves[leaf_count].answer[3]) == 5)
    leaf_count++;
  fclose(file);
}
static void answer_cpuid(void) {
  static const uint32_t none[4];
  const uint32_t *answer = none;
  for (size_t n = 0; n < leaf_count; n++)
    if (leaves[n].leaf == (uint32_t)registers.rax && (leaves[n].leaf != 7 || (uint32_t)registers.rcx == 0)) answer = leaves[n].answer;
  registers.rax = answer[0];
  registers.rbx = answer[1];
  registers.rcx = answer[2];
  registers.rdx = answer[3];
  registers.rip += 2;
  if (ptrace(PTRACE_SETREGS, child, NULL, &registers) != 0) fail("PTRACE_SETREGS");
}

/* Waits for the next stop; ends with the program. Returns the signal; *handler: a handler is about to run. */
static int await_stop(int *handler) {
  int status;
  if (waitpid(child, &status, __WALL) != child) fail("waitpid");
  if (WIFEXITED(status)) end(EXITED, (uint64_t)WEXITSTATUS(status));
  if (WIFSIGNALED(status)) end(SIGNALLED, (uint64_t)WTERMSIG(status));
  if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXEC << 8)) end(EXEC, 0);
  *handler = 0;
  if (WSTOPSIG(status) == SIGTRAP) {
    siginfo_t info;
    /* The kernel's own notice after it has made the frame of a handler, against the trap after an instruction. */
    if (ptrace(PTRACE_GETSIGINFO, child, NULL, &info) == 0) *handler = info.si_code == SIGTRAP;
  }
  return WSTOPSIG(status);
}
/* One instruction, or the entry of the handler of `signal`; signals on the way are passed on. Returns 1 for a handler. */
static int step(int signal) {
  for (;;) {
    int handler;
    if (ptrace(PTRACE_SINGLESTEP, child, NULL, (void *)(intptr_t)signal) != 0) fail("PTRACE_SINGLESTEP");
    int stopped = await_stop(&handler);
    if (stopped == SIGTRAP) return handler;
    /* What the kernel writes for the handler is told by the difference. */
    if (ptrace(PTRACE_GETREGS, child, NULL, &registers) != 0) fail("PTRACE_GETREGS");
    if (signal == 0) compare_memory(CHECK);
    signal = stopped;
  }
}

static void system_call(void) {
  struct user_regs_struct before = registers;
  uint64_t number = before.rax;
  if (number == SYS_rseq) {
    /* The kernel would write into the program's memory whenever it likes. */
    put_kind(PAUSE, 0);
    registers.rax = (uint64_t)-ENOSYS;
    registers.rip += 2;
    registers.rcx = registers.rip;
    registers.r11 = registers.eflags;
    if (ptrace(PTRACE_SETREGS, child, NULL, &registers) != 0) fail("PTRACE_SETREGS");
    put_state(ADOPT, 0);
    return;
  }
  if (number == SYS_clone && (before.rdi & 0x10000) != 0) end(THREAD, 0);
  grow_stack();
  compare_memory(CHECK);
  step(0);
  if (ptrace(PTRACE_GETREGS, child, NULL, &registers) != 0) fail("PTRACE_GETREGS");
  int mapping = number == SYS_mmap || number == SYS_mremap;
  if (mapping || number == SYS_munmap || number == SYS_mprotect || number == SYS_brk || number == SYS_shmat || number == SYS_shmdt) {
    memset(kinds, 0, sizeof kinds);
    int done = registers.rax < (uint64_t)-4095;
    if (number == SYS_munmap && done) zap(before.rdi, before.rsi);
    if (number == SYS_mremap && done) zap(before.rdi, before.rsi);
    if (mapping && done) zap(registers.rax, number == SYS_mmap ? before.rsi : before.rdx);
    read_maps();
    put_maps();
    if (mapping && done) put_contents(registers.rax, number == SYS_mmap ? before.rsi : before.rdx);
  }
  compare_memory(PAGE_IS);
  put_state(ADOPT, 0);
}

static void hide_vdso(void) {
  uint64_t at = registers.rsp, word;
  int nulls = 0;
  at += 8;
  while (nulls < 2) {
    if (pread(memory_file, &word, 8, (off_t)at) != 8) fail("stack");
    if (word == 0) nulls++;
    at += 8;
  }
  for (;; at += 16) {
    if (pread(memory_file, &word, 8, (off_t)at) != 8) fail("auxv");
    if (word == AT_NULL) return;
    if (word != AT_SYSINFO_EHDR) continue;
    word = AT_IGNORE;
    if (pwrite(memory_file, &word, 8, (off_t)at) != 8) fail("auxv");
  }
}

static int open_of_child(const char *what, int flags) {
  char name[64];
  snprintf(name, sizeof name, "/proc/%d/%s", child, what);
  int file = open(name, flags | O_CLOEXEC);
  if (file < 0) fail(name);
  return file;
}

int main(int count, char **arguments) {
  if (count < 5) return 2;
  read_leaves(arguments[1]);
  const uint64_t steps = strtoull(arguments[2], NULL, 10), check_every = strtoull(arguments[3], NULL, 10);
  fcntl(out, F_SETFD, FD_CLOEXEC);
  fcntl(out, F_SETPIPE_SZ, 1 << 20);
  child = fork();
  if (child < 0) fail("fork");
  if (child == 0) {
    personality(ADDR_NO_RANDOMIZE);
    ptrace(PTRACE_TRACEME, 0, NULL, NULL);
    execv(arguments[4], arguments + 4);
    perror(arguments[4]);
    _exit(127);
  }
  int handler;
  if (await_stop(&handler) != SIGTRAP) return 2;
  ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)(PTRACE_O_EXITKILL | PTRACE_O_TRACEEXEC));
  memory_file = open_of_child("mem", O_RDWR);
  page_map = open_of_child("pagemap", O_RDONLY);
  table = calloc(table_size, sizeof *table);
  if (table == NULL) fail("calloc");
  if (ptrace(PTRACE_GETREGS, child, NULL, &registers) != 0) fail("PTRACE_GETREGS");
  hide_vdso();
  read_maps();
  put_maps();
  put_contents(0, 1ull << 47);
  put_state(ADOPT, 1);
  for (uint64_t n = 1; n <= steps; n++) {
    const int kind = kind_of_next();
    if (kind == SYSTEM_CALL) {
      system_call();
      continue;
    }
    if (n % check_every == 0) {
      grow_stack();
      compare_memory(CHECK);
    }
    if (kind == NATIVE_ONLY) put_kind(PAUSE, 0);
    if (kind == CPUID) answer_cpuid();
    else if (step(0)) {
      compare_memory(PAGE_IS);
      put_state(ADOPT, 0);
      continue;
    }
    put_state(kind == NATIVE_ONLY ? ADOPT : STEP, 0);
    if (kind == PUSHF) {
      /* The trap flag that it pushed is the tracer's. */
      uint64_t word;
      if (pread(memory_file, &word, 8, (off_t)registers.rsp) == 8) {
        word &= ~(uint64_t)TRAP_FLAG;
        pwrite(memory_file, &word, 8, (off_t)registers.rsp);
      }
    }
  }
  grow_stack();
  compare_memory(CHECK);
  end(LIMIT, 0);
}
