// Programs that draw on the whole screen, and a shell with job control: in EuroOS as on Linux, cell by cell.

import { describe, it } from 'vitest';
import { compareWithLinux } from './beside-linux.ts';
import { missingPrograms } from './programs.ts';

if (missingPrograms !== '') console.log(`skipped: ${missingPrograms}`);

const lines = (count: number): string =>
  Array.from({ length: count }, (_, i) => `${i + 1} the quick brown fox jumps over the lazy dog\n`).join('');
const ESCAPE = '\x1b';
const CONTROL_C = '\x03';
const CONTROL_Z = '\x1a';

describe.skipIf(missingPrograms !== '')('programs on a terminal, beside Linux', () => {
  it('E28: busybox vi edits, scrolls, searches, takes a new size, writes', () =>
    compareWithLinux({
      files: { 'text.txt': lines(60) },
      command: ['busybox', 'vi', 'text.txt'],
      steps: [
        { until: /23 the quick/ },
        { keys: 'jjjdd', until: /Delete 1 lines/ },
        { keys: `OA new line, ä and é${ESCAPE}`, until: /A new line/ },
        { keys: 'G', until: /60 the quick/ },
        { keys: '\x15\x15', until: /2\d the quick/ },
        { keys: '/20 the\r', until: /20 the quick/ },
        { keys: `cwTWENTY${ESCAPE}`, until: /TWENTY the/ },
        { keys: 'yyppp', until: /(TWENTY[^\n]*\n){4}/ },
        { keys: 'u', until: /TWENTY/ },
        { resize: [100, 30], until: /TWENTY/ },
        { keys: '\x0c', until: /TWENTY/ },
        { resize: [60, 15], until: /TWENTY/ },
        { keys: '1G', until: /1 the quick/ },
        { keys: 'x\x1b[B\x1b[B\x1b[Cx', until: /quick/ },
        { keys: ':set number\r', until: /quick/ },
        { keys: ':w\r', until: /text\.txt/ },
        { keys: ':!wc -l text.txt\r', until: /text\.txt\n/i },
        { keys: '\r', until: /quick/ },
        { keys: ':q\r', until: /^/ },
      ],
    }));

  it('E28: less pages, searches, follows a new size, and leaves the screen as it was', () =>
    compareWithLinux({
      files: { 'text.txt': lines(200), 'second.txt': 'another file\n' },
      command: ['dash', '-i'],
      steps: [
        { until: /\$$/ },
        { keys: 'echo before\r', until: /before\n\$$/ },
        { keys: 'less -M text.txt second.txt\r', until: /23 the quick[\s\S]*lines 1-23/ },
        { keys: ' ', until: /46 the quick/ },
        { keys: 'jjj', until: /49 the quick/ },
        { keys: 'b', until: /\n26 the quick/ },
        { keys: '/10[1-3]\r', until: /101 the quick/ },
        { keys: 'n', until: /102 the quick/ },
        { resize: [50, 12], until: /102 the quick/ },
        { keys: '-N\r', until: / 102 the quick/ },
        { keys: '\x1b[C', until: /brown|lazy/ },
        { keys: 'G', until: /END|200/ },
        { resize: [90, 28], until: /200/ },
        { keys: ':n\r', until: /another file/ },
        { keys: 'h', until: /SUMMARY/ },
        { keys: 'q', until: /another file/ },
        { keys: CONTROL_Z, until: /before[\s\S]*Stopped[\s\S]*\$$/ },
        { keys: 'jobs\r', until: /Stopped[\s\S]*\$$/ },
        { keys: 'fg\r', until: /another file/ },
        { keys: 'q', until: /before[\s\S]*\$$/ },
        { keys: 'exit\r', until: /exit/ },
      ],
    }));

  it('E14: a dash session with job control', () =>
    compareWithLinux({
      command: ['dash', '-i'],
      steps: [
        { until: /\$$/ },
        { keys: 'sleep 1000\r', until: /sleep 1000$/ },
        { keys: CONTROL_Z, until: /Stopped[^\n]*\n\$$/ },
        { keys: 'jobs\r', until: /jobs\n.*Stopped[^\n]*\n\$$/ },
        { keys: 'bg\r', until: /bg\n[^\n]*sleep[^\n]*\n\$$/ },
        { keys: 'jobs\r', until: /Running[^\n]*\n\$$/ },
        { keys: 'sleep 2000 | sleep 3000 &\r', until: /3000 &\n\$$/ },
        { keys: 'jobs\r', until: /Running[^\n]*2000[\s\S]*1000\n\$$/ },
        { keys: 'fg %1\r', until: /fg %1\nsleep 1000$/ },
        { keys: CONTROL_C, until: /\^C\n\$$/ },
        { keys: 'echo $?\r', until: /\n130\n\$$/ },
        { keys: 'kill -STOP %2; sleep 0.2; jobs\r', until: /Stopped[^\n]*\n\$$/ },
        { keys: 'kill -CONT %2; sleep 0.2; jobs\r', until: /CONT[^\n]*\n[^\n]*2000[^\n]*\n\$$/ },
        { keys: 'kill %2; sleep 0.2; jobs\r', until: /Terminated[^\n]*\n\$$/ },
        { keys: 'busybox cat &\r', until: /cat &\n\$$/ },
        { keys: 'sleep 0.2; jobs\r', until: /Stopped[^\n]*\n\$$/ },
        { keys: 'fg\r', until: /fg\nbusybox cat$/ },
        { keys: 'a line\r', until: /a line\na line$/ },
        { keys: '\x04', until: /a line\n\$$/ },
        { keys: 'busybox stty tostop; busybox echo quiet & sleep 0.2; jobs\r', until: /Stopped[^\n]*\n\$$/ },
        { keys: 'busybox stty -tostop; fg; busybox stty -a | busybox grep -c tostop\r', until: /quiet\n1\n\$$/ },
        // A line feed goes down and no more when output is not processed.
        { keys: 'busybox stty -opost; printf "a\\nb\\n"; busybox stty opost\r', until: /\n *b\n *\$$/ },
        { keys: 'trap "echo size changed" WINCH\r', until: /WINCH\n\$$/ },
        { resize: [70, 20], until: /size changed|WINCH/ },
        { keys: 'busybox stty size\r', until: /20 70\n\$$/ },
        { keys: 'busybox sh -c "kill -USR1 \\$\\$"; echo $?\r', until: /138\n\$$/ },
        { keys: 'busybox sh -c "busybox sleep 1000"\r', until: /1000"$/ },
        { keys: CONTROL_C, until: /\^C\n\$$/ },
        { keys: 'abc\x7f\x7fd\x17\x15echo \x16\x03x\r', until: /\$$/ },
        { keys: 'sleep 5000\r', until: /5000$/ },
        { keys: CONTROL_Z, until: /Stopped[^\n]*\n\$$/ },
        { keys: 'exit\r', until: /stopped jobs[^\n]*\n\$$/ },
        { keys: 'exit\r', until: /exit/ },
      ],
    }));

  it('E28: the line editor of busybox sh: history, completion, words, a narrow screen', () =>
    compareWithLinux({
      files: { 'alpha.txt': 'a\n', 'alphabet.txt': 'b\n', 'beta.txt': 'c\n' },
      command: ['busybox', 'sh'],
      columns: 40,
      steps: [
        { until: /\$$/ },
        { keys: 'echo one\r', until: /\none\n\$$/ },
        { keys: 'echo two\r', until: /\ntwo\n\$$/ },
        { keys: '\x1b[A\x1b[A', until: /\$ echo one$/ },
        { keys: '\x1b[D\x1b[D\x1b[DX\x01Y\x05Z\r', until: /not found\n\$$/ },
        { keys: 'cat al\t', until: /cat alpha$/ },
        { keys: '\t', until: /alphabet\.txt[\s\S]*cat alpha$/ },
        { keys: 'b\t\r', until: /\nb\n\$$/ },
        { keys: 'echo a line that is much longer than the forty columns of it', until: /of it$/ },
        { keys: '\x01\x1b[C\x1b[C\x0b', until: /\$ ec$/ },
        { keys: CONTROL_C, until: /\$$/ },
        { keys: '\x12two', until: /two/ },
        { keys: '\r', until: /\ntwo\n\$$/ },
        { resize: [30, 10], until: /\$$/ },
        { keys: 'echo the screen is narrow now, so this wraps\r', until: /\$$/ },
        { keys: 'clear; busybox stty size\r', until: /^10 30\n\$$/ },
        { keys: 'exit\r', until: /10 30/ },
      ],
    }));

  it('E28: top of busybox draws its head, its columns and takes its keys', () =>
    compareWithLinux({
      command: ['busybox', 'top', '-d', '3'],
      // The figures and the processes are the machine's own.
      mask: (text) =>
        text
          .filter((line) => /^(Mem|CPU|Load average| slab|Swap| {2}PID)\b/.test(line))
          .map((line) => line.replace(/ *[\d.]+/g, ' N')),
      steps: [{ until: /PID +PPID USER/ }, { keys: 'm', until: /PID/ }, { keys: 's', until: /VSZRW/ }],
    }));
});
