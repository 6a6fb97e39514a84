/* Runs machine-code snippets on the CPU of this host and writes down everything they did: the silicon side of the oracle.
 *
 *   stdin   a batch of snippets, each with many vectors (register and memory contents); layout.ts draws the records
 *   stdout  an outcome for each vector
 *
 * Each vector runs from one signal handler's return to the next signal: the handler stores what the last one left in the signal
 * frame, fills the frame with the next, and returns into it. A snippet ends with INT3 (SIGTRAP) or with its fault.
 *
 *   0x10000000  code, one page, read and execute; written through a second mapping
 *   0x20000000  data, two pages; the window of 512 bytes is at 0x20000f00, across the page boundary; the rest is zero
 *   0x20002000  nothing
 *   0x20003000  one read-only page of the byte 0x5a
 *
 * GS has its base at 0x1fff0000; nothing in here uses it.
 */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#define CODE ((uint8_t *)0x10000000)
#define DATA ((uint8_t *)0x20000000)
#define READ_ONLY ((uint8_t *)0x20003000)
#define DATA_BYTES 8192
#define WINDOW (DATA + 0xf00)
#define WINDOW_BYTES 512
#define CODE_OFFSET 0x100
#define CODE_BYTES 48
#define FX_BYTES 416
#define GS_BASE 0x1fff0000ul
/* CF PF AF ZF SF DF OF: what a case may set. */
#define FLAG_MASK 0xcd5

struct header {
  char magic[4];
  uint32_t snippets;
  uint32_t vectors;
  uint32_t reserved;
};

struct snippet {
  uint32_t vectors;
  uint32_t code_length;
  uint8_t code[CODE_BYTES];
};

struct vector {
  uint64_t general[16]; /* in the order of the encoding: rax rcx rdx rbx rsp rbp rsi rdi r8 … r15 */
  uint32_t flags;
  uint32_t reserved;
  uint8_t fx[FX_BYTES];
  uint8_t window[WINDOW_BYTES];
};

struct outcome {
  uint64_t general[16];
  uint64_t rip;
  uint64_t cr2;
  uint32_t flags;
  uint32_t vector;
  uint32_t error;
  uint32_t reserved;
  uint8_t fx[FX_BYTES];
  uint8_t window[WINDOW_BYTES];
};

static struct header header;
static struct snippet *snippets;
static struct vector *vectors;
static struct outcome *outcomes;
static uint8_t *code_alias;
static uint32_t current; /* vector */
static uint32_t current_snippet;
static uint32_t left_of_snippet;
static int started;

static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

static void finish(void) {
  const uint8_t *at = (const uint8_t *)outcomes;
  size_t left = (size_t)header.vectors * sizeof *outcomes;
  while (left > 0) {
    ssize_t done = write(1, at, left);
    if (done <= 0) _exit(3);
    at += done;
    left -= (size_t)done;
  }
  _exit(0);
}

static void store(struct outcome *out, const greg_t *registers, const uint8_t *fx) {
  for (int n = 0; n < 16; n++) out->general[n] = (uint64_t)registers[order[n]];
  out->rip = (uint64_t)registers[REG_RIP];
  out->flags = (uint32_t)registers[REG_EFL] & FLAG_MASK;
  out->vector = (uint32_t)registers[REG_TRAPNO];
  out->error = out->vector == 3 ? 0 : (uint32_t)registers[REG_ERR];
  out->cr2 = out->vector == 14 ? (uint64_t)registers[REG_CR2] : 0;
  memcpy(out->fx, fx, FX_BYTES);
  memset(out->fx + 5, 0, 19); /* FOP, FIP, FDP */
  memset(out->fx + 28, 0, 4); /* MXCSR_MASK */
  for (int n = 0; n < 8; n++) memset(out->fx + 42 + n * 16, 0, 6);
  memcpy(out->window, WINDOW, WINDOW_BYTES);
}

