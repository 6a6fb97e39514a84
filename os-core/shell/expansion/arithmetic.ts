// Arithmetic expansion: C expressions over 64-bit signed integers (POSIX.1-2017, Shell Command Language 2.6.4).
// Precedence climbing over the text; recursion is bounded by MAX_DEPTH.

export interface Variables {
  get(name: string): string;
  set(name: string, value: string): void;
}

export class ArithmeticProblem extends Error {}

const MAX_DEPTH = 100;
const levels: readonly (readonly string[])[] = [
  ['||'],
  ['&&'],
  ['|'],
  ['^'],
  ['&'],
  ['==', '!='],
  ['<=', '>=', '<', '>'],
  ['<<', '>>'],
  ['+', '-'],
  ['*', '/', '%'],
];
const assignmentOperators = ['<<=', '>>=', '*=', '/=', '%=', '+=', '-=', '&=', '^=', '|=', '='];

const wrap = (value: bigint): bigint => BigInt.asIntN(64, value);

/** Reads an integer constant as C does: decimal, 0x…, 0…. */
export function parseInteger(text: string): bigint | null {
  const trimmed = text.trim();
  const match = /^([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]*|[1-9][0-9]*)$/.exec(trimmed);
  if (match === null) return null;
  const digits = match[2];
  const value = /^0[0-7]+$/.test(digits) ? BigInt(`0o${digits.slice(1)}`) : BigInt(digits);
  return wrap(match[1] === '-' ? -value : value);
}

class Evaluator {
  private readonly text: string;
  private readonly variables: Variables;
  private at = 0;
  private depth = 0;
  /** Above 0 inside the branch not taken: no assignments, no division errors. */
  private skipping = 0;

  constructor(text: string, variables: Variables) {
    this.text = text;
    this.variables = variables;
  }

  all(): bigint {
    this.blanks();
    if (this.at >= this.text.length) return 0n;
    const value = this.comma();
    this.blanks();
    if (this.at < this.text.length) throw new ArithmeticProblem('expecting EOF');
    return value;
  }

  private blanks(): void {
    while (this.at < this.text.length && ' \t\n\r'.includes(this.text[this.at])) this.at++;
  }

  private comma(): bigint {
    let value = this.assignment();
    for (;;) {
      this.blanks();
      if (this.text[this.at] !== ',') return value;
      this.at++;
      value = this.assignment();
    }
  }

  private assignment(): bigint {
    if (++this.depth > MAX_DEPTH) throw new ArithmeticProblem('nested too deeply');
    try {
      this.blanks();
      const name = /^[A-Za-z_][A-Za-z0-9_]*/.exec(this.text.slice(this.at, this.at + 256))?.[0];
      if (name !== undefined) {
        const start = this.at;
        this.at += name.length;
        this.blanks();
        for (const operator of assignmentOperators) {
          if (!this.text.startsWith(operator, this.at)) continue;
          if (operator === '=' && this.text[this.at + 1] === '=') continue;
          this.at += operator.length;
          const right = this.assignment();
          const value = operator === '=' ? right : this.binary(operator.slice(0, -1), this.variable(name), right);
          if (this.skipping === 0) this.variables.set(name, value.toString());
          return value;
        }
        this.at = start;
      }
      return this.conditional();
    } finally {
      this.depth--;
    }
  }

  private conditional(): bigint {
    const condition = this.level(0);
    this.blanks();
    if (this.text[this.at] !== '?') return condition;
    this.at++;
    if (condition === 0n) this.skipping++;
    const yes = this.assignment();
    if (condition === 0n) this.skipping--;
    this.blanks();
    if (this.text[this.at] !== ':') throw new ArithmeticProblem("expecting ':'");
    this.at++;
    if (condition !== 0n) this.skipping++;
    const no = this.assignment();
    if (condition !== 0n) this.skipping--;
    return condition !== 0n ? yes : no;
  }

  private level(n: number): bigint {
    if (n === levels.length) return this.unary();
    let left = this.level(n + 1);
    for (;;) {
      const operator = this.operatorOf(levels[n]);
      if (operator === null) return left;
      this.at += operator.length;
      if (operator === '&&' || operator === '||') {
        const decided = operator === '&&' ? left === 0n : left !== 0n;
        if (decided) this.skipping++;
        const right = this.level(n + 1);
        if (decided) this.skipping--;
        left = decided ? (operator === '&&' ? 0n : 1n) : right !== 0n ? 1n : 0n;
      } else left = this.binary(operator, left, this.level(n + 1));
    }
  }

  private operatorOf(candidates: readonly string[]): string | null {
    this.blanks();
    for (const candidate of candidates) {
      if (!this.text.startsWith(candidate, this.at)) continue;
      const next = this.text[this.at + candidate.length];
      if (next === '=' && !['==', '!=', '<=', '>='].includes(candidate)) continue;
      if (candidate.length === 1 && '|&<>'.includes(candidate) && next === candidate) continue;
      return candidate;
    }
    return null;
  }

  private binary(operator: string, left: bigint, right: bigint): bigint {
    switch (operator) {
      case '|':
        return left | right;
      case '^':
        return left ^ right;
      case '&':
        return left & right;
      case '==':
        return left === right ? 1n : 0n;
      case '!=':
        return left !== right ? 1n : 0n;
      case '<=':
        return left <= right ? 1n : 0n;
      case '>=':
        return left >= right ? 1n : 0n;
      case '<':
        return left < right ? 1n : 0n;
      case '>':
        return left > right ? 1n : 0n;
      case '<<':
        return wrap(left << (right & 63n));
      case '>>':
        return left >> (right & 63n);
      case '+':
        return wrap(left + right);
      case '-':
        return wrap(left - right);
      case '*':
        return wrap(left * right);
      default: {
        if (right === 0n) {
          if (this.skipping > 0) return 0n;
          throw new ArithmeticProblem('division by zero');
        }
        return wrap(operator === '/' ? left / right : left % right);
      }
    }
  }

  private unary(): bigint {
    if (++this.depth > MAX_DEPTH) throw new ArithmeticProblem('nested too deeply');
    try {
      this.blanks();
      const c = this.text[this.at];
      if (c === '+' || c === '-' || c === '!' || c === '~') {
        this.at++;
        const value = this.unary();
        return c === '-' ? wrap(-value) : c === '!' ? (value === 0n ? 1n : 0n) : c === '~' ? ~value : value;
      }
      if (c === '(') {
        this.at++;
        const value = this.comma();
        this.blanks();
        if (this.text[this.at] !== ')') throw new ArithmeticProblem("expecting ')'");
        this.at++;
        return value;
      }
      const token = /^[A-Za-z0-9_]+/.exec(this.text.slice(this.at, this.at + 256))?.[0];
      if (token === undefined) throw new ArithmeticProblem('expecting primary');
      this.at += token.length;
      if (/^[0-9]/.test(token)) {
        const value = parseInteger(token);
        if (value === null) throw new ArithmeticProblem(`bad number ${token}`);
        return value;
      }
      return this.variable(token);
    } finally {
      this.depth--;
    }
  }

  private variable(name: string): bigint {
    const text = this.variables.get(name);
    if (text.trim() === '') return 0n;
    const value = parseInteger(text);
    if (value === null) throw new ArithmeticProblem(`Illegal number: ${text}`);
    return value;
  }
}

/** The decimal value of an expression. Throws ArithmeticProblem. */
export function evaluateArithmetic(text: string, variables: Variables): string {
  return new Evaluator(text, variables).all().toString();
}
