// Memory that is writable and executable at once: code is written, run, written again without another call of mprotect.
// With an argument: code that writes into the page it runs from.
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096
typedef int (*function)(void);
static sigjmp_buf back;
static void onFault(int number) { siglongjmp(back, number); }

/** mov eax, value; ret */
static void answerWith(unsigned char *code, uint32_t value) {
  code[0] = 0xb8;
  memcpy(code + 1, &value, 4);
  code[5] = 0xc3;
}
static int call(unsigned char *code) {
  int signal = sigsetjmp(back, 1);
  return signal != 0 ? -signal : ((function)(uintptr_t)code)();
}

int main(int argc, char **argv) {
  (void)argv;
  unsigned char *code = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (code == MAP_FAILED) return 3;
  signal(SIGSEGV, onFault);
  if (argc > 1) {
    // mov byte [rip + 1], 7; mov al, 6; ret: changes its own next instruction.
    memcpy(code, "\xc6\x05\x01\0\0\0\x07\xb0\x06\xc3", 10);
    signal(SIGSEGV, SIG_DFL);
    printf("%d\n", call(code) & 0xff);
    return 0;
  }
  uint32_t sum = 0;
  for (uint32_t n = 0; n < 2000; n++) {
    answerWith(code, n);
    sum = sum * 31 + (uint32_t)call(code);
  }
  printf("written 2000 times: %u\n", sum);
  // Hot enough to be compiled, then written over the boundary of two pages.
  answerWith(code + PAGE - 3, 5);
  for (int n = 0; n < 5000; n++) sum += (uint32_t)call(code + PAGE - 3);
  answerWith(code + PAGE - 3, 6);
  printf("over two pages: %d %u\n", call(code + PAGE - 3), sum);
  // By the kernel.
  int pipes[2];
  unsigned char text[6];
  answerWith(text, 77);
  if (pipe(pipes) != 0 || write(pipes[1], text, 6) != 6 || read(pipes[0], code, 6) != 6) return 4;
  printf("read: %d\n", call(code));
  fflush(stdout);
  // Parent and child have their own from now on.
  if (fork() == 0) {
    answerWith(code, 78);
    printf("child: %d\n", call(code));
    fflush(stdout);
    _exit(0);
  }
  wait(NULL);
  printf("parent: %d\n", call(code));
  mprotect(code, PAGE, PROT_READ | PROT_WRITE);
  printf("not executable: %d\n", call(code));
  mprotect(code, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
  answerWith(code, 79);
  printf("again: %d\n", call(code));
  mprotect(code, PAGE, PROT_READ | PROT_EXEC);
  int signal = sigsetjmp(back, 1);
  if (signal == 0) code[1] = 1;
  printf("not writable: %d, %d\n", signal, call(code));
  mprotect(code, PAGE, PROT_NONE);
  printf("not at all: %d\n", call(code));
  return 0;
}
