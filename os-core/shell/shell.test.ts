// The shell against the host's dash: the same script, the same output and status.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { decodeGraph, encodeGraph } from '../../devices/base/object-graph.ts';
import { SmallWorld } from '../../test/support/small-world.ts';
import type { shellTask } from './index.ts';

const base = fs.mkdtempSync(path.join(os.tmpdir(), 'eurosh-'));
let folder = '';
let turn = 0;
const environment = { PATH: '/usr/bin:/bin', HOME: '/home/user', USER: 'user', LC_ALL: 'C' };
beforeEach(() => {
  folder = path.join(base, String(turn++));
  fs.mkdirSync(folder);
});
afterAll(() => fs.rmSync(base, { recursive: true, force: true }));

function ours(
  script: string,
  argv: readonly string[] = [],
  input = '',
): { stdout: string; stderr: string; status: number | null } {
  const world = new SmallWorld(['sh', '-c', script, ...argv], environment, folder, input);
  const status = world.run();
  return { stdout: world.stdout, stderr: world.stderr, status };
}
function dash(script: string, argv: readonly string[] = [], input = ''): { stdout: string; status: number | null } {
  const other = `${folder}.dash`;
  fs.rmSync(other, { recursive: true, force: true });
  fs.mkdirSync(other);
  const result = spawnSync('/bin/dash', ['-c', script, ...argv], { cwd: other, env: environment, input });
  return { stdout: result.stdout.toString('latin1'), status: result.status };
}
function same(script: string, argv: readonly string[] = [], input = ''): void {
  const expected = dash(script, argv, input);
  const { stdout, status, stderr } = ours(script, argv, input);
  expect({ stdout: stdout.replaceAll(folder, 'DIR'), status }, `${script}\n${stderr}`).toEqual({
    stdout: expected.stdout.replaceAll(`${folder}.dash`, 'DIR'),
    status: expected.status,
  });
}

