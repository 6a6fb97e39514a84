// Reads words: quoting and expansions (POSIX.1-2017, Shell Command Language 2.2, 2.6).
//
//   mode       ends at                       quotes           used for
//   word       blank, newline, operator      ' " \            arguments, redirection targets
//   brace      }                             ' " \            ${name-word}
//   quoted     "                             \ before $`"\    "…"
//   bodyText   end of text                   \ before $`\     here-documents
//   arithmetic matching ))                   \ as quoted      $((…))

import type { List, ParameterOperator, Word, WordPart } from './tree.ts';

/** Nesting deeper than this is refused, so that hostile text cannot exhaust the engine's stack. */
export const MAX_NESTING = 120;

/** The text ends inside a construct: more lines may complete it. */
export class Incomplete extends Error {
  /** Set when a here-document is open: its delimiter line must come first. */
  readonly delimiter: string | null;
  constructor(what: string, delimiter: string | null = null) {
    super(what);
    this.delimiter = delimiter;
  }
}
export class SyntaxProblem extends Error {}

type Mode = 'word' | 'brace' | 'quotedBrace' | 'quoted' | 'bodyText' | 'arithmetic';

export const isNameStart = (c: string): boolean => /^[A-Za-z_]$/.test(c);
export const isNameCharacter = (c: string): boolean => /^[A-Za-z0-9_]$/.test(c);
const isDigit = (c: string): boolean => c >= '0' && c <= '9' && c.length === 1;
const metacharacters = ' \t\n|&;<>()';

/** What the word reader needs of the command parser that contains it. */
export interface NestedParser {
  /** Parses commands up to the closing parenthesis at the same level, and consumes it. */
  commandsUpToParenthesis(): List;
  /** Parses a whole text (the inside of backquotes). */
  wholeText(text: string, depth: number): List;
}

export class WordReader {
  readonly text: string;
  at: number;
  depth: number;
  protected nested!: NestedParser;

  constructor(text: string, at: number, depth: number) {
    this.text = text;
    this.at = at;
    this.depth = depth;
  }

  protected enter(): void {
    if (++this.depth > MAX_NESTING) throw new SyntaxProblem('nested too deeply');
  }
  protected leave(): void {
    this.depth--;
  }

  /** One word at the position, or null when none starts there. */
  readWord(): Word | null {
    const start = this.at;
    const parts = this.readParts('word', false);
    return this.at === start ? null : parts;
  }

  readParts(mode: Mode, quoted: boolean): WordPart[] {
    this.enter();
    const parts: WordPart[] = [];
    let literal = '';
    const flush = (): void => {
      if (literal !== '') parts.push({ kind: 'text', text: literal, quoted });
      literal = '';
    };
    let parentheses = 0;
    for (;;) {
      if (this.at >= this.text.length) {
        if (mode === 'word' || mode === 'bodyText') break;
        throw new Incomplete(mode === 'quoted' ? 'unterminated quoted string' : 'missing closing brace or parenthesis');
      }
      const c = this.text[this.at];
      if (mode === 'word' && metacharacters.includes(c)) break;
      if ((mode === 'brace' || mode === 'quotedBrace') && c === '}') break;
      if (mode === 'quoted' && c === '"') break;
      if (mode === 'arithmetic') {
        if (c === '(') parentheses++;
        if (c === ')' && parentheses-- === 0) break;
      }
      if (c === '\\') {
        const next = this.text[this.at + 1];
        if (next === undefined) {
          if (mode === 'bodyText') {
            literal += c;
            this.at++;
            continue;
          }
          throw new Incomplete('backslash at the end');
        }
        this.at += 2;
        if (next === '\n') continue;
        const special =
          mode === 'word' ||
          mode === 'brace' ||
          '$`\\'.includes(next) ||
          (next === '"' && mode !== 'bodyText') ||
          (next === '}' && mode === 'quotedBrace');
        if (!special) {
          literal += c + next;
          continue;
        }
        flush();
        parts.push({ kind: 'text', text: next, quoted: true });
        continue;
      }
      if (c === "'" && (mode === 'word' || mode === 'brace')) {
        const end = this.text.indexOf("'", this.at + 1);
        if (end < 0) throw new Incomplete('unterminated quoted string');
        flush();
        parts.push({ kind: 'text', text: this.text.slice(this.at + 1, end), quoted: true });
        this.at = end + 1;
        continue;
      }
      if (c === '"' && mode !== 'bodyText') {
        flush();
        this.at++;
        if (mode === 'arithmetic') continue;
        if (mode === 'quotedBrace') {
          // "${x-"y"}": the inner quotes only toggle; the result stays quoted (2.6.2).
          continue;
        }
        const inner = this.readParts('quoted', true);
        this.at++;
        // An empty pair of quotes still makes a field.
        if (inner.length === 0) parts.push({ kind: 'text', text: '', quoted: true });
        else parts.push(...inner);
        continue;
      }
      if (c === '$') {
        const part = this.readDollar(quoted, mode);
        if (part === null) {
          literal += '$';
          this.at++;
        } else {
          flush();
          parts.push(part);
        }
        continue;
      }
      if (c === '`') {
        flush();
        parts.push(this.readBackquotes(quoted, mode === 'quoted' || mode === 'quotedBrace'));
        continue;
      }
      literal += c;
      this.at++;
    }
    flush();
    this.leave();
    return parts;
  }

