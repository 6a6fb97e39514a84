// Shell text to a syntax tree (POSIX.1-2017, Shell Command Language 2.9, 2.10): one complete command at a time, so that
// earlier commands can change what later ones mean and a terminal can ask for more lines.
// Left out: aliases, `time`, `[[`, arrays.

import type { AndOr, Assignment, Command, List, Pipeline, Redirection, RedirectionOperator, Word } from './tree.ts';
import { Incomplete, isNameCharacter, isNameStart, SyntaxProblem, WordReader } from './word-reader.ts';

export type ParseOutcome =
  | { readonly kind: 'complete'; readonly list: List; readonly end: number }
  /** `delimiter`: the here-document delimiter to wait for before it is worth parsing again. */
  | { readonly kind: 'incomplete'; readonly message: string; readonly delimiter: string | null }
  | { readonly kind: 'error'; readonly message: string; readonly line: number };

/** Parses the command that starts at `start` of a byte string, with everything up to its newline. */
export function parseCommand(text: string, start: number, firstLine = 1): ParseOutcome {
  const parser = new Parser(text, start, 0);
  try {
    const list = parser.completeCommand();
    return { kind: 'complete', list, end: parser.at };
  } catch (problem) {
    if (problem instanceof Incomplete)
      return { kind: 'incomplete', message: problem.message, delimiter: problem.delimiter };
    if (problem instanceof SyntaxProblem)
      return { kind: 'error', message: problem.message, line: firstLine + lineOf(text, start, parser.at) };
    throw problem;
  }
}

function lineOf(text: string, from: number, to: number): number {
  let lines = 0;
  for (let i = from; i < to && i < text.length; i++) if (text[i] === '\n') lines++;
  return lines;
}

const reservedWords = new Set('if then else elif fi do done case esac while until for in { } !'.split(' '));
const operators = [
  '<<-',
  '&&',
  '||',
  ';;',
  '<<',
  '>>',
  '<&',
  '>&',
  '<>',
  '>|',
  '&',
  '|',
  ';',
  '(',
  ')',
  '<',
  '>',
  '\n',
];
const redirectionOperators = new Set(['<<-', '<<', '>>', '<&', '>&', '<>', '>|', '<', '>']);

interface OpenHereDocument {
  readonly redirection: Redirection;
  readonly delimiter: string;
  readonly stripTabs: boolean;
  readonly expand: boolean;
}

class Parser extends WordReader {
  private readonly hereDocuments: OpenHereDocument[] = [];

  constructor(text: string, at: number, depth: number) {
    super(text, at, depth);
    this.nested = {
      commandsUpToParenthesis: () => {
        const list = this.compoundList();
        this.expectOperator(')');
        return list;
      },
      wholeText: (inner, innerDepth) => {
        const parser = new Parser(inner, 0, innerDepth);
        const items: { chain: AndOr; background: boolean }[] = [];
        try {
          while (parser.at < inner.length) items.push(...parser.completeCommand().items);
        } catch (problem) {
          if (problem instanceof Incomplete) throw new SyntaxProblem(problem.message);
          throw problem;
        }
        return { items };
      },
    };
  }

  /** A list up to a newline or the end of the text. An empty line gives an empty list. */
  completeCommand(): List {
    const items: { chain: AndOr; background: boolean }[] = [];
    for (;;) {
      const operator = this.operator();
      if (operator === null && this.atEnd()) break;
      if (operator === '\n') {
        this.newline();
        break;
      }
      const chain = this.andOr();
      const after = this.operator();
      if (after === ';' || after === '&') {
        this.at += 1;
        items.push({ chain, background: after === '&' });
        continue;
      }
      items.push({ chain, background: false });
      if (after === '\n' || (after === null && this.atEnd())) continue;
      throw this.unexpected();
    }
    if (this.hereDocuments.length > 0) {
      if (this.atEnd()) throw new Incomplete('here-document without its end', this.hereDocuments[0].delimiter);
      this.readHereDocuments();
    }
    return { items };
  }