const groups: Readonly<Record<string, readonly string[]>> = {
  'E58: quoting': [
    `echo 'a  b' "c  d" e\\ f`,
    `echo "a\\"b\\$c\\\\d\\e" 'x\\y'`,
    `printf '<%s>' a "" '' "b c" "'" '"'; echo`,
    `x='*'; echo "$x" '$x' \\$x "\\*"`,
    `echo "\${x-"a b"}" \${x-'c  d'}`,
    `echo a\\\nb "c\\\nd"`,
    `printf '%s\\n' "$(echo "a  b")" "\`echo \\"q\\"\`"`,
    `echo # comment\necho a#b`,
  ],
  'E55: variables and expansion': [
    `a=1; b=$a$a; echo $b "$a-$b" \${a}x`,
    `echo \${u-def} \${u:-def2} \${u+no}; e=; echo "<\${e-d}>" "<\${e:-d}>" "<\${e:+x}>" "<\${e+x}>"`,
    `echo \${v:=set}; echo $v; echo \${#v} \${#u}`,
    `p=/usr/lib/foo.tar.gz; echo \${p#*/} \${p##*/} \${p%.*} \${p%%.*} \${p%/*}`,
    `x='a*b*c'; echo \${x#"a*"} \${x%\\**}`,
    `IFS=:; p=a:b::c:; printf '<%s>' $p; echo; set -- $p; echo $#`,
    `x='  a  b  '; printf '<%s>' $x "$x" a$x; echo`,
    `IFS=', '; x='a, b ,c,,d'; printf '<%s>' $x; echo`,
    `set -- a "b c" d; printf '<%s>' "$@" "$*" $@ $* x"$@"y; echo $# $1 "$2"; shift; echo $1 $#`,
    `set --; printf '<%s>' "$@" x; echo; printf '<%s>' "$*"; echo`,
    `f() { echo $# "$1"; }; f "$@"; f ""; f`,
    `echo ~ ~/x "~" a~; x=~; echo $x`,
    `false; echo $?; (exit 3); echo $?; true; echo $?`,
    `x=1; x=2 true; echo $x; x=3 :; echo $x`,
    `FOO=bar env | grep FOO; export BAZ=q; env | grep BAZ; unset BAZ; env | grep -c BAZ`,
    `echo $0 $1 $2`,
    `a=1; readonly a; echo $a`,
    `x=abc; echo "\${x}d" "$x.d" $x/d`,
    `case x in [[:constructor:]]) echo yes;; *) echo no;; esac`,
    `: \${x?gone}; echo not here`,
    `set -u; echo $nothing; echo not here`,
  ],
  'E55: substitution and arithmetic': [
    `echo $(echo a; echo b) "$(echo a; echo b)" \`echo c\``,
    `x=$(false); echo $?; x=$(exit 4) y=1; echo $?`,
    `echo $((1+2*3)) $(( (1+2)*3 )) $((7/2)) $((-7%3)) $((1<<10)) $((0x1f)) $((010))`,
    `a=5; echo $((a+1)) $(($a*2)) $((a+=2)) $a $((a>3?10:20)) $((!a)) $((~0)) $((3==3&&4<2||1))`,
    `echo $((9223372036854775807+1))`,
    `i=0; while [ $i -lt 5 ]; do i=$((i+1)); done; echo $i`,
    `echo $(( $(echo 4) * 2 ))`,
    `echo "$(printf 'a\\n\\n\\n')"x`,
    `echo $( (echo sub) )`,
    `echo $(case a in a) echo yes;; esac)`,
    `echo $((1/0)); echo not here`,
  ],
  'E56: pipes': [
    `printf 'b\\na\\nc\\n' | sort | head -2`,
    `seq 100000 | wc -l`,
    `echo a | while read x; do echo "got $x"; done`,
    `false | true; echo $?; true | false; echo $?; ! true; echo $?; ! false | false; echo $?`,
    `(echo a; echo b) | { read x; echo "<$x>"; cat; }`,
    `echo x | cat | cat | cat - | tr x y`,
  ],
  'E57: redirections': [
    `echo a > f; echo b >> f; cat f; echo c > f; cat < f`,
    `ls /nonexistent 2> err; wc -l < err | tr -d ' '`,
    `{ echo out; echo err >&2; } > all 2>&1; cat all`,
    `echo hi 3>&1 >&3; echo x 2>/dev/null; exec 3> f3; echo three >&3; exec 3>&-; cat f3`,
    `cat <<EOF\na $((1+1)) $HOME\n  b \\$x\nEOF`,
    `cat <<'EOF'\na $x \`b\`\nEOF`,
    `cat <<-EOF\n\ta\n\t\tb\n\tEOF\necho done`,
    `cat <<A; cat <<B\n1\nA\n2\nB`,
    `while read l; do echo "[$l]"; done <<E\none\ntwo words\nE`,
    `echo a >f; set -C; echo b >f; echo $?; echo c >|f; cat f`,
    `cat < nofile; echo $?`,
    `for i in 1 2; do echo $i; done > loop; cat loop`,
    `x=$(cat <<E\ninside\nE\n); echo $x`,
    `f() { echo f; } > ff; f; cat ff`,
    `seq 3000 > big; cat <<E | wc -c\n$(cat big)\nE`,
  ],
  'E55: lists and status': [
    `true && echo a || echo b; false && echo a || echo b; false || false || echo c`,
    `true && false; echo $?; false; true && echo $?`,
    `nonexistentcommand; echo $?`,
    `nonexistentcommand 2>/dev/null || echo $?; /etc/passwd 2>/dev/null; echo $?`,
    `exit 7`,
    `(exit 5) ; exit`,
    `echo a; exit 3; echo b`,
    `sh -c 'exit 9'; echo $?`,
    `echo 'echo script $1; exit 4' > s; chmod +x s; ./s arg; echo $?`,
    `{ echo a; } && (echo b); echo $?`,
    `sleep 0.05 & wait; echo $?; (exit 6) & wait $!; echo $?`,
  ],
  'E55: compound commands': [
    `if true; then echo y; else echo n; fi; if false; then echo y; elif true; then echo e; else echo n; fi; if false; then :; fi; echo $?`,
    `for i in a b "c d"; do echo "<$i>"; done; for i in; do echo no; done; echo $?`,
    `set -- x y; for i; do echo $i; done; for i do echo $i; done`,
    `n=0; until [ $n = 3 ]; do n=$((n+1)); [ $n = 2 ] && continue; echo $n; done`,
    `for i in 1 2 3; do for j in a b c; do [ $j = b ] && continue 2; [ $i = 3 ] && break 2; echo $i$j; done; done`,
    `case abc in a*) echo star;; *) echo other;; esac; case x in a|x) echo alt;; esac; case '*' in '*') echo lit;; esac; case q in (q) echo p; esac`,
    `case "a]b" in *[]]*) echo bracket;; esac; case -x in -[a-z]) echo opt;; esac; case Z in [!a-z]) echo up;; esac; case 5 in [[:digit:]]) echo d;; esac`,
    `f() { echo "f $1 $#"; return 3; }; f a b; echo $?; g() { f x; echo $?; }; g`,
    `f() { local v=in; echo $v; }; v=out; f; echo $v`,
    `fact() { if [ $1 -le 1 ]; then echo 1; else echo $(( $1 * $(fact $(($1-1))) )); fi; }; fact 6`,
    `f() { for i in 1 2 3; do [ $i = 2 ] && return 9; echo $i; done; }; f; echo $?`,
    `{ echo a; echo b; } | tac; ( cd /; pwd ); pwd | wc -l`,
    `while :; do break; done; echo $?; while false; do :; done; echo $?`,
    `x=0; while [ $x -lt 300 ]; do x=$((x+1)); done; echo $x`,
    `eval 'echo a; x=5'; echo $x; eval "echo \\$x"; eval; echo $?`,
    `echo 'y=from; return 2; echo no' > lib; . ./lib; echo $? $y`,
  ],
  'E55: globbing': [
    `touch a.c b.c .h d; mkdir dir; touch dir/x dir/y.c; echo *; echo *.c; echo .h*; echo */*; echo d*/*.c; echo [ab].c; echo "*.c" '*' nomatch*; echo ?.c; echo */`,
    `mkdir -p p/q r/q; touch p/q/1 r/q/2; echo */q/*; echo p/../*/q`,
    `set -f; echo *; set +f; touch z; echo *`,
    `touch 'a b'; for f in *; do echo "<$f>"; done; x='*'; echo $x`,
  ],
  'E55: options': [
    `set -e; echo a; false; echo b`,
    `set -e; if false; then :; fi; false || true; ! true; false && true; echo alive; (exit 3); echo b`,
    `set -e; f() { false; echo after; }; f || echo no; f; echo not here`,
    `set -e; x=$(false); echo no`,
    `set -e; while false; do :; done; echo a; for i in 1; do false; done; echo no`,
    `trap 'echo bye' EXIT; echo hi; exit 3`,
    `trap 'echo bye $?' EXIT; false`,
    `set -x; echo traced 2>/dev/null`,
  ],
  'E55: built-ins of the shell': [
    `printf '%s %d %5d|%-5d|%05d %x %X %o %c %%\\n' a 1 2 3 4 255 255 8 xyz; printf '%s\\n' a b c; printf '%d\\n' 0x10 010; printf '%b' 'a\\tb\\n'`,
    `printf '%.2f %e %g %10.3s|\\n' 3.14159 12345.678 0.0001 abcdef; printf '%5.1f|%-8s|%+d\\n' 2.25 ab 5; printf 'no args\\n'; printf '%s|%s\\n' one`,
    `[ a = a ] && [ a != b ] && [ -z "" ] && [ -n x ] && [ 1 -lt 2 ] && [ ! 1 -gt 2 ] && [ -d / ] && [ -e /etc/passwd ] && [ ! -f / ] && echo ok`,
    `test -f /etc/passwd -a -d / && echo a; [ \\( a = b -o c = c \\) -a ! x = y ] && echo b; [ -r /etc/passwd ] && echo r; test; echo $?; [ x ]; echo $?`,
    `echo 'one two  three' | { read a b; echo "<$a><$b>"; }; printf 'a\\\\b c\\n' | { read x; echo "$x"; }; printf 'a\\\\b\\n' | { read -r x; echo "$x"; }; printf 'x:y:z\\n' | { IFS=: read a b; echo $a $b; }; read q < /dev/null; echo $?`,
    `cd /usr; pwd; cd - ; cd ..; pwd; cd /nonexistent; echo $?`,
    `while getopts ab:c o -a -b val -c rest; do echo $o $OPTARG; done; echo $OPTIND`,
    `f() { while getopts :x:y o "$@"; do echo "$o:$OPTARG"; done; }; f -x1 -y -z -x`,
    `export A=1; sh -c 'echo $A'; unset A; sh -c 'echo "<$A>"'`,
    `command -v ls; command echo hi; type cd | grep -c builtin; umask`,
    `kill -l 9`,
    `echo -n x; echo 'a\\tb\\c'; echo end; echo "-e"; echo -- -n`,
    `exec echo replaced; echo no`,
    `exec nonexistentcmd; echo no`,
    `shift 5; echo no`,
  ],
};

