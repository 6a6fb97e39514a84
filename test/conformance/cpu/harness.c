/* Runs machine-code snippets on the CPU of this host and writes down everything they did: the silicon side of the oracle.
 *
 *   stdin   header: "EOCS", number of cases (u32)       then the cases, struct input
 *   stdout  as many struct output
 *
 * Each snippet runs from one signal handler's return to the next signal: the handler stores what the last case left in the signal
 * frame, fills the frame with the next case, and returns into it. A snippet ends with INT3 (SIGTRAP) or with its fault.
 *
 *   0x10000000  code, one page               0x20000000  data, two pages; the window of 512 bytes is at 0x20000f00,
 *   0x20002000  nothing                                  across the page boundary
 *   0x20001e00  512 bytes that are cleared before every case (what lies before the hole)
 *   0x20003000  one read-only page of the byte 0x5a
 */
#define _GNU_SOURCE
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
#define WINDOW (DATA + 0xf00)
#define WINDOW_BYTES 512
#define CODE_OFFSET 0x100
#define CODE_BYTES 48
/* CF PF AF ZF SF DF OF: what a case may set. */
#define FLAG_MASK 0xcd5

struct input {
  uint64_t general[16]; /* in the order of the encoding: rax rcx rdx rbx rsp rbp rsi rdi r8 … r15 */
  uint64_t flags;
  uint32_t code_length;
  uint32_t reserved;
  uint8_t code[CODE_BYTES];
  uint8_t fx[512];
  uint8_t window[WINDOW_BYTES];
};

struct output {
  uint64_t general[16];
  uint64_t rip;
  uint64_t flags;
  uint64_t cr2;
  uint32_t vector;
  uint32_t error;
  uint8_t fx[512];
  uint8_t window[WINDOW_BYTES];
};

static struct input *inputs;
static struct output *outputs;
static uint32_t count;
static uint32_t current;
static int started;

static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

static void finish(void) {
  const uint8_t *at = (const uint8_t *)outputs;
  size_t left = (size_t)count * sizeof *outputs;
  while (left > 0) {
    ssize_t done = write(1, at, left);
    if (done <= 0) _exit(3);
    at += done;
    left -= (size_t)done;
  }
  _exit(0);
}

static void on_signal(int number, siginfo_t *info, void *context) {
  (void)number;
  (void)info;
  ucontext_t *frame = context;
  greg_t *registers = frame->uc_mcontext.gregs;
  uint8_t *fx = (uint8_t *)frame->uc_mcontext.fpregs;
  if (started) {
    struct output *out = &outputs[current];
    for (int n = 0; n < 16; n++) out->general[n] = (uint64_t)registers[order[n]];
    out->rip = (uint64_t)registers[REG_RIP];
    out->flags = (uint64_t)registers[REG_EFL];
    out->vector = (uint32_t)registers[REG_TRAPNO];
    out->error = (uint32_t)registers[REG_ERR];
    out->cr2 = out->vector == 14 ? (uint64_t)registers[REG_CR2] : 0;
    memcpy(out->fx, fx, 512);
    /* A component in its initial state is not written by XSAVEOPT; the kernel fills it in, but only with xstate_bv to tell. */
    memcpy(out->window, WINDOW, WINDOW_BYTES);
    current++;
  }
  started = 1;
  if (current == count) finish();
  const struct input *in = &inputs[current];
  memcpy(CODE + CODE_OFFSET, in->code, CODE_BYTES);
  memcpy(WINDOW, in->window, WINDOW_BYTES);
  memset(DATA + 0x1e00, 0, 0x200);
  for (int n = 0; n < 16; n++) registers[order[n]] = (greg_t)in->general[n];
  registers[REG_RIP] = (greg_t)(uintptr_t)(CODE + CODE_OFFSET);
  registers[REG_EFL] = (greg_t)((in->flags & FLAG_MASK) | 0x202);
  memcpy(fx, in->fx, 416);
  /* xstate_bv of the XSAVE header behind the 512 bytes: x87 and SSE come from the area. */
  uint64_t present;
  memcpy(&present, fx + 512, 8);
  present |= 3;
  memcpy(fx + 512, &present, 8);
}

static void *map(void *address, size_t length, int protection) {
  void *got = mmap(address, length, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  if (got != address) {
    perror("mmap");
    exit(2);
  }
  return got;
}

int main(void) {
  char magic[4];
  if (fread(magic, 4, 1, stdin) != 1 || memcmp(magic, "EOCS", 4) != 0) return 2;
  if (fread(&count, 4, 1, stdin) != 1 || count == 0 || count > 1000000) return 2;
  inputs = malloc((size_t)count * sizeof *inputs);
  outputs = calloc(count, sizeof *outputs);
  if (!inputs || !outputs || fread(inputs, sizeof *inputs, count, stdin) != count) return 2;

  map(CODE, 4096, PROT_READ | PROT_WRITE | PROT_EXEC);
  memset(CODE, 0xcc, 4096);
  map(DATA, 8192, PROT_READ | PROT_WRITE);
  map(READ_ONLY, 4096, PROT_READ | PROT_WRITE);
  memset(READ_ONLY, 0x5a, 4096);
  mprotect(READ_ONLY, 4096, PROT_READ);

  stack_t stack = {.ss_sp = malloc(1 << 17), .ss_size = 1 << 17};
  sigaltstack(&stack, NULL);
  struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
  const int signals[] = {SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
  for (size_t n = 0; n < sizeof signals / sizeof *signals; n++) sigaction(signals[n], &action, NULL);
  __asm__ volatile("int3");
  return 4;
}
