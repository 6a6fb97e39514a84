// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the braces are the shell's
// The shell's language: lines run by /bin/sh in EuroOS and by dash on the host must print the same.

import { describe, expect, it } from 'vitest';
import { euroosRun, execute } from '../support/euroos.ts';

/** Each runs in a subshell of its own, in an empty folder; only commands that both systems have. */
const lines = [
  'echo plain words   collapse',
  'echo "double  $((1+2)) quotes" \'single $x\' back\\ slash',
  'x=hello; echo $x ${x}s ${#x} ${x%lo} ${x#he} ${x%%l*} ${x##*l}',
  'unset y; echo ${y:-default} ${y:=assigned} $y ${y:+other}',
  'echo $((7*6)) $((7/2)) $((7%4)) $((1<<10)) $((5>3)) $((~5)) $(( (2+3)*4 )) $((0x1f))',
  'false; echo $?; true; echo $?; ! true; echo $?',
  'true && echo and; false && echo never; false || echo or; true || echo never',
  'if [ 3 -gt 2 ]; then echo yes; elif false; then echo no; else echo never; fi',
  'for n in 1 2 3; do echo "<$n>"; done',
  'n=0; while [ $n -lt 5 ]; do n=$((n+1)); [ $n -eq 2 ] && continue; [ $n -eq 4 ] && break; echo $n; done',
  'n=3; until [ $n -eq 0 ]; do echo $n; n=$((n-1)); done',
  'case abc in a*) echo first;; *c) echo second;; esac; case x in y|x) echo alternative;; esac',
  'f() { echo "f $# $1 $2"; return 4; }; f a "b c"; echo $?',
  'f() { local v=inner; echo $v; }; v=outer; f; echo $v',
  'set -- a "b c" d; echo $#; for w in "$@"; do echo "[$w]"; done; shift; echo "$*"',
  'echo one > file; echo two >> file; cat file; wc -l < file',
  'cat <<END\nhere $((1+1)) document\nEND',
  "cat <<'END'\nquoted $x here\nEND",
  'echo text | cat | cat; seq 1 100 | head -n 3; seq 5 | tail -n 2',
  'seq 10 | sort -rn | head -n 2',
  'echo $(echo nested $(echo deeper)) `echo old`',
  '(cd /; pwd); x=1; (x=2); echo $x',
  '{ echo grouped; echo together; } | wc -l',
  'mkdir -p d/e; cd d; : > b.txt; : > a.txt; echo *; echo *.txt; echo e*; echo none*',
  'echo "a b  c" | while read first rest; do echo "$first-$rest"; done',
  'printf "%s|%d|%5s|%-5s|%05d|%x\\n" str 42 ab cd 7 255',
  'printf "%s\\n" a b c; printf "\\101\\n"',
  'IFS=:; v=a:b:c; for p in $v; do echo $p; done',
  'echo error >&2 2>/dev/null; (echo hidden >&2) 2>/dev/null; echo shown',
  'ls missing 2>/dev/null || echo failed; cat missing 2>/dev/null | wc -c',
  'x="a  b"; echo $x; echo "$x"',
  '[ -d / ] && echo folder; [ -f /missing ] || echo nothing; [ -n "" ] || echo empty; [ a = a ] && echo same',
  'test 1 -lt 2 -a 3 -gt 2 && echo both; [ ! -e /missing ] && echo absent',
  'eval "echo evaluated \\$((2+2))"',
  'trap "echo leaving" EXIT; echo working',
  "export V=exported; sh -c 'echo $V'; sh -c 'exit 7'; echo $?",
  'a=1 b=2 sh -c \'echo $a$b\'; echo "[$a]"',
  'echo a; exit 3; echo never',
  'sleep 0.01 & wait $!; echo $?',
  'echo \'it\'"\'"\'s\' "quote\\"d" "dollar\\$"',
  'while read line; do echo "<$line>"; done <<END\none\ntwo words\nEND',
  'set -e; true; (false; echo never); echo never either',
  'getopts ab: o -b value; echo $o $OPTARG',
  'echo ~root | wc -l; cd /tmp; cd - >/dev/null; echo $?',
  'x=abc; case $x in [a-c]*) echo range;; esac; case "[" in "[") echo bracket;; esac',
  'exec 3> three; echo to three >&3; exec 3>&-; cat three',
];

/** One script; every line is followed by its status and a mark. */
function scriptOf(scratch: string): string {
  return lines
    .map((line, n) => `mkdir -p ${scratch}/${n}; (cd ${scratch}/${n}\n${line}\n); echo "#${n} $?"\n`)
    .join('');
}

/** Output by line number. */
function parts(output: string): string[] {
  const found: string[] = [];
  let rest = output;
  for (let n = 0; n < lines.length; n++) {
    const mark = new RegExp(`#${n} \\d+\\n`).exec(rest);
    if (mark === null) break;
    found.push(rest.slice(0, mark.index + mark[0].length));
    rest = rest.slice(mark.index + mark[0].length);
  }
  return found;
}

describe('shell', () => {
  it(`D7: ${lines.length} scripts print in EuroOS what they print in the host's /bin/sh`, async () => {
    const host = await execute('mktemp', ['-d']);
    const folder = host.stdout.trim();
    const expected = parts((await execute('/bin/sh', [], { input: scriptOf(folder) })).stdout);
    await execute('rm', ['-rf', folder]);
    expect(expected).toHaveLength(lines.length);
    const { stdout } = await euroosRun([], null, scriptOf('/tmp/scripts'));
    const results = parts(stdout);
    const show = (texts: string[]) => lines.map((line, n) => `${line}\n${texts[n] ?? '(nothing)'}`);
    expect(show(results)).toEqual(show(expected));
  });
});
