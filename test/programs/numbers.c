// printf and strtod over many values: exercises x87 and SSE2 as musl uses them.
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

int main(void) {
  const double values[] = {0.0, -0.0, 1.0, -1.5, 0.1, 1.0 / 3, 1e-5, 123456789.123456789, 1e22, 1e23, 5e-324, DBL_MAX, DBL_MIN, DBL_EPSILON, 3.14159265358979323846, 2.5, 1e100};
  for (unsigned i = 0; i < sizeof values / sizeof *values; i++) {
    printf("%f|%e|%g|%a|%.3f|%+.10g|%20.15e|\n", values[i], values[i], values[i], values[i], values[i], values[i], values[i]);
    printf("sqrt %.17g floor %g ceil %g rint %g frexp ", sqrt(fabs(values[i])), floor(values[i]), ceil(values[i]), rint(values[i]));
    int exponent;
    double fraction = frexp(values[i], &exponent);
    printf("%.17g %d\n", fraction, exponent);
  }
  printf("%f %f %f %g\n", INFINITY, -INFINITY, fabs(NAN), fmod(10.5, 3.25));
  printf("sin %.15g cos %.15g tan %.15g exp %.15g log %.15g pow %.15g atan2 %.15g\n", sin(1.25), cos(1.25), tan(1.25), exp(1.25), log(1.25), pow(1.25, 7.5), atan2(1.0, -2.0));
  printf("long double %.20Lg %La\n", 1.0L / 3, 1.0L / 3);
  printf("sqrtl %.20Lg expl %.18Lg logl %.18Lg powl %.18Lg\n", sqrtl(2.0L), expl(1.5L), logl(1.5L), powl(1.5L, 2.5L));
  const char *texts[] = {"0", "1e10", "0.1", "123.456e-7", "0x1.8p3", "1e400", "4.9e-324", "2.2250738585072011e-308", "9007199254740993", "nan", "inf", "  -17.25xyz"};
  for (unsigned i = 0; i < sizeof texts / sizeof *texts; i++) {
    char *end;
    double value = strtod(texts[i], &end);
    printf("%s -> %.17g rest <%s>\n", texts[i], value != value ? 0.0 : value, end);
  }
  printf("%d %u %ld %lx %llo %c %5d|%-5d|%05d %hhd %s\n", -5, 4000000000u, -123456789012345L, 0xfedcba9876543210UL, 01234567012345670ULL, 'x', 42, 42, 42, 300, "text");
  float f = 0;
  for (int i = 0; i < 1000; i++) f += 0.1f;
  printf("float sum %.9g int %d long %ld\n", (double)f, (int)-2.75, (long)1e15);
  return 0;
}
