// The jobs of the corpus: a program, its arguments, what it reads. The folder `jobs` holds their scripts; each job runs in an empty
// folder with a copy of its files, with only the corpus' own programs on PATH.

/** `command[0]` names a program of programs.mjs; `input`: the file on stdin; `files`: what is copied beside it first. */
export const jobs = [
  { name: 'shell tools, busybox sh', command: ['busybox', 'sh', 'tools.sh'], files: ['tools.sh'] },
  { name: 'shell tools, dash', command: ['dash', 'tools.sh'], files: ['tools.sh'] },
  { name: 'shell tools, mksh', command: ['mksh', 'tools.sh'], files: ['tools.sh'] },
  { name: 'language and library', command: ['lua', 'language.lua'], files: ['language.lua'] },
  { name: 'threads of control', command: ['lua', 'queens.lua'], files: ['queens.lua'] },
  {
    name: 'journal, index, full text',
    command: ['sqlite3', 'test.db'],
    input: 'database.sql',
    files: ['database.sql'],
  },
  {
    name: 'write-ahead log, two processes',
    command: ['dash', 'two-writers.sh'],
    program: 'sqlite3',
    files: ['two-writers.sh'],
  },
  { name: '500 digits of pi', command: ['bc', '-l', 'pi.bc'], files: ['pi.bc'] },
  { name: 'text processing', command: ['mawk', '-f', 'report.awk', 'report.awk'], files: ['report.awk'] },
  {
    name: 'compress and restore, bzip2',
    command: ['dash', 'compress.sh', 'bzip2'],
    program: 'bzip2',
    files: ['compress.sh'],
  },
  {
    name: 'compress and restore, xz -9',
    command: ['dash', 'compress.sh', 'xz', '-9'],
    program: 'xz',
    files: ['compress.sh'],
  },
  {
    name: 'compress and restore, zlib',
    command: ['dash', 'compress.sh', 'minigzip'],
    program: 'minigzip',
    files: ['compress.sh'],
  },
  { name: 'job control and signals', command: ['mksh', 'signals.sh'], files: ['signals.sh'] },
  {
    name: 'applets, one line each',
    command: ['busybox', 'sh', 'each-line.sh'],
    files: ['each-line.sh', 'applets.txt'],
  },
];
