// What a signal handler is shown (ucontext), what it may change, and alternate stacks.
#define _GNU_SOURCE
#include "check.h"
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif
#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1u << 31)
#endif

static sigjmp_buf back;
static char *page;
static char *stack;
static long stackBytes;

static const char *place(uint64_t address) {
  static char text[32];
  if (page != NULL && address - (uint64_t)page < 4096) return "page";
  snprintf(text, sizeof text, "%lx", (unsigned long)address);
  return text;
}
static void show(int number, siginfo_t *information, void *context) {
  ucontext_t *user = context;
  greg_t *registers = user->uc_mcontext.gregs;
  uint64_t address = (uint64_t)information->si_addr;
  // Of kill and its like the sender would stand there.
  const char *told = information->si_code <= 0 ? "-" : (greg_t)address == registers[REG_RIP] ? "rip" : place(address);
  printf("  signal %d code %d address %s", number, information->si_code, told);
  printf(", trap %lld error %llx", registers[REG_TRAPNO], registers[REG_ERR]);
  printf(" cr2 %s\n", place((uint64_t)registers[REG_CR2]));
  // Bit 0 tells of XSAVE.
  printf("  flags %lx link %d cs %llx fs %llx ss %llx mask %llx\n", user->uc_flags & ~1ul, user->uc_link != NULL,
         registers[REG_CSGSFS] & 0xffff, registers[REG_CSGSFS] >> 32 & 0xffff, registers[REG_CSGSFS] >> 48 & 0xffff,
         registers[REG_OLDMASK]);
  printf("  stack %d flags %x bytes %ld\n", user->uc_stack.ss_sp == stack, (unsigned)user->uc_stack.ss_flags,
         (long)user->uc_stack.ss_size);
  fflush(stdout);
  siglongjmp(back, 1);
}
static void catch(int number, void (*handler)(int, siginfo_t *, void *), int flags) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
  sigaction(number, &action, NULL);
}
#define FAULT(...)                             \
  do {                                         \
    printf("%s\n", #__VA_ARGS__);              \
    fflush(stdout);                            \
    if (sigsetjmp(back, 1) == 0) __VA_ARGS__; \
  } while (0)

static void faults(void) {
  int (*code)(void);
  page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  memcpy(&code, &page, sizeof code);
  for (int number = 1; number < 32; number++)
    if (number == SIGSEGV || number == SIGBUS || number == SIGFPE || number == SIGILL || number == SIGTRAP || number == SIGUSR1)
      catch(number, show, 0);
  sigset_t blocked;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR2);
  sigprocmask(SIG_BLOCK, &blocked, NULL);
  // Nothing has happened so far: no trap is told of.
  FAULT(raise(SIGUSR1));
  FAULT(*(volatile char *)page = 1);
  FAULT((void)*(volatile char *)8);
  FAULT(*(volatile char *)8 = 1);
  FAULT((void)*(volatile char *)page, code());
  FAULT((void)*(volatile char *)0xffff800000000000);
  FAULT((void)*(volatile char *)0x8000000000000000);
  FAULT(__asm__ volatile("ud2"));
  FAULT(__asm__ volatile("int3"));
  FAULT(__asm__ volatile("hlt"));
  FAULT(__asm__ volatile("int $0x42"));
  FAULT(__asm__ volatile("xor %%ecx,%%ecx; mov $1,%%eax; cltd; idiv %%ecx" ::: "rax", "rcx", "rdx", "cc"));
  munmap(page, 4096);
  FAULT((void)*(volatile char *)page);
  // What the last fault left behind is still told of.
  FAULT(raise(SIGUSR1));
}

