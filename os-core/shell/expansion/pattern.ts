// Patterns (POSIX.1-2017, Shell Command Language 2.13): * ? [set], backslash quotes. Byte strings.
// Matching keeps one restart point per star, so the work is at most pattern length x text length.

const classes: ReadonlyMap<string, RegExp> = new Map(
  Object.entries({
    alpha: /[A-Za-z]/,
    digit: /[0-9]/,
    alnum: /[A-Za-z0-9]/,
    upper: /[A-Z]/,
    lower: /[a-z]/,
    space: /[ \t\n\r\f\v]/,
    blank: /[ \t]/,
    punct: /[!-/:-@[-`{-~]/,
    print: /[ -~]/,
    graph: /[!-~]/,
    cntrl: /[\0-\x1f\x7f]/,
    xdigit: /[0-9A-Fa-f]/,
  }),
);

/** Puts a backslash before what a pattern would take as special. */
export function quotePattern(text: string): string {
  return text.replace(/[\\*?[\]!^-]/g, '\\$&');
}
/** Takes the quoting of a pattern away. */
export function unquotePattern(pattern: string): string {
  return pattern.replace(/\\([\s\S])/g, '$1');
}
/** True if an unquoted * ? or [ stands in it. */
export function hasPattern(pattern: string): boolean {
  for (let i = 0; i < pattern.length; i++) {
    if (pattern[i] === '\\') i++;
    else if (pattern[i] === '*' || pattern[i] === '?') return true;
    else if (pattern[i] === '[' && setEnd(pattern, i) > 0) return true;
  }
  return false;
}

/** Index after the `]` of the set that starts at `at`, or 0 when it is not a set. */
function setEnd(pattern: string, at: number): number {
  let i = at + 1;
  if (pattern[i] === '!' || pattern[i] === '^') i++;
  if (pattern[i] === ']') i++;
  while (i < pattern.length && pattern[i] !== ']') {
    if (pattern[i] === '\\') i++;
    else if (pattern[i] === '[' && pattern[i + 1] === ':') {
      const end = pattern.indexOf(':]', i + 2);
      if (end > 0) i = end + 1;
    }
    i++;
  }
  return i < pattern.length ? i + 1 : 0;
}

function setMatches(pattern: string, at: number, end: number, c: string): boolean {
  let i = at + 1;
  let inverted = false;
  if (pattern[i] === '!' || pattern[i] === '^') {
    inverted = true;
    i++;
  }
  let found = false;
  const last = end - 1;
  while (i < last) {
    if (pattern[i] === '[' && pattern[i + 1] === ':') {
      const close = pattern.indexOf(':]', i + 2);
      if (close > 0 && close < last) {
        if (classes.get(pattern.slice(i + 2, close))?.test(c) === true) found = true;
        i = close + 2;
        continue;
      }
    }
    if (pattern[i] === '\\' && i + 1 < last) i++;
    const low = pattern[i++];
    if (pattern[i] === '-' && i + 1 < last) {
      i++;
      if (pattern[i] === '\\' && i + 1 < last) i++;
      const high = pattern[i++];
      if (c >= low && c <= high) found = true;
    } else if (c === low) found = true;
  }
  return found !== inverted;
}

/** Whether the whole text matches. */
export function matches(pattern: string, text: string): boolean {
  let p = 0;
  let t = 0;
  let starPattern = -1;
  let starText = 0;
  for (;;) {
    if (p < pattern.length && pattern[p] === '*') {
      starPattern = ++p;
      starText = t;
      continue;
    }
    if (t === text.length && p === pattern.length) return true;
    if (t < text.length && p < pattern.length) {
      const c = pattern[p];
      if (c === '?') {
        p++;
        t++;
        continue;
      }
      const end = c === '[' ? setEnd(pattern, p) : 0;
      if (end > 0) {
        if (setMatches(pattern, p, end, text[t])) {
          p = end;
          t++;
          continue;
        }
      } else {
        const quoted = c === '\\' && p + 1 < pattern.length;
        if ((quoted ? pattern[p + 1] : c) === text[t]) {
          p += quoted ? 2 : 1;
          t++;
          continue;
        }
      }
    }
    if (starPattern < 0 || starText >= text.length) return false;
    p = starPattern;
    t = ++starText;
  }
}

/** ${text#pattern} and its three relatives: what remains after the smallest or largest matching prefix or suffix is cut. */
export function removeAffix(text: string, pattern: string, operator: '#' | '##' | '%' | '%%'): string {
  const prefix = operator.startsWith('#');
  const largest = operator.length === 2;
  for (let n = 0; n <= text.length; n++) {
    const length = largest ? text.length - n : n;
    const piece = prefix ? text.slice(0, length) : text.slice(text.length - length);
    if (matches(pattern, piece)) return prefix ? text.slice(length) : text.slice(0, text.length - length);
  }
  return text;
}
