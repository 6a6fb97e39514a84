// Prints all that a program is started with: argv, envp, the parts of auxv that do not depend on the machine.
#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>

extern char **environ;

int main(int argc, char **argv) {
  printf("argc=%d\n", argc);
  for (int i = 0; i < argc; i++) printf("argv[%d]=<%s> length=%zu\n", i, i == 0 ? "program" : argv[i], i == 0 ? 0 : strlen(argv[i]));
  for (char **entry = environ; *entry; entry++) printf("env %s\n", *entry);
  printf("pagesz=%lu phent=%lu clktck=%lu secure=%lu uid-equal=%d gid-equal=%d\n", getauxval(AT_PAGESZ), getauxval(AT_PHENT),
         getauxval(AT_CLKTCK), getauxval(AT_SECURE), getauxval(AT_UID) == getauxval(AT_EUID), getauxval(AT_GID) == getauxval(AT_EGID));
  printf("phdr=%d random=%d platform=%s stack-aligned=%d\n", getauxval(AT_PHDR) != 0, getauxval(AT_RANDOM) != 0,
         (const char *)getauxval(AT_PLATFORM), ((unsigned long)__builtin_frame_address(0) & 15) == 0);
  return 7;
}
