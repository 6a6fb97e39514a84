// test and [ (POSIX.1-2017, XCU test): first every question about files is asked, then the expression is evaluated.

import { FileType, Ioctl } from '../../sdk/constants.ts';
import { request } from '../../sdk/requests.ts';
import { type FileStatus, parseStatus, TERMIOS_BYTES } from '../../sdk/structures.ts';
import { parseInteger } from '../expansion/arithmetic.ts';
import { answer, fail, type Next, pop } from '../frames/helpers.ts';
import type { Frame, FrameOf } from '../frames.ts';
import type { ShellState } from '../state.ts';

const fileOperators = '-b -c -d -e -f -g -h -L -p -r -s -S -t -u -w -x -k'.split(' ');
const accessModes: Readonly<Record<string, number>> = { '-r': 4, '-w': 2, '-x': 1 };
const fileTypes: Readonly<Record<string, number>> = {
  '-b': FileType.block,
  '-c': FileType.character,
  '-d': FileType.directory,
  '-f': FileType.regular,
  '-h': FileType.link,
  '-L': FileType.link,
  '-p': FileType.fifo,
  '-S': FileType.socket,
};

export function testFrame(argv: readonly string[]): Frame {
  const probes: { operator: string; operand: string; answer: boolean }[] = [];
  for (let i = 1; i + 1 < argv.length; i++)
    if (fileOperators.includes(argv[i])) probes.push({ operator: argv[i], operand: argv[i + 1], answer: false });
  return { kind: 'test', at: 0, argv, probes, index: 0 };
}

export function runTest(shell: ShellState, frame: FrameOf<'test'>): Next {
  const probe = frame.probes[frame.index];
  if (frame.at === 1) {
    probe.answer = shell.value >= 0 && judge(probe.operator, parseStatus(shell.data));
    frame.index++;
    frame.at = 0;
    return null;
  }
  if (probe !== undefined) {
    frame.at = 1;
    if (probe.operator === '-t')
      return request.ioctl(Number(probe.operand) || 0, Ioctl.TCGETS, new Uint8Array(0), TERMIOS_BYTES);
    if (accessModes[probe.operator] !== undefined) return request.access(probe.operand, accessModes[probe.operator]);
    return probe.operator === '-h' || probe.operator === '-L'
      ? request.linkStatus(probe.operand)
      : request.status(probe.operand);
  }
  let list = frame.argv.slice(1);
  if (frame.argv[0] === '[') {
    if (list[list.length - 1] !== ']') {
      pop(shell);
      return fail(shell, '[: missing ]', 2, false);
    }
    list = list.slice(0, -1);
  }
  const evaluator = new Evaluator(list, frame.probes);
  const result = evaluator.all();
  if (evaluator.problem !== null) {
    pop(shell);
    return fail(shell, `${frame.argv[0]}: ${evaluator.problem}`, 2, false);
  }
  return answer(shell, result ? 0 : 1);
}

function judge(operator: string, status: FileStatus | null): boolean {
  if (operator === '-e' || accessModes[operator] !== undefined || operator === '-t') return true;
  if (status === null) return false;
  if (operator === '-s') return status.sizeBytes > 0;
  if (operator === '-u') return (status.mode & 0o4000) !== 0;
  if (operator === '-g') return (status.mode & 0o2000) !== 0;
  if (operator === '-k') return (status.mode & 0o1000) !== 0;
  return (status.mode & FileType.mask) === fileTypes[operator];
}

const binaryOperators = ['=', '==', '!=', '<', '>', '-eq', '-ne', '-gt', '-ge', '-lt', '-le', '-nt', '-ot', '-ef'];
const MAX_DEPTH = 100;

class Evaluator {
  problem: string | null = null;
  private readonly list: readonly string[];
  private readonly probes: FrameOf<'test'>['probes'];
  private at = 0;
  private depth = 0;

  constructor(list: readonly string[], probes: FrameOf<'test'>['probes']) {
    this.list = list;
    this.probes = probes;
  }

  /** The rules by number of arguments come first (XCU test, "The algorithm for determining the precedence"). */
  all(): boolean {
    const [a, b, c] = this.list;
    const count = this.list.length;
    if (count === 0) return false;
    if (count === 1) return a !== '';
    if (count === 2) {
      if (a === '!') return b === '';
      if (!this.isUnary(a)) this.problem = `${a}: unexpected operator`;
      return this.unary(a, b);
    }
    if (count === 3 && binaryOperators.includes(b)) return this.binary(a, b, c);
    const result = this.or();
    if (this.problem === null && this.at < count) this.problem = `${this.list[this.at]}: unexpected operator`;
    return result;
  }

  private or(): boolean {
    let result = this.and();
    while (this.list[this.at] === '-o') {
      this.at++;
      const right = this.and();
      result = result || right;
    }
    return result;
  }
  private and(): boolean {
    let result = this.not();
    while (this.list[this.at] === '-a') {
      this.at++;
      const right = this.not();
      result = result && right;
    }
    return result;
  }
  private not(): boolean {
    if (++this.depth > MAX_DEPTH) {
      this.problem = 'nested too deeply';
      return false;
    }
    try {
      const token = this.list[this.at];
      if (token === undefined) {
        this.problem = 'argument expected';
        return false;
      }
      const next = this.list[this.at + 1];
      if (next !== undefined && binaryOperators.includes(next) && this.list[this.at + 2] !== undefined) {
        this.at += 3;
        return this.binary(token, next, this.list[this.at - 1]);
      }
      if (token === '!') {
        this.at++;
        return !this.not();
      }
      if (token === '(') {
        this.at++;
        const inner = this.or();
        if (this.list[this.at++] !== ')') this.problem ??= 'closing parenthesis expected';
        return inner;
      }
      if (this.isUnary(token) && next !== undefined) {
        this.at += 2;
        return this.unary(token, next);
      }
      this.at++;
      return token !== '';
    } finally {
      this.depth--;
    }
  }

  private isUnary(operator: string): boolean {
    return operator === '-n' || operator === '-z' || fileOperators.includes(operator);
  }
  private unary(operator: string, operand: string): boolean {
    if (operator === '-n') return operand !== '';
    if (operator === '-z') return operand === '';
    return this.probes.some((probe) => probe.operator === operator && probe.operand === operand && probe.answer);
  }
  private binary(left: string, operator: string, right: string): boolean {
    switch (operator) {
      case '=':
      case '==':
        return left === right;
      case '!=':
        return left !== right;
      case '<':
        return left < right;
      case '>':
        return left > right;
      case '-nt':
      case '-ot':
      case '-ef':
        this.problem = `${operator}: not supported`;
        return false;
      default:
        break;
    }
    const a = decimal(left);
    const b = decimal(right);
    if (a === null || b === null) {
      this.problem = `Illegal number: ${a === null ? left : right}`;
      return false;
    }
    switch (operator) {
      case '-eq':
        return a === b;
      case '-ne':
        return a !== b;
      case '-gt':
        return a > b;
      case '-ge':
        return a >= b;
      case '-lt':
        return a < b;
      default:
        return a <= b;
    }
  }
}

function decimal(text: string): bigint | null {
  const match = /^\s*([+-]?)0*([0-9]+)\s*$/.exec(text);
  return match === null ? null : parseInteger(match[1] + match[2]);
}