static void on_signal(int number, siginfo_t *info, void *context) {
  (void)number;
  (void)info;
  ucontext_t *frame = context;
  greg_t *registers = frame->uc_mcontext.gregs;
  uint8_t *fx = (uint8_t *)frame->uc_mcontext.fpregs;
  if (started) {
    store(&outcomes[current], registers, fx);
    current++;
    left_of_snippet--;
  }
  started = 1;
  if (current == header.vectors) finish();
  while (left_of_snippet == 0) {
    const struct snippet *next = &snippets[current_snippet++];
    left_of_snippet = next->vectors;
    memset(code_alias + CODE_OFFSET, 0xcc, CODE_BYTES);
    memcpy(code_alias + CODE_OFFSET, next->code, next->code_length);
  }
  const struct vector *in = &vectors[current];
  memset(DATA, 0, DATA_BYTES);
  memcpy(WINDOW, in->window, WINDOW_BYTES);
  for (int n = 0; n < 16; n++) registers[order[n]] = (greg_t)in->general[n];
  registers[REG_RIP] = (greg_t)(uintptr_t)(CODE + CODE_OFFSET);
  registers[REG_EFL] = (greg_t)((in->flags & FLAG_MASK) | 0x202);
  memcpy(fx, in->fx, FX_BYTES);
  /* xstate_bv of the XSAVE header behind the 512 bytes: x87 and SSE come from the area. */
  uint64_t present;
  memcpy(&present, fx + 512, 8);
  present |= 3;
  memcpy(fx + 512, &present, 8);
  /* NT and ID, which POPF may have set, are not in the frame: the return keeps those of this handler. */
  __builtin_ia32_writeeflags_u64(0x202);
}

static void *map(void *address, size_t length, int protection, int flags, int file) {
  void *got = mmap(address, length, protection, flags, file, 0);
  if (got == MAP_FAILED || (address != NULL && got != address)) {
    perror("mmap");
    exit(2);
  }
  return got;
}

static void *read_records(size_t size, size_t count) {
  void *records = malloc(size * count + 1);
  if (records == NULL || fread(records, size, count, stdin) != count) exit(2);
  return records;
}

int main(void) {
  if (fread(&header, sizeof header, 1, stdin) != 1 || memcmp(header.magic, "EOC2", 4) != 0) return 2;
  if (header.vectors == 0 || header.vectors > 1000000 || header.snippets > header.vectors) return 2;
  snippets = read_records(sizeof *snippets, header.snippets);
  vectors = read_records(sizeof *vectors, header.vectors);
  outcomes = calloc(header.vectors, sizeof *outcomes);
  if (outcomes == NULL) return 2;
  uint64_t sum = 0;
  for (uint32_t n = 0; n < header.snippets; n++) {
    if (snippets[n].vectors == 0 || snippets[n].code_length > CODE_BYTES) return 2;
    sum += snippets[n].vectors;
  }
  if (sum != header.vectors) return 2;

  const int fixed = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
  int file = memfd_create("code", 0);
  if (file < 0 || ftruncate(file, 4096) != 0) return 2;
  code_alias = map(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file);
  memset(code_alias, 0xcc, 4096);
  map(CODE, 4096, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_FIXED_NOREPLACE, file);
  map(DATA, DATA_BYTES, PROT_READ | PROT_WRITE, fixed, -1);
  map(READ_ONLY, 4096, PROT_READ | PROT_WRITE, fixed, -1);
  memset(READ_ONLY, 0x5a, 4096);
  mprotect(READ_ONLY, 4096, PROT_READ);
  if (syscall(SYS_arch_prctl, ARCH_SET_GS, GS_BASE) != 0) return 2;

  stack_t stack = {.ss_sp = malloc(1 << 17), .ss_size = 1 << 17};
  sigaltstack(&stack, NULL);
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  const int signals[] = {SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
  for (size_t n = 0; n < sizeof signals / sizeof *signals; n++) sigaction(signals[n], &action, NULL);
  __asm__ volatile("int3");
  return 4;
}
