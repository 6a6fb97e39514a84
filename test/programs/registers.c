// Threads and processes that hold a pattern of their own in every register while others run. Each loads all of them, gives the processor
// away by sched_yield in the same breath, and looks at them again. Arguments: tasks, rounds of each. Prints how many found another's value.
#define _GNU_SOURCE
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

struct state {
  uint64_t general[11];
  uint64_t xmm[32];
  long double x87[8];
  uint32_t mxcsr;
  uint16_t control;
};
static long rounds;
static __thread uint64_t own;

/** One system call with all registers in use; what they hold afterwards. RAX, RCX and R11 belong to the call. */
__attribute__((naked, noinline)) static void through(const struct state *in, struct state *out) {
  __asm__(
      "push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n push %rsi\n push %rdi\n"
      "sub $16, %rsp\n stmxcsr (%rsp)\n fnstcw 8(%rsp)\n"
      "ldmxcsr 0x1e0(%rdi)\n fninit\n fldcw 0x1e4(%rdi)\n"
      "fldt 0x160(%rdi)\n fldt 0x170(%rdi)\n fldt 0x180(%rdi)\n fldt 0x190(%rdi)\n"
      "fldt 0x1a0(%rdi)\n fldt 0x1b0(%rdi)\n fldt 0x1c0(%rdi)\n fldt 0x1d0(%rdi)\n"
      "movups 0x58(%rdi), %xmm0\n movups 0x68(%rdi), %xmm1\n movups 0x78(%rdi), %xmm2\n movups 0x88(%rdi), %xmm3\n"
      "movups 0x98(%rdi), %xmm4\n movups 0xa8(%rdi), %xmm5\n movups 0xb8(%rdi), %xmm6\n movups 0xc8(%rdi), %xmm7\n"
      "movups 0xd8(%rdi), %xmm8\n movups 0xe8(%rdi), %xmm9\n movups 0xf8(%rdi), %xmm10\n movups 0x108(%rdi), %xmm11\n"
      "movups 0x118(%rdi), %xmm12\n movups 0x128(%rdi), %xmm13\n movups 0x138(%rdi), %xmm14\n movups 0x148(%rdi), %xmm15\n"
      "mov 0x00(%rdi), %rbx\n mov 0x08(%rdi), %rdx\n mov 0x10(%rdi), %rsi\n mov 0x18(%rdi), %rbp\n mov 0x20(%rdi), %r8\n"
      "mov 0x28(%rdi), %r9\n mov 0x30(%rdi), %r10\n mov 0x38(%rdi), %r12\n mov 0x40(%rdi), %r13\n mov 0x48(%rdi), %r14\n"
      "mov 0x50(%rdi), %r15\n"
      "mov $24, %eax\n syscall\n"
      "mov %rsi, %rax\n mov 24(%rsp), %rdi\n"
      "mov %rbx, 0x00(%rdi)\n mov %rdx, 0x08(%rdi)\n mov %rax, 0x10(%rdi)\n mov %rbp, 0x18(%rdi)\n mov %r8, 0x20(%rdi)\n"
      "mov %r9, 0x28(%rdi)\n mov %r10, 0x30(%rdi)\n mov %r12, 0x38(%rdi)\n mov %r13, 0x40(%rdi)\n mov %r14, 0x48(%rdi)\n"
      "mov %r15, 0x50(%rdi)\n"
      "movups %xmm0, 0x58(%rdi)\n movups %xmm1, 0x68(%rdi)\n movups %xmm2, 0x78(%rdi)\n movups %xmm3, 0x88(%rdi)\n"
      "movups %xmm4, 0x98(%rdi)\n movups %xmm5, 0xa8(%rdi)\n movups %xmm6, 0xb8(%rdi)\n movups %xmm7, 0xc8(%rdi)\n"
      "movups %xmm8, 0xd8(%rdi)\n movups %xmm9, 0xe8(%rdi)\n movups %xmm10, 0xf8(%rdi)\n movups %xmm11, 0x108(%rdi)\n"
      "movups %xmm12, 0x118(%rdi)\n movups %xmm13, 0x128(%rdi)\n movups %xmm14, 0x138(%rdi)\n movups %xmm15, 0x148(%rdi)\n"
      "stmxcsr 0x1e0(%rdi)\n fnstcw 0x1e4(%rdi)\n"
      "fstpt 0x1d0(%rdi)\n fstpt 0x1c0(%rdi)\n fstpt 0x1b0(%rdi)\n fstpt 0x1a0(%rdi)\n"
      "fstpt 0x190(%rdi)\n fstpt 0x180(%rdi)\n fstpt 0x170(%rdi)\n fstpt 0x160(%rdi)\n"
      "ldmxcsr (%rsp)\n fldcw 8(%rsp)\n add $16, %rsp\n"
      "pop %rdi\n pop %rsi\n pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n ret\n");
}

static long hold(uint64_t number) {
  struct state in, out;
  long wrong = 0;
  memset(&in, 0, sizeof in);
  own = number;
  for (int n = 0; n < 11; n++) in.general[n] = number * 0x9e3779b97f4a7c15u + (uint64_t)n;
  for (int n = 0; n < 32; n++) in.xmm[n] = number * 0xd1342543de82ef95u + (uint64_t)n;
  for (int n = 0; n < 8; n++) in.x87[n] = (long double)number + (long double)n / 3;
  // Another rounding for each: MXCSR.RC and the control word's.
  in.mxcsr = 0x1f80 | (uint32_t)(number & 3) << 13;
  in.control = (uint16_t)(0x37f | (number & 3) << 10);
  for (long round = 0; round < rounds; round++) {
    memset(&out, 0, sizeof out);
    through(&in, &out);
    int same = memcmp(in.general, out.general, sizeof in.general) == 0 && memcmp(in.xmm, out.xmm, sizeof in.xmm) == 0;
    for (int n = 0; n < 8; n++) same &= memcmp(&in.x87[n], &out.x87[n], 10) == 0;
    same &= in.mxcsr == out.mxcsr && in.control == out.control && own == number;
    wrong += !same;
  }
  return wrong;
}
static void *threadOf(void *number) { return (void *)hold((uint64_t)number); }

int main(int argc, char **argv) {
  _Static_assert(__builtin_offsetof(struct state, xmm) == 0x58, "as the assembly has it");
  _Static_assert(__builtin_offsetof(struct state, x87) == 0x160, "as the assembly has it");
  _Static_assert(__builtin_offsetof(struct state, mxcsr) == 0x1e0 && __builtin_offsetof(struct state, control) == 0x1e4, "as there");
  int tasks = argc > 1 ? atoi(argv[1]) : 4;
  rounds = argc > 2 ? atol(argv[2]) : 100;
  long wrong = 0;
  int pipes[2];
  if (pipe(pipes) != 0) return 2;
  for (int n = 1; n < tasks; n += 2)
    if (fork() == 0) {
      long found = hold((uint64_t)n);
      _exit(write(pipes[1], &found, sizeof found) != sizeof found);
    }
  pthread_t threads[tasks];
  for (int n = 0; n < tasks; n += 2) pthread_create(&threads[n], NULL, threadOf, (void *)(uintptr_t)n);
  for (int n = 0; n < tasks; n += 2) {
    void *found;
    pthread_join(threads[n], &found);
    wrong += (long)found;
  }
  for (int n = 1; n < tasks; n += 2) {
    long found = 1;
    if (read(pipes[0], &found, sizeof found) != sizeof found) return 3;
    wrong += found;
    wait(NULL);
  }
  printf("%d tasks, %ld rounds of each: %ld wrong\n", tasks, rounds, wrong);
  return wrong != 0;
}
