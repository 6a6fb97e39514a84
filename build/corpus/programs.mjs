// The third-party programs of the corpus: Debian 12's source packages, compiled with musl as static-PIE, and one that Debian itself
// ships static. Each recipe is what a person would type in the unpacked source; `mcc` is gcc with our specs (see toolchain.mjs).
//
//   apt-get source ─► dpkg-source -x ─► recipe (sh) ─► <cache>/bin/NAME

/** `result`: where the program lies after the recipe, in the source folder; `libraries`: sources unpacked in folders inside it. */
export const sourcePrograms = [
  {
    name: 'busybox',
    source: 'busybox',
    result: 'busybox',
    // tc needs kernel headers of its day; everything else of the default configuration is built.
    recipe: `
      make defconfig >/dev/null
      sed -i 's/^CONFIG_TC=y/CONFIG_TC=n/; s/^CONFIG_EXTRA_CFLAGS=.*/CONFIG_EXTRA_CFLAGS="-fPIE"/' .config
      yes '' | make oldconfig >/dev/null
      make -j2 CC=mcc HOSTCC=gcc CFLAGS_busybox=-static-pie busybox`,
  },
  { name: 'dash', source: 'dash', result: 'src/dash', recipe: './configure CC=mcc LDFLAGS=-static-pie && make -j2' },
  {
    name: 'less',
    source: 'less',
    libraries: ['ncurses'],
    result: 'less',
    // The terminals that less may meet are compiled in: there is no terminfo database to look in.
    recipe: `
      (cd ncurses && ./configure CC=mcc BUILD_CC=gcc --without-shared --without-debug --without-ada --without-cxx \\
        --without-cxx-binding --without-manpages --without-tests --without-progs --with-termlib --disable-database \\
        --with-fallbacks=xterm-256color,xterm,linux,vt100 && make -j2 -C include && make -j2 -C ncurses) >/dev/null
      ./configure CC=mcc CPPFLAGS=-I$PWD/ncurses/include LDFLAGS=-L$PWD/ncurses/lib >/dev/null && make`,
  },
  {
    name: 'lua',
    source: 'lua5.4',
    result: 'lua',
    recipe: 'cd src && mcc -DLUA_USE_POSIX -o ../lua $(ls *.c | grep -v luac.c) -lm',
  },
  {
    name: 'sqlite3',
    source: 'sqlite3',
    result: 'sqlite3',
    recipe: `
      ./configure >/dev/null
      make sqlite3.c shell.c >/dev/null
      mcc -DSQLITE_ENABLE_FTS5 -DSQLITE_OMIT_LOAD_EXTENSION -o sqlite3 shell.c sqlite3.c -lm`,
  },
  {
    name: 'bc',
    source: 'bc',
    result: 'bc/bc',
    recipe: 'touch bc/bc.c bc/scan.c && ./configure CC=mcc --without-readline && make -C lib && make -C bc',
  },
  {
    name: 'mawk',
    source: 'mawk',
    result: 'mawk',
    recipe: './configure CC=mcc && touch parse.c parse.h && make',
  },
  {
    name: 'bzip2',
    source: 'bzip2',
    result: 'bzip2',
    recipe: 'mcc -o bzip2 bzip2.c blocksort.c huffman.c crctable.c randtable.c compress.c decompress.c bzlib.c',
  },
  {
    name: 'xz',
    source: 'xz-utils',
    result: 'src/xz/xz',
    recipe: `
      ./configure CC=mcc --disable-shared --disable-nls --disable-doc --disable-scripts >/dev/null
      make -j2 -C src/liblzma && make -C src/xz LDFLAGS='-all-static -static-pie'`,
  },
  {
    name: 'minigzip',
    source: 'zlib',
    result: 'minigzip',
    recipe: 'mcc -DHAVE_UNISTD_H -DHAVE_STDARG_H -o minigzip -I. test/minigzip.c $(ls *.c)',
  },
];

export const binaryPackages = [{ name: 'mksh', package: 'mksh', file: 'usr/lib/x86_64-linux-musl/bin/mksh' }];