describe.each(Object.entries(groups))('%s', (_, scripts) => {
  it.each([...scripts])('%s', (script) => same(script, ['name', 'first', 'second arg']));
});

describe('E55: scripts on standard input', () => {
  const script =
    'echo start\ncat <<E\nbody $HOME\nE\nif true\nthen\necho inside\nfi\nread line\nthis is read\necho "<$line>"\nexit 6\n';
  it('leaves what follows to the commands', () => {
    const world = new SmallWorld(['sh'], environment, folder, script);
    expect(world.run()).toBe(6);
    expect(world.stdout).toBe('start\nbody /home/user\ninside\n<this is read>\n');
  });
  it('reports what is unfinished', () => {
    const world = new SmallWorld(['sh'], environment, folder, 'echo a\nif true; then\n');
    expect(world.run()).toBe(2);
    expect(world.stderr).toContain('eurosh: syntax error');
  });
});

describe('E55: refusals say why', () => {
  it('not found is 127 and not executable 126', () => {
    expect(ours('nothere')).toMatchObject({ status: 127, stderr: 'eurosh: nothere: not found\n' });
    expect(ours('/etc/passwd')).toMatchObject({ status: 126, stderr: 'eurosh: /etc/passwd: Permission denied\n' });
  });
  it('hostile nesting is refused, not a crash', () => {
    expect(ours(`echo ${'$('.repeat(5000)}`).status).toBe(2);
    expect(ours(`echo $((${'('.repeat(5000)}1${')'.repeat(5000)}))`).status).toBe(2);
    expect(ours('f() { f; }; f').status).toBe(2);
  });
});