  private atEnd(): boolean {
    this.skipBlanks();
    return this.at >= this.text.length;
  }

  private skipBlanks(): void {
    for (;;) {
      const c = this.text[this.at];
      if (c === ' ' || c === '\t') this.at++;
      else if (c === '\\' && this.text[this.at + 1] === '\n') this.at += 2;
      else if (c === '#') {
        const end = this.text.indexOf('\n', this.at);
        this.at = end < 0 ? this.text.length : end;
      } else return;
    }
  }

  /** The operator at the position (after blanks), not consumed. */
  private operator(): string | null {
    this.skipBlanks();
    for (const candidate of operators) if (this.text.startsWith(candidate, this.at)) return candidate;
    return null;
  }
  private acceptOperator(wanted: string): boolean {
    if (this.operator() !== wanted) return false;
    this.at += wanted.length;
    return true;
  }
  private expectOperator(wanted: string): void {
    if (this.acceptOperator(wanted)) return;
    if (this.atEnd()) throw new Incomplete(`unexpected end of file (expecting "${wanted}")`);
    throw this.unexpected(wanted);
  }
  private newline(): void {
    this.at++;
    this.readHereDocuments();
  }
  private skipNewlines(): void {
    while (this.operator() === '\n') this.newline();
  }

  /** The word at the position if it is this reserved word (an unquoted one), not consumed. */
  private reserved(): string | null {
    this.skipBlanks();
    let end = this.at;
    while (end < this.text.length && !' \t\n|&;<>()\\\'"$`'.includes(this.text[end])) end++;
    const next = this.text[end];
    if (next !== undefined && '\\\'"$`'.includes(next)) return null;
    const word = this.text.slice(this.at, end);
    return reservedWords.has(word) ? word : null;
  }
  private acceptReserved(wanted: string): boolean {
    if (this.reserved() !== wanted) return false;
    this.at += wanted.length;
    return true;
  }
  private expectReserved(wanted: string): void {
    if (this.acceptReserved(wanted)) return;
    if (this.atEnd()) throw new Incomplete(`unexpected end of file (expecting "${wanted}")`);
    throw this.unexpected(wanted);
  }

  private unexpected(wanted?: string): Error {
    const suffix = wanted === undefined ? '' : ` (expecting "${wanted}")`;
    if (this.atEnd()) return new Incomplete(`unexpected end of file${suffix}`);
    const operator = this.operator();
    if (operator !== null)
      return new SyntaxProblem(`${operator === '\n' ? 'newline' : `"${operator}"`} unexpected${suffix}`);
    const word = this.reserved();
    if (word !== null) return new SyntaxProblem(`"${word}" unexpected${suffix}`);
    return new SyntaxProblem(`word unexpected${suffix}`);
  }

  private andOr(): AndOr {
    const pipelines = [this.pipeline()];
    const between: ('&&' | '||')[] = [];
    for (;;) {
      const operator = this.operator();
      if (operator !== '&&' && operator !== '||') return { pipelines, operators: between };
      this.at += 2;
      this.skipNewlines();
      between.push(operator);
      pipelines.push(this.pipeline());
    }
  }

  private pipeline(): Pipeline {
    this.skipBlanks();
    const start = this.at;
    let negated = false;
    while (this.acceptReserved('!')) negated = !negated;
    const commands = [this.command()];
    while (this.operator() === '|') {
      this.at++;
      this.skipNewlines();
      commands.push(this.command());
    }
    return { negated, commands, source: this.text.slice(start, this.at).trim().slice(0, 200) };
  }

  private command(): Command {
    this.enter();
    try {
      return this.commandInside();
    } finally {
      this.leave();
    }
  }

