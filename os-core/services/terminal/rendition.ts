// SGR: select graphic rendition (ECMA-48 8.3.117; ISO 8613-6 for 38 and 48).

import { CellFlag, DEFAULT_COLOUR, type Pen, TRUE_COLOUR } from './screen.ts';

const turnOn: Readonly<Record<number, number>> = {
  1: CellFlag.bold,
  2: CellFlag.dim,
  3: CellFlag.italic,
  4: CellFlag.underline,
  7: CellFlag.inverse,
  8: CellFlag.hidden,
  9: CellFlag.strike,
  21: CellFlag.underline,
};
const turnOff: Readonly<Record<number, number>> = {
  22: CellFlag.bold | CellFlag.dim,
  23: CellFlag.italic,
  24: CellFlag.underline,
  27: CellFlag.inverse,
  28: CellFlag.hidden,
  29: CellFlag.strike,
};

export function selectRendition(pen: Pen, parameters: readonly number[], joined: readonly boolean[]): void {
  if (parameters.length === 0) resetPen(pen);
  for (let i = 0; i < parameters.length; i++) {
    const code = parameters[i];
    if (code === 38 || code === 48 || code === 58) {
      i = extendedColour(pen, code, parameters, joined, i);
      continue;
    }
    // 4:0 is no underline; other styles of underline are drawn as one line.
    const style = code === 4 && joined[i + 1] ? parameters[i + 1] : null;
    while (joined[i + 1]) i++;
    if (code === 0) resetPen(pen);
    else if (style === 0) pen.flags &= ~CellFlag.underline;
    else if (turnOn[code] !== undefined) pen.flags |= turnOn[code];
    else if (turnOff[code] !== undefined) pen.flags &= ~turnOff[code];
    else if (code >= 30 && code <= 37) pen.foreground = code - 30;
    else if (code === 39) pen.foreground = DEFAULT_COLOUR;
    else if (code >= 40 && code <= 47) pen.background = code - 40;
    else if (code === 49) pen.background = DEFAULT_COLOUR;
    else if (code >= 90 && code <= 97) pen.foreground = code - 90 + 8;
    else if (code >= 100 && code <= 107) pen.background = code - 100 + 8;
  }
}

function resetPen(pen: Pen): void {
  pen.flags = 0;
  pen.foreground = DEFAULT_COLOUR;
  pen.background = DEFAULT_COLOUR;
}

/** 38;5;n, 38;2;r;g;b, 38:5:n, 38:2::r:g:b. Returns the index of the last parameter used. */
function extendedColour(
  pen: Pen,
  code: number,
  parameters: readonly number[],
  joined: readonly boolean[],
  at: number,
): number {
  let last = at;
  let values: number[];
  if (joined[at + 1]) {
    while (joined[last + 1]) last++;
    values = parameters.slice(at + 1, last + 1);
    // The colour space identifier between 2 and red may be there, empty.
    if (values[0] === 2 && values.length > 4) values.splice(1, 1);
  } else {
    const needed = parameters[at + 1] === 2 ? 4 : parameters[at + 1] === 5 ? 2 : 1;
    last = Math.min(at + needed, parameters.length - 1);
    values = parameters.slice(at + 1, last + 1);
  }
  let colour: number | null = null;
  if (values[0] === 5 && values.length >= 2) colour = values[1] & 255;
  if (values[0] === 2 && values.length >= 4)
    colour = TRUE_COLOUR | ((values[1] & 255) << 16) | ((values[2] & 255) << 8) | (values[3] & 255);
  if (colour !== null) {
    if (code === 38) pen.foreground = colour;
    if (code === 48) pen.background = colour;
  }
  return last;
}
