// Key maps: what a key means. Data only: rows of a keyboard as strings, in the order of the key codes.
//
//   codes 2-13 digits row, 16-27 top letters, 30-41 home row (41 = the key left of 1), 43, 44-53 bottom row, 57 space, 86 the
//   extra key of European keyboards (numbers of linux/input-event-codes.h, equal to scan code set 1 below 0x54)
//
// Each row has three levels: plain, Shift, AltGr; '\0' = nothing on that level. Caps Lock acts as Shift on letters.

export interface KeyMap {
  readonly name: string;
  /** First key code and the characters of the three levels, same length each. */
  readonly rows: readonly (readonly [first: number, plain: string, shift: string, altGr: string])[];
}

export const usKeyMap: KeyMap = {
  name: 'us',
  rows: [
    [2, '1234567890-=', '!@#$%^&*()_+', ''],
    [16, 'qwertyuiop[]', 'QWERTYUIOP{}', ''],
    [30, "asdfghjkl;'`", 'ASDFGHJKL:"~', ''],
    [43, '\\zxcvbnm,./', '|ZXCVBNM<>?', ''],
    [86, '\\', '|', ''],
  ],
};

export const germanKeyMap: KeyMap = {
  name: 'de',
  rows: [
    [2, '1234567890ß´', '!"§$%&/()=?`', '\0²³\0\0\0{[]}\\\0'],
    [16, 'qwertzuiopü+', 'QWERTZUIOPÜ*', '@\0€\0\0\0\0\0\0\0\0~'],
    [30, 'asdfghjklöä^', 'ASDFGHJKLÖÄ°', ''],
    [43, '#yxcvbnm,.-', "'YXCVBNM;:_", '\0\0\0\0\0\0\0µ\0\0\0'],
    [86, '<', '>', '|'],
  ],
};

export const keyMaps: readonly KeyMap[] = [usKeyMap, germanKeyMap];

/** Keys that mean the same everywhere. */
const commonKeys: ReadonlyMap<number, number> = new Map([
  [1, 27],
  [14, 8],
  [15, 9],
  [28, 10],
  [55, 0x2a],
  [57, 32],
  [74, 0x2d],
  [78, 0x2b],
  [96, 10],
  [98, 0x2f],
]);
/** Key codes 71-83: the keypad with Num Lock on. */
const KEYPAD_FIRST = 71;
const KEYPAD = '789-456+1230.';

/** The Unicode character of a key, 0 if it has none. */
export function characterOf(
  map: KeyMap,
  code: number,
  shift: boolean,
  altGr: boolean,
  caps: boolean,
  num: boolean,
): number {
  const common = commonKeys.get(code);
  if (common !== undefined) return common;
  if (code >= KEYPAD_FIRST && code < KEYPAD_FIRST + KEYPAD.length)
    return num && !shift ? KEYPAD.charCodeAt(code - KEYPAD_FIRST) : 0;
  for (const [first, plain, shifted, third] of map.rows) {
    const place = code - first;
    if (place < 0 || place >= plain.length) continue;
    if (altGr) return place < third.length ? third.charCodeAt(place) : 0;
    const small = plain.charCodeAt(place);
    const large = shifted.charCodeAt(place);
    const isLetter = plain[place] !== shifted[place] && plain[place].toUpperCase() === shifted[place];
    return shift !== (caps && isLetter) ? large : small;
  }
  return 0;
}
