// The printf command's formats (POSIX.1-2017, XCU printf): pure text to text. Byte strings.

import { parseInteger } from '../expansion/arithmetic.ts';

const simpleEscapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  e: '\x1b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '\\': '\\',
};

/** Resolves backslash escapes; `echoStyle`: octal is \0ddd and \c stops everything (as %b and echo have it). */
export function unescapeText(text: string, echoStyle: boolean): { text: string; stopped: boolean } {
  let output = '';
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== '\\') {
      output += text[i];
      continue;
    }
    const c = text[++i];
    if (c === undefined) {
      output += '\\';
      break;
    }
    if (simpleEscapes[c] !== undefined) output += simpleEscapes[c];
    else if (echoStyle && c === 'c') return { text: output, stopped: true };
    else if (c >= '0' && c <= '7') {
      const digits = (echoStyle && c === '0' ? /^0[0-7]{0,3}/ : /^[0-7]{1,3}/).exec(text.slice(i, i + 4))?.[0] ?? c;
      output += String.fromCharCode(Number.parseInt(digits, 8) & 255);
      i += digits.length - 1;
    } else output += `\\${c}`;
  }
  return { text: output, stopped: false };
}

const MAX_WIDTH = 65536;

export interface Formatted {
  text: string;
  /** What was wrong with arguments, one line each. */
  problems: string[];
}

