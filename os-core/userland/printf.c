// printf format [value…]: as the shell's own, for programs that run it by name. Escapes \\ \a \b \f \n \r \t \v \ddd; conversions
// %s %c %d %i %u %o %x %X %e %f %g %%.

#include "common.h"

static int status;

static const char *escape(const char *at) {
  static const char from[] = "abfnrtv\\", to[] = "\a\b\f\n\r\t\v\\";
  const char *found = *at == 0 ? NULL : strchr(from, *at);
  if (found != NULL) {
    putchar(to[found - from]);
    return at + 1;
  }
  if (*at >= '0' && *at <= '7') {
    int value = 0;
    for (int i = 0; i < 3 && *at >= '0' && *at <= '7'; i++) value = value * 8 + (*at++ - '0');
    putchar(value & 255);
    return at;
  }
  putchar('\\');
  return at;
}

static void check(const char *text, const char *end) {
  if (*end == 0) return;
  fprintf(stderr, "printf: %s: not a number\n", text);
  status = 1;
}

int main(int argc, char **argv) {
  program_name = "printf";
  if (argc < 2) usage("printf format [value...]");
  int next = 2;
  do {
    int before = next;
    for (const char *at = argv[1]; *at != 0;) {
      if (*at == '\\') {
        at = escape(at + 1);
        continue;
      }
      if (*at != '%' || at[1] == '%') {
        putchar(*at);
        at += *at == '%' ? 2 : 1;
        continue;
      }
      size_t length = 1 + strspn(at + 1, "-+ #0123456789.");
      char conversion = at[length];
      char format[64];
      if (length + 4 > sizeof format || conversion == 0 || strchr("scdiuoxXeEfFgG", conversion) == NULL) {
        fflush(stdout);
        fprintf(stderr, "printf: bad format\n");
        return 1;
      }
      memcpy(format, at, length);
      at += length + 1;
      const char *value = next < argc ? argv[next++] : "";
      char *end = (char *)value;
      if (conversion == 's' || conversion == 'c') {
        char one[2] = {value[0], 0};
        strcpy(format + length, "s");
        printf(format, conversion == 'c' ? one : value);
      } else if (strchr("eEfFgG", conversion) != NULL) {
        format[length] = conversion;
        format[length + 1] = 0;
        double number = strtod(value, &end);
        check(value, end);
        printf(format, number);
      } else {
        sprintf(format + length, "ll%c", conversion);
        long long number = conversion == 'd' || conversion == 'i' || *value == '-'
                               ? strtoll(value, &end, 0)
                               : (long long)strtoull(value, &end, 0);
        check(value, end);
        printf(format, number);
      }
    }
    if (next == before) break;
  } while (next < argc);
  return finish_output(status);
}
