// The jobs of the corpus: a program, its arguments, what it reads. The folder `jobs` holds their scripts; each job runs in a folder
// of its own with a copy of its files, with only the corpus' own programs on PATH.

/** A job of a program of the npm registry: the script run.sh in jobs/npm/NAME, with the files beside it. */
const npmJob = (program, name, more = {}) => ({
  name,
  program,
  command: ['dash', 'run.sh'],
  files: [`npm/${program}`],
  needs: [program],
  ...more,
});

/**
 * `command[0]` names a program of programs.mjs; `input`: the file on stdin; `files`: files and contents of folders of `jobs` that are
 * copied into the job's folder; `suite`: the suite whose files are copied too; `needs`: more programs; `share`: part of the tests of
 * every change; `rights`: what EuroOS is to allow beyond the usual; `user`: who runs it there; `memory`: of
 * the machine, if the usual is too little; `known`, `knownParts`: why it, or a part of it, cannot
 * be the same yet, for the page.
 */
export const jobs = [
  {
    name: 'shell tools, busybox sh',
    command: ['busybox', 'sh', 'tools.sh'],
    files: ['tools.sh'],
    needs: ['bc'],
    share: true,
  },
  { name: 'shell tools, dash', command: ['dash', 'tools.sh'], files: ['tools.sh'], needs: ['bc'] },
  { name: 'shell tools, mksh', command: ['mksh', 'tools.sh'], files: ['tools.sh'], needs: ['bc'] },
  { name: 'language and library', command: ['lua', 'language.lua'], files: ['language.lua'], share: true },
  { name: 'threads of control', command: ['lua', 'queens.lua'], files: ['queens.lua'] },
  {
    name: 'journal, index, full text',
    command: ['sqlite3', 'test.db'],
    input: 'database.sql',
    files: ['database.sql'],
    share: true,
  },
  {
    name: 'write-ahead log, two processes',
    command: ['dash', 'two-writers.sh'],
    program: 'sqlite3',
    files: ['two-writers.sh'],
    needs: ['sqlite3'],
  },
  { name: '500 digits of pi', command: ['bc', '-l', 'pi.bc'], files: ['pi.bc'] },
  { name: 'text processing', command: ['mawk', '-f', 'report.awk', 'report.awk'], files: ['report.awk'] },
  {
    name: 'compress and restore, bzip2',
    command: ['dash', 'compress.sh', 'bzip2'],
    program: 'bzip2',
    files: ['compress.sh'],
    needs: ['bzip2'],
  },
  {
    name: 'compress and restore, xz -9',
    command: ['dash', 'compress.sh', 'xz', '-9'],
    program: 'xz',
    files: ['compress.sh'],
    needs: ['xz'],
    // It maps half a gigabyte at once; Linux, too, refuses more than there is.
    memory: '1G',
  },
  {
    name: 'compress and restore, zlib',
    command: ['dash', 'compress.sh', 'minigzip'],
    program: 'minigzip',
    files: ['compress.sh'],
    needs: ['minigzip'],
  },
  { name: 'job control and signals', command: ['mksh', 'signals.sh'], files: ['signals.sh'], share: true },
  {
    name: 'applets, one line each',
    command: ['busybox', 'sh', 'each-line.sh'],
    files: ['each-line.sh', 'applets.txt'],
    needs: ['bc'],
  },
  {
    name: 'compiles Lua, which runs',
    command: ['dash', 'compile-lua.sh'],
    program: 'tcc',
    files: ['compile-lua.sh', 'language.lua'],
    suite: 'tcc-lua',
    needs: ['tcc'],
    rights: ['exec-local'],
  },
  npmJob('esbuild', 'bundles TypeScript and CSS', { share: true }),
  npmJob('tsgo', 'checks types, writes JavaScript'),
  npmJob('buf', 'lints and compiles an interface'),
  npmJob('buildifier', 'formats and mends a build file'),
  npmJob('dbmate', 'migrates a database', { needs: ['dbmate', 'sqlite3'] }),
  npmJob('ls-lint', 'checks the names of files'),
  npmJob('biome', 'formats and lints TypeScript'),
  npmJob('just', 'runs recipes', { rights: ['exec-local'], share: true }),
  npmJob('pagefind', 'indexes pages for search', {
    known: 'compiled for x86-64-v3 (its first instruction of BMI2 ends it); the processor is an x86-64-v2',
  }),
  npmJob('syncpack', 'compares and mends manifests'),
  npmJob('bsc', 'parses, prints, reports errors', { share: true }),
  npmJob('ninja', 'builds by the shell'),
  npmJob('elm-format', 'formats and refuses'),
  npmJob('ffmpeg', 'makes, compresses and scales sound and picture'),
  {
    name: 'its own test suite',
    command: ['busybox', 'sh', 'busybox-tests.sh'],
    program: 'busybox',
    files: ['busybox-tests.sh'],
    suite: 'busybox-tests',
    user: 'root',
    knownParts: {
      'cpio restores suid/sgid bits': 'such bits are not kept',
      'date-works-1': 'asks a second date program, /bin/date of GNU',
      'makedevs -d ../makedevs.device_table.txt .': 'devices are in /dev only',
      'mount bind+rshared': 'nothing can be mounted',
      'mount RO loop': 'nothing can be mounted',
      'taskset (set_aff, needs CAP_SYS_NICE)': 'passes here, not natively on every machine',
    },
  },
  {
    name: 'tests of SSE to SSE4.2',
    program: 'gcc',
    command: ['busybox', 'sh', 'run-tests.sh'],
    files: ['run-tests.sh'],
    suite: 'gcc-sse',
  },
  {
    name: 'tests of x86-64, x87, threads',
    program: 'qemu',
    command: ['busybox', 'sh', 'run-tests.sh'],
    files: ['run-tests.sh'],
    suite: 'qemu-tcg',
    rights: ['exec-jit'],
    knownParts: {
      'linux-test': 'wants TCP',
    },
  },
];