  private commandInside(): Command {
    const operator = this.operator();
    if (operator === '(') {
      this.at++;
      const body = this.compoundList();
      this.expectOperator(')');
      return { kind: 'subshell', body: this.nonEmpty(body), redirections: this.redirections() };
    }
    switch (this.reserved()) {
      case '{': {
        this.at++;
        const body = this.compoundList();
        this.expectReserved('}');
        return { kind: 'group', body: this.nonEmpty(body), redirections: this.redirections() };
      }
      case 'if':
        return this.ifCommand();
      case 'while':
      case 'until': {
        const until = this.text[this.at] === 'u';
        this.at += 5;
        const condition = this.nonEmpty(this.compoundList());
        const body = this.doGroup();
        return { kind: 'while', until, condition, body, redirections: this.redirections() };
      }
      case 'for':
        return this.forCommand();
      case 'case':
        return this.caseCommand();
      case null:
        return this.simpleOrFunction();
      default:
        throw this.unexpected();
    }
  }

  /** Commands separated by newlines, `;` or `&`, up to a closing word or parenthesis. */
  private compoundList(): List {
    const items: { chain: AndOr; background: boolean }[] = [];
    for (;;) {
      this.skipNewlines();
      const operator = this.operator();
      if (operator === ')' || operator === ';;') break;
      const reserved = this.reserved();
      if (reserved !== null && ['then', 'else', 'elif', 'fi', 'do', 'done', 'esac', '}'].includes(reserved)) break;
      if (this.atEnd()) throw new Incomplete('unexpected end of file');
      const chain = this.andOr();
      const after = this.operator();
      if (after === ';' || after === '&') {
        this.at++;
        items.push({ chain, background: after === '&' });
      } else {
        items.push({ chain, background: false });
        if (after !== '\n') break;
      }
    }
    return { items };
  }
  private nonEmpty(list: List): List {
    if (list.items.length === 0) throw this.unexpected();
    return list;
  }
  private doGroup(): List {
    this.skipNewlines();
    this.expectReserved('do');
    const body = this.nonEmpty(this.compoundList());
    this.expectReserved('done');
    return body;
  }

  private ifCommand(): Command {
    this.at += 2;
    const branches: { condition: List; body: List }[] = [];
    let otherwise: List | null = null;
    for (;;) {
      const condition = this.nonEmpty(this.compoundList());
      this.expectReserved('then');
      branches.push({ condition, body: this.nonEmpty(this.compoundList()) });
      if (this.acceptReserved('elif')) continue;
      if (this.acceptReserved('else')) otherwise = this.nonEmpty(this.compoundList());
      this.expectReserved('fi');
      return { kind: 'if', branches, otherwise, redirections: this.redirections() };
    }
  }

  private forCommand(): Command {
    this.at += 3;
    this.skipBlanks();
    const name = this.name();
    if (name === '') throw this.unexpected();
    this.skipNewlines();
    let words: Word[] | null = null;
    if (this.acceptReserved('in')) {
      words = [];
      for (;;) {
        this.skipBlanks();
        const word = this.readWord();
        if (word === null) break;
        words.push(word);
      }
      const operator = this.operator();
      if (operator === ';') this.at++;
      else if (operator !== '\n') throw this.unexpected();
    } else this.acceptOperator(';');
    const body = this.doGroup();
    return { kind: 'for', name, words, body, redirections: this.redirections() };
  }

  private caseCommand(): Command {
    this.at += 4;
    this.skipBlanks();
    const word = this.readWord();
    if (word === null) throw this.unexpected();
    this.skipNewlines();
    this.expectReserved('in');
    const items: { patterns: Word[]; body: List }[] = [];
    for (;;) {
      this.skipNewlines();
      if (this.acceptReserved('esac')) break;
      this.acceptOperator('(');
      const patterns: Word[] = [];
      do {
        this.skipBlanks();
        const pattern = this.readWord();
        if (pattern === null) throw this.unexpected();
        patterns.push(pattern);
      } while (this.acceptOperator('|'));
      this.expectOperator(')');
      items.push({ patterns, body: this.compoundList() });
      if (this.acceptOperator(';;')) continue;
      this.skipNewlines();
      this.expectReserved('esac');
      break;
    }
    return { kind: 'case', word, items, redirections: this.redirections() };
  }

