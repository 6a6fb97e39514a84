// Test suites of other projects, from Debian 12's source packages. A recipe runs in an empty folder with ARCHIVE, the upstream
// archive of the package, and leaves what a job needs in `out`; `mcc` is gcc with our specs (see toolchain.mjs).
//
//   apt-get source ─► recipe (sh) ─► <cache>/suites/NAME/ ─► the job's folder, natively and in EuroOS

import { configureBusybox } from './programs.mjs';

/** Compiles each line "OPTIONS<tab>SOURCE…" of `list` to out/tests/NAME; what this gcc cannot compile is named in out/refused. */
const compileList = `
  mkdir -p out/tests
  compile() {
    name=\${2##*/}
    mcc -w $1 -o out/tests/\${name%.c} $2 \${3:-} -lm 2>/dev/null || echo \${name%.c} >> refused
  }
  while IFS='	' read -r options source more; do
    compile "$options" $source "$more" &
    compile_jobs=$((\${compile_jobs:-0} + 1))
    [ $((compile_jobs % 4)) -ne 0 ] || wait
  done < list
  wait
  strip out/tests/*
  [ ! -f refused ] || cp refused out/`;

export const suites = [
  {
    // Busybox's own tests with the busybox that they are for. The scripts name /bin/sh; they are given to busybox's sh instead, so
    // that one shell runs them on both sides.
    name: 'busybox-tests',
    source: 'busybox',
    programs: ['busybox'],
    recipe: `
      tar xf "$ARCHIVE" --strip-components=1
      ${configureBusybox}
      mkdir out
      cp -r .config testsuite out/
      cp "$BIN/busybox" out/
      sed -i 's|^\\t\\t\\t"$tsdir/$applet.tests"|\\t\\t\\tsh "$tsdir/$applet.tests"|' out/testsuite/runtest
      grep -q 'sh "$tsdir/$applet.tests"' out/testsuite/runtest`,
  },
  {
    // The run tests of gcc for SSE to SSE4.2. They pass silently where CPUID lacks the bit, so each is made to say that it tested.
    name: 'gcc-sse',
    source: 'gcc-12',
    recipe: `
      tar xzOf "$ARCHIVE" --wildcards '*/gcc-12*.tar.xz' |
        tar xJ --strip-components=3 --wildcards '*/gcc/testsuite/gcc.target/i386/*' '*/gcc/testsuite/gcc.dg/*.[ch]'
      cd gcc.target/i386
      sed -i 's/^ *do_test ();/{ do_test (); __builtin_puts ("tested"); }/' *-check.h
      for test in sse-*.c sse2-*.c sse3-*.c ssse3-*.c sse4_1-*.c sse4_2-*.c; do
        grep -q 'dg-do run' "$test" || continue
        options=$(sed -n 's/.*dg-options "\\([^"]*\\)".*/\\1/p' "$test" | head -n 1 | sed 's/-fdump-[^ ]*//')
        printf '%s\\t%s\\n' "$options" "$test"
      done > list
      ${compileList}
      mv out ../..`,
  },
  {
    // QEMU's tests of x86-64 and x87 instructions, floating point (unoptimized, so that gcc does not compute the results) and threads.
    // test-i386 prints addresses: they are fixed.
    name: 'qemu-tcg',
    source: 'qemu',
    recipe: `
      tar xf "$ARCHIVE" --strip-components=3 --wildcards '*/tests/tcg/i386/*' '*/tests/tcg/x86_64/*' '*/tests/tcg/multiarch/*'
      python3 i386/test-mmx.py i386/x86.csv i386/test-mmx.h MMX SSE SSE2 SSE3 SSSE3
      {
        for test in f2xm1 fbstp fisttp fldcst fp-exceptions fpatan fprem fscale fxam fxtract fyl2x fyl2xp1 pseudo-denormal snan-convert ssse3; do
          printf '%s\\t%s\\n' -O2 i386/test-i386-$test.c
        done
        printf '%s\\t%s\\n' '-msse4.1 -mfpmath=sse' i386/test-i386-sse-exceptions.c
        printf '%s\\t%s\\n' -msse4.2 i386/test-i386-pcmpistri.c
        printf '%s\\t%s\\n' '-masm=intel -O -Ii386' i386/test-mmx.c
        printf '%s\\t%s\\n' '-O2 -fno-pie -no-pie' i386/test-i386.c
        for test in cmpxchg noexec vsyscall; do printf '%s\\t%s\\n' -O0 x86_64/$test.c; done
        for test in float_convd float_convs float_madds; do
          printf '%s\\t%s\\t%s\\n' -O0 multiarch/$test.c multiarch/libs/float_helpers.c
        done
        for test in sha1 sha512 overflow sigbus signals test-mmap munmap-pthread testthread threadcount linux/linux-test; do
          [ ! -f multiarch/$test.c ] || printf '%s\\t%s\\n' -pthread multiarch/$test.c
        done
      } > list
      ${compileList}`,
  },
  {
    // What tcc needs to compile Lua: its own headers and library, musl's headers and library, Lua's sources.
    name: 'tcc-lua',
    source: 'lua5.4',
    also: 'tcc',
    recipe: `
      mkdir tcc
      tar xf "$ALSO" -C tcc
      (cd tcc && [ -f configure ] || mv */* . ; ./configure --cc=mcc --config-musl >/dev/null && make libtcc1.a >/dev/null)
      mkdir -p out/tcc out/musl
      cp -r tcc/include tcc/libtcc1.a out/tcc/
      cp -r /usr/include/x86_64-linux-musl out/musl/include
      cp /usr/lib/x86_64-linux-musl/libc.a /usr/lib/x86_64-linux-musl/crt?.o out/musl/
      tar xf "$ARCHIVE" --strip-components=1
      cp -r src out/lua
      rm out/lua/luac.c`,
  },
];