  /** At `$`. Null when it stands for itself. */
  private readDollar(quoted: boolean, mode: Mode): WordPart | null {
    const next = this.text[this.at + 1] ?? '';
    if (next === '{') return this.readBraces(quoted, mode);
    if (next === '(') {
      if (this.text[this.at + 2] === '(') {
        const arithmetic = this.tryArithmetic(quoted);
        if (arithmetic !== null) return arithmetic;
      }
      this.at += 2;
      this.enter();
      const body = this.nested.commandsUpToParenthesis();
      this.leave();
      return { kind: 'command', body, quoted };
    }
    let name = '';
    if (isNameStart(next)) {
      let end = this.at + 1;
      while (end < this.text.length && isNameCharacter(this.text[end])) end++;
      name = this.text.slice(this.at + 1, end);
    } else if (isDigit(next) || (next !== '' && '@*#?-$!'.includes(next))) name = next;
    if (name === '') return null;
    this.at += 1 + name.length;
    return { kind: 'parameter', name, operator: '', colon: false, word: [], quoted };
  }

  /** `$((`: null when the parentheses show that it is a command substitution that starts with a subshell. */
  private tryArithmetic(quoted: boolean): WordPart | null {
    const start = this.at;
    const depth = this.depth;
    this.at += 3;
    let word: WordPart[];
    try {
      word = this.readParts('arithmetic', true);
    } catch (problem) {
      if (!(problem instanceof SyntaxProblem)) throw problem;
      this.at = start;
      this.depth = depth;
      return null;
    }
    if (this.text[this.at + 1] !== ')') {
      if (this.at + 1 >= this.text.length) throw new Incomplete('missing ))');
      this.at = start;
      return null;
    }
    this.at += 2;
    return { kind: 'arithmetic', word, quoted };
  }

  private readBraces(quoted: boolean, mode: Mode): WordPart {
    this.at += 2;
    const rest = this.text;
    let name = '';
    let operator: ParameterOperator = '';
    let colon = false;
    let word: WordPart[] = [];
    if (rest[this.at] === '#' && rest[this.at + 1] !== '}' && rest[this.at + 1] !== undefined) {
      const after = rest[this.at + 1];
      const isLength = isNameStart(after) || isDigit(after) || ('@*?-$!#'.includes(after) && rest[this.at + 2] === '}');
      if (isLength) {
        operator = 'length';
        this.at++;
      }
    }
    const first = rest[this.at] ?? '';
    if (isNameStart(first)) {
      while (this.at < rest.length && isNameCharacter(rest[this.at])) name += rest[this.at++];
    } else if (isDigit(first)) {
      while (this.at < rest.length && isDigit(rest[this.at])) name += rest[this.at++];
    } else if (first !== '' && '@*#?-$!'.includes(first)) {
      name = first;
      this.at++;
    }
    if (this.at >= rest.length) throw new Incomplete('missing }');
    if (name === '') throw new SyntaxProblem('bad substitution');
    if (operator !== 'length' && rest[this.at] !== '}') {
      if (rest[this.at] === ':') {
        colon = true;
        this.at++;
      }
      const c = rest[this.at] ?? '';
      if (c === '-' || c === '=' || c === '?' || c === '+') {
        operator = c;
        this.at++;
      } else if (!colon && (c === '#' || c === '%')) {
        operator = c;
        this.at++;
        if (rest[this.at] === c) {
          operator = c === '#' ? '##' : '%%';
          this.at++;
        }
      } else if (c === '') throw new Incomplete('missing }');
      else throw new SyntaxProblem('bad substitution');
      const isPattern = operator.startsWith('#') || operator.startsWith('%');
      const insideQuotes = quoted && mode !== 'arithmetic';
      word = this.readParts(insideQuotes && !isPattern ? 'quotedBrace' : 'brace', insideQuotes && !isPattern);
    }
    if (rest[this.at] !== '}') {
      if (this.at >= rest.length) throw new Incomplete('missing }');
      throw new SyntaxProblem('bad substitution');
    }
    this.at++;
    return { kind: 'parameter', name, operator, colon, word, quoted };
  }

  private readBackquotes(quoted: boolean, insideQuotes: boolean): WordPart {
    let inner = '';
    for (let i = this.at + 1; ; i++) {
      if (i >= this.text.length) throw new Incomplete('unterminated backquotes');
      const c = this.text[i];
      if (c === '`') {
        this.at = i + 1;
        break;
      }
      const next = this.text[i + 1];
      if (c === '\\' && next !== undefined && ('$`\\'.includes(next) || (insideQuotes && next === '"'))) {
        inner += next;
        i++;
      } else inner += c;
    }
    return { kind: 'command', body: this.nested.wholeText(inner, this.depth + 1), quoted };
  }
}