describe('interactive', () => {
  function typed(keys: string): { text: string; world: SmallWorld } {
    const world = new SmallWorld(['sh'], environment, folder, null);
    world.keys = [...Buffer.from(keys)];
    world.run();
    return { text: world.stdout, world };
  }
  const linesOf = (text: string): string[] =>
    text
      .split('\n')
      .map((line) => line.replace(/\r$/, ''))
      .filter((line) => !line.includes('@euroos') && line !== '');
  it('edits with cursor keys, kill and yank', () => {
    expect(linesOf(typed('eco hi\x01\x1b[C\x1b[Ch\x05 there\r').text)).toContain('hi there');
    expect(linesOf(typed('abc\x15echo \x19\x19\r').text)).toContain('abcabc');
    expect(linesOf(typed('echo one two\x17three\r').text)).toContain('one three');
    expect(linesOf(typed('echo ünïx\x7f\x7fy\r').text)).toContain(Buffer.from('üny').toString('latin1'));
  });
  it('has history, Ctrl-C drops the line, Ctrl-D leaves', () => {
    expect(
      linesOf(typed('echo first\recho second\r\x1b[A\x1b[A\r').text).filter((line) => line === 'first'),
    ).toHaveLength(2);
    expect(linesOf(typed('echo no\x03echo yes\r').text)).toEqual(expect.arrayContaining(['yes']));
    expect(linesOf(typed('echo no\x03echo yes\r').text)).not.toContain('no');
    const { world } = typed('false\r\x04');
    expect(world.run()).toBe(1);
  });
  it('completes commands and files', () => {
    fs.writeFileSync(path.join(folder, 'long name.txt'), 'content\n');
    fs.mkdirSync(path.join(folder, 'folder'));
    expect(linesOf(typed('cat lo\t\r').text)).toContain('content');
    expect(linesOf(typed('ech\tyes\r').text)).toContain('yes');
    expect(typed('cd fo\t\t\x05\r').text).toContain('cd folder/');
  });
  it('asks for more lines until a command is complete', () => {
    expect(linesOf(typed('for i in 1 2\rdo echo "n$i"\rdone\r').text)).toEqual(expect.arrayContaining(['n1', 'n2']));
  });
});

it('the state can be written down while everything sleeps', () => {
  const world = new SmallWorld(['sh'], environment, folder, null);
  world.keys = [...Buffer.from('f() { echo $1; }; x=1; for i in a b; do f $i; done\recho unfinis')];
  world.run();
  const state = (world as unknown as { root: { state: Parameters<typeof shellTask.step>[0] } }).root.state;
  const bytes = encodeGraph(state);
  expect(encodeGraph(decodeGraph(bytes))).toEqual(bytes);
});