export function formatPrintf(format: string, values: readonly string[]): Formatted {
  const result: Formatted = { text: '', problems: [] };
  let index = 0;
  do {
    const before = index;
    for (let i = 0; i < format.length; i++) {
      if (format[i] === '\\') {
        const piece = /^\\(?:[0-7]{1,3}|[\s\S]|$)/.exec(format.slice(i, i + 4))?.[0] ?? '\\';
        result.text += unescapeText(piece, false).text;
        i += piece.length - 1;
        continue;
      }
      if (format[i] !== '%') {
        result.text += format[i];
        continue;
      }
      const match = /^%([-+ #0]*)(\*|[0-9]*)(?:\.(\*|[0-9]*))?([a-zA-Z%])/.exec(format.slice(i, i + 64));
      if (match === null) {
        result.problems.push('bad format');
        return result;
      }
      i += match[0].length - 1;
      const conversion = match[4];
      if (conversion === '%') {
        result.text += '%';
        continue;
      }
      const number = (text: string | undefined): number | null => {
        if (text === undefined) return null;
        return Math.min(text === '*' ? Number(values[index++] ?? 0) || 0 : Number(text), MAX_WIDTH);
      };
      let flags = match[1];
      let width = number(match[2]) ?? 0;
      if (width < 0) {
        flags += '-';
        width = -width;
      }
      const precision = number(match[3]);
      const value = values[index++];
      if (conversion === 'b') {
        const { text, stopped } = unescapeText(value ?? '', true);
        result.text += pad(precision === null ? text : text.slice(0, precision), width, flags, false);
        if (stopped) return result;
        continue;
      }
      const text = convert(conversion, flags, precision, value, result.problems);
      if (text === null) {
        result.problems.push(`%${conversion}: bad format`);
        return result;
      }
      const isNumeric = !'sc'.includes(conversion);
      result.text += pad(text, width, flags, isNumeric && (precision === null || 'eEfFgG'.includes(conversion)));
    }
    if (index === before) break;
  } while (index < values.length);
  return result;
}

function pad(text: string, width: number, flags: string, zeros: boolean): string {
  if (text.length >= width) return text;
  if (flags.includes('-')) return text.padEnd(width);
  if (!zeros || !flags.includes('0') || /[a-z]$/i.test(text.replace(/^[+-]?(0x)?[0-9a-f.]*$/i, '')))
    return text.padStart(width);
  const sign = /^[+ -]?(0[xX])?/.exec(text)?.[0] ?? '';
  return sign + text.slice(sign.length).padStart(width - sign.length, '0');
}

function convert(
  conversion: string,
  flags: string,
  precision: number | null,
  value: string | undefined,
  problems: string[],
): string | null {
  if (conversion === 's') return precision === null ? (value ?? '') : (value ?? '').slice(0, precision);
  if (conversion === 'c') return (value ?? '').slice(0, 1);
  const plus = flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : '';
  if ('diouxX'.includes(conversion)) {
    let integer = 0n;
    if (value !== undefined && value !== '') {
      if (value[0] === '"' || value[0] === "'") integer = BigInt(value.charCodeAt(1) || 0);
      else {
        const digits = /^\s*[+-]?(0[xX][0-9a-fA-F]+|[0-9]+)/.exec(value)?.[0];
        integer = (digits === undefined ? null : parseInteger(digits)) ?? 0n;
        if (digits !== value) problems.push(`${value}: not a number`);
      }
    }
    const negative = integer < 0n && 'di'.includes(conversion);
    const magnitude = negative ? -integer : 'di'.includes(conversion) ? integer : BigInt.asUintN(64, integer);
    const base = 'xX'.includes(conversion) ? 16 : conversion === 'o' ? 8 : 10;
    let digits = magnitude.toString(base);
    if (conversion === 'X') digits = digits.toUpperCase();
    if (precision !== null) digits = magnitude === 0n && precision === 0 ? '' : digits.padStart(precision, '0');
    if (flags.includes('#') && magnitude !== 0n)
      digits = (base === 16 ? `0${conversion}` : base === 8 ? '0' : '') + digits;
    return (negative ? '-' : 'di'.includes(conversion) ? plus : '') + digits;
  }
  if (!'eEfFgG'.includes(conversion)) return null;
  const number = value === undefined || value === '' ? 0 : Number(value);
  if (Number.isNaN(number)) problems.push(`${value}: not a number`);
  return formatFloat(
    conversion,
    Number.isNaN(number) ? 0 : number,
    Math.min(precision ?? 6, 100),
    plus,
    flags.includes('#'),
  );
}

/** toFixed, but a tie goes to the even digit as in C (ECMA-262 rounds it up). */
function fixed(magnitude: number, digits: number): string {
  const rounded = magnitude.toFixed(digits);
  const more = Math.min(100 - digits, 50);
  const exact = magnitude.toFixed(digits + more);
  if (!/^50*$/.test(exact.slice(exact.length - more))) return rounded;
  const cut = exact.slice(0, exact.length - more).replace(/\.$/, '');
  return '02468'.includes(cut[cut.length - 1]) ? cut : rounded;
}

function formatFloat(conversion: string, number: number, precision: number, plus: string, keepZeros: boolean): string {
  const sign = number < 0 || Object.is(number, -0) ? '-' : plus;
  const magnitude = Math.abs(number);
  let text: string;
  const exponential = (digits: number): string => magnitude.toExponential(digits).replace(/e([+-])(\d)$/, 'e$10$2');
  if (!Number.isFinite(magnitude)) text = 'inf';
  else if (conversion === 'f' || conversion === 'F')
    text =
      magnitude >= 1e21
        ? BigInt(magnitude).toString() + (precision > 0 ? `.${'0'.repeat(precision)}` : '')
        : fixed(magnitude, precision);
  else if (conversion === 'e' || conversion === 'E') text = exponential(precision);
  else {
    const digits = Math.max(precision, 1);
    const exponent = magnitude === 0 ? 0 : Number(magnitude.toExponential(digits - 1).split('e')[1]);
    text = exponent < -4 || exponent >= digits ? exponential(digits - 1) : fixed(magnitude, digits - 1 - exponent);
    if (!keepZeros) text = text.replace(/(\.\d*?)0+(e|$)/, '$1$2').replace(/\.(e|$)/, '$1');
  }
  return sign + (conversion === conversion.toUpperCase() ? text.toUpperCase() : text);
}