/** Registers as they were; the handler changes them, and the program finds them so. */
static void change(int number, siginfo_t *information, void *context) {
  (void)number, (void)information;
  greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;
  printf("  r8 %llx r9 %llx r10 %llx r11 %llx r12 %llx r13 %llx r14 %llx r15 %llx\n", registers[REG_R8], registers[REG_R9],
         registers[REG_R10], registers[REG_R11], registers[REG_R12], registers[REG_R13], registers[REG_R14], registers[REG_R15]);
  printf("  rdi %llx rsi %llx rbx %llx rdx %llx rax %llx rcx %llx carry %lld\n", registers[REG_RDI], registers[REG_RSI],
         registers[REG_RBX], registers[REG_RDX], registers[REG_RAX], registers[REG_RCX], registers[REG_EFL] & 1);
  // FXSAVE: control word at 0, MXCSR at 24, XMM registers from 160 on.
  unsigned char *floating = (void *)((ucontext_t *)context)->uc_mcontext.fpregs;
  unsigned char *xmm = floating + 160 + 16 * 7;
  printf("  xmm7 %x, control %x, mxcsr %x\n", *xmm, *(uint16_t *)floating, *(uint32_t *)(floating + 24));
  registers[REG_R8] = 0x88;
  registers[REG_R15] = 0xff;
  registers[REG_RCX] = 0x1234567890abcdef;
  registers[REG_EFL] &= ~1ll;
  registers[REG_RIP] += 2;
  *xmm = 0x77;
}
static void registers(void) {
  uint64_t r8, r15, rcx, carry;
  uint32_t xmm;
  printf("registers\n");
  catch(SIGILL, change, 0);
  __asm__ volatile(
      "mov $0x5a,%%eax; movd %%eax,%%xmm7\n mov $8,%%r8d; mov $9,%%r9d; mov $10,%%r10d; mov $11,%%r11d; mov $12,%%r12d\n"
      "mov $13,%%r13d; mov $14,%%r14d; mov $15,%%r15d; mov $1,%%edi; mov $2,%%esi; mov $3,%%ebx; mov $4,%%edx; mov $5,%%ecx\n"
      "stc; ud2\n mov %%r8,%0; mov %%r15,%1; mov %%rcx,%2; setc %b3; movzbl %b3,%k3; movd %%xmm7,%4"
      : "=m"(r8), "=m"(r15), "=m"(rcx), "=&a"(carry), "=m"(xmm)
      :
      : "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "rdi", "rsi", "rbx", "rdx", "rcx", "xmm7", "cc", "memory");
  printf("  after: r8 %lx r15 %lx rcx %lx carry %ld xmm7 %x\n", r8, r15, rcx, carry & 1, xmm);
}

/* The C library refuses some flags. */
static long setStack(stack_t *set, stack_t *old) { return syscall(SYS_sigaltstack, set, old); }
static stack_t stackNow(void) {
  stack_t now = {0};
  setStack(NULL, &now);
  return now;
}
static void onStack(int number, siginfo_t *information, void *context) {
  (void)information;
  char here;
  stack_t now = stackNow(), other = {.ss_sp = stack, .ss_size = (size_t)stackBytes};
  ucontext_t *user = context;
  printf("  signal %d: here %d, now %x of %ld, saved %x of %ld, change: %s\n", number, &here >= stack && &here < stack + stackBytes,
         (unsigned)now.ss_flags, (long)now.ss_size, (unsigned)user->uc_stack.ss_flags, (long)user->uc_stack.ss_size,
         now.ss_flags == SS_DISABLE ? "-" : errorName(setStack(&other, NULL) == 0 ? 0 : errno));
  if (number == SIGUSR1) raise(SIGUSR2);
}
static void alternateStacks(void) {
  stackBytes = 65536;
  stack = malloc((size_t)stackBytes);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  catch(SIGUSR1, onStack, SA_ONSTACK);
  catch(SIGUSR2, onStack, SA_ONSTACK);
  stack_t set = {.ss_sp = stack, .ss_size = (size_t)stackBytes}, old;
  printf("alternate stacks\n");
  printf("  at first %x of %ld\n", (unsigned)stackNow().ss_flags, (long)stackNow().ss_size);
  for (int n = 0; n < 3; n++) {
    static const unsigned flags[] = {0, SS_ONSTACK, SS_AUTODISARM};
    set.ss_flags = (int)flags[n];
    SHOW(setStack(&set, &old));
    printf("  was %x of %ld, is %x of %ld\n", (unsigned)old.ss_flags, (long)old.ss_size, (unsigned)stackNow().ss_flags,
           (long)stackNow().ss_size);
    raise(SIGUSR1);
    printf("  after: %x of %ld\n", (unsigned)stackNow().ss_flags, (long)stackNow().ss_size);
  }
  set.ss_flags = SS_DISABLE;
  SHOW(setStack(&set, &old));
  printf("  was %x, is %x of %ld\n", (unsigned)old.ss_flags, (unsigned)stackNow().ss_flags, (long)stackNow().ss_size);
  set.ss_flags = 4;
  SHOW(setStack(&set, NULL));
  set.ss_flags = 0;
  set.ss_size = 2047;
  SHOW(setStack(&set, NULL));
}
/** A stack with room for one frame and its handler: the frame of a second signal ends the program. */
static void again(int number) { raise(number == SIGUSR1 ? SIGUSR2 : SIGUSR1); }
static void overflow(void) {
  char *small = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct sigaction action = {.sa_handler = again, .sa_flags = SA_ONSTACK | SA_NODEFER};
  sigaction(SIGUSR1, &action, NULL);
  sigaction(SIGUSR2, &action, NULL);
  stack_t set = {.ss_sp = small + 32768, .ss_size = getauxval(AT_MINSIGSTKSZ) + 1000};
  if (setStack(&set, NULL) != 0) _exit(1);
  raise(SIGUSR1);
}

int main(void) {
  stack = NULL;
  faults();
  registers();
  alternateStacks();
  fflush(stdout);
  int status = 0;
  pid_t child = fork();
  if (child == 0) {
    overflow();
    _exit(0);
  }
  waitpid(child, &status, 0);
  printf("overflow: signal %d\n", WTERMSIG(status));
  return 0;
}
