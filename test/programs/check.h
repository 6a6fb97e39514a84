// What the test programs share: a call with its result and errno on one line.
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *errorName(int number) { return number == 0 ? "ok" : strerror(number); }
#define SHOW(call)                                                      \
  do {                                                                  \
    errno = 0;                                                          \
    long showResult = (long)(call);                                     \
    printf("%s = %ld %s\n", #call, showResult, errorName(showResult < 0 ? errno : 0)); \
  } while (0)
/* For calls whose result is a descriptor or an id: only success or the error is told. */
#define TRY(call)                                                       \
  do {                                                                  \
    errno = 0;                                                          \
    long tryResult = (long)(call);                                      \
    printf("%s %s\n", #call, errorName(tryResult < 0 ? errno : 0));     \
  } while (0)
