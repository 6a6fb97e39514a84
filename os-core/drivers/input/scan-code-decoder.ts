// Scan code set 1 (IBM PS/2 Hardware Technical Reference, Keyboard, "Scan Code Set 1") to Linux key codes.
//
//   code            press, 01-58            E0 code         extended key
//   code | 80       release                 E1 1D 45 E1 9D C5   Pause, which has no release
//
// Codes that mean no key (00 and FF overrun, FA, FE answers) are skipped. State is the prefix bytes seen.

import { registerClass } from '../../../devices/base/object-graph.ts';

const PREFIX_EXTENDED = 0xe0;
const PREFIX_PAUSE = 0xe1;
const RELEASE = 0x80;
const LAST_PLAIN_CODE = 0x58;
const KEY_PAUSE = 119;
/** The ACPI power key of keyboards (Linux input-event-codes.h). */
export const KEY_POWER = 116;

const extendedKeys: ReadonlyMap<number, number> = new Map([
  [0x1c, 96],
  [0x1d, 97],
  [0x35, 98],
  [0x37, 99],
  [0x38, 100],
  [0x46, KEY_PAUSE],
  [0x47, 102],
  [0x48, 103],
  [0x49, 104],
  [0x4b, 105],
  [0x4d, 106],
  [0x4f, 107],
  [0x50, 108],
  [0x51, 109],
  [0x52, 110],
  [0x53, 111],
  [0x5b, 125],
  [0x5c, 126],
  [0x5d, 127],
  [0x5e, KEY_POWER],
]);

export class ScanCodeDecoder {
  private extended = false;
  /** Bytes of a Pause sequence still to skip. */
  private pauseBytes = 0;
  /** Key code of the last decoded key. */
  keyCode = 0;
  pressed = false;

  /** Takes one byte; true if a key event is complete (keyCode, pressed). */
  decode(byte: number): boolean {
    if (byte === PREFIX_PAUSE) {
      this.pauseBytes = 2;
      this.extended = false;
      return false;
    }
    if (this.pauseBytes > 0) {
      this.pauseBytes--;
      // The second half (E1 9D C5) is the release of the first; Pause reports a press only at the end of the first half.
      if (this.pauseBytes > 0 || (byte & RELEASE) !== 0) return false;
      this.keyCode = KEY_PAUSE;
      this.pressed = true;
      return true;
    }
    if (byte === PREFIX_EXTENDED) {
      this.extended = true;
      return false;
    }
    const code = byte & ~RELEASE;
    const keyCode = this.extended ? (extendedKeys.get(code) ?? 0) : code <= LAST_PLAIN_CODE ? code : 0;
    this.extended = false;
    if (keyCode === 0) return false;
    this.keyCode = keyCode;
    this.pressed = (byte & RELEASE) === 0;
    return true;
  }
}
registerClass('drivers.ScanCodeDecoder', 1, ScanCodeDecoder);