  private name(): string {
    let name = '';
    if (isNameStart(this.text[this.at] ?? ''))
      while (this.at < this.text.length && isNameCharacter(this.text[this.at])) name += this.text[this.at++];
    return name;
  }

  private simpleOrFunction(): Command {
    const line = 1 + lineOf(this.text, 0, this.at);
    const assignments: Assignment[] = [];
    const words: Word[] = [];
    const redirections: Redirection[] = [];
    for (;;) {
      this.skipBlanks();
      const redirection = this.redirection();
      if (redirection !== null) {
        redirections.push(redirection);
        continue;
      }
      const start = this.at;
      if (words.length === 0) {
        const name = this.name();
        if (name !== '' && this.text[this.at] === '=') {
          this.at++;
          assignments.push({ name, value: this.readWord() ?? [] });
          continue;
        }
        this.at = start;
      }
      const word = this.readWord();
      if (word === null) break;
      words.push(word);
      if (words.length === 1 && assignments.length === 0 && redirections.length === 0 && this.operator() === '(') {
        const only = word[0];
        if (word.length !== 1 || only.kind !== 'text' || only.quoted) throw this.unexpected();
        this.at++;
        this.expectOperator(')');
        this.skipNewlines();
        return { kind: 'function', name: only.text, body: this.command(), redirections: [] };
      }
    }
    if (assignments.length + words.length + redirections.length === 0) throw this.unexpected();
    return { kind: 'simple', assignments, words, redirections, line };
  }

  private redirections(): Redirection[] {
    const list: Redirection[] = [];
    for (;;) {
      this.skipBlanks();
      const redirection = this.redirection();
      if (redirection === null) return list;
      list.push(redirection);
    }
  }

  private redirection(): Redirection | null {
    const start = this.at;
    while (this.at < this.text.length && this.text[this.at] >= '0' && this.text[this.at] <= '9') this.at++;
    const digits = this.text.slice(start, this.at);
    const next = this.text[this.at];
    const operator = next === '<' || next === '>' ? this.operator() : null;
    if (operator === null || !redirectionOperators.has(operator) || digits.length > 3) {
      this.at = start;
      return null;
    }
    this.at += operator.length;
    const descriptor = digits === '' ? (operator.startsWith('<') ? 0 : 1) : Number(digits);
    this.skipBlanks();
    const wordStart = this.at;
    const target = this.readWord();
    if (target === null) throw this.unexpected();
    if (operator !== '<<' && operator !== '<<-')
      return { descriptor, operator: operator as RedirectionOperator, target };
    const redirection: Redirection = { descriptor, operator: '<<', target: [] };
    this.hereDocuments.push({
      redirection,
      delimiter: target.map((part) => (part.kind === 'text' ? part.text : '')).join(''),
      stripTabs: operator === '<<-',
      expand: !/['"\\]/.test(this.text.slice(wordStart, this.at)),
    });
    return redirection;
  }

  /** At the start of a line: the bodies of all here-documents announced on the line before. */
  private readHereDocuments(): void {
    while (this.hereDocuments.length > 0) {
      const open = this.hereDocuments[0];
      let body = '';
      for (;;) {
        if (this.at >= this.text.length) throw new Incomplete('here-document without its end', open.delimiter);
        let end = this.text.indexOf('\n', this.at);
        if (end < 0) end = this.text.length;
        let line = this.text.slice(this.at, end);
        if (open.stripTabs) line = line.replace(/^\t+/, '');
        this.at = Math.min(end + 1, this.text.length);
        if (line === open.delimiter) break;
        body += `${line}\n`;
      }
      this.hereDocuments.shift();
      if (open.expand) {
        const reader = new Parser(body, 0, this.depth + 1);
        try {
          open.redirection.target = reader.readParts('bodyText', true);
        } catch (problem) {
          if (problem instanceof Incomplete) throw new SyntaxProblem(problem.message);
          throw problem;
        }
      } else open.redirection.target = [{ kind: 'text', text: body, quoted: true }];
    }
  }
}
