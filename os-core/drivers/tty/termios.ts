// struct termios of the kernel interface (asm-generic/termbits.h) and its defaults (tty_std_termios of Linux, plus IUTF8).
//
//   0 u32 c_iflag   4 u32 c_oflag   8 u32 c_cflag   12 u32 c_lflag   16 u8 c_line   17 u8 c_cc[19]        36 bytes

import { registerClass } from '../../../devices/base/object-graph.ts';

export const TERMIOS_BYTES = 36;
const CONTROL_CHARACTERS = 19;

export const InputFlag = {
  ISTRIP: 0x20,
  INLCR: 0x40,
  IGNCR: 0x80,
  ICRNL: 0x100,
  IXON: 0x400,
  IXANY: 0x800,
  IMAXBEL: 0x2000,
  IUTF8: 0x4000,
} as const;
export const OutputFlag = {
  OPOST: 1,
  OLCUC: 2,
  ONLCR: 4,
  OCRNL: 8,
  ONOCR: 0x10,
  ONLRET: 0x20,
  TABDLY: 0x1800,
} as const;
export const LocalFlag = {
  ISIG: 1,
  ICANON: 2,
  ECHO: 8,
  ECHOE: 0x10,
  ECHOK: 0x20,
  ECHONL: 0x40,
  NOFLSH: 0x80,
  TOSTOP: 0x100,
  ECHOCTL: 0x200,
  ECHOKE: 0x800,
  IEXTEN: 0x8000,
} as const;
/** Index into c_cc. */
export const ControlIndex = {
  INTR: 0,
  QUIT: 1,
  ERASE: 2,
  KILL: 3,
  EOF: 4,
  TIME: 5,
  MIN: 6,
  START: 8,
  STOP: 9,
  SUSP: 10,
  EOL: 11,
  REPRINT: 12,
  WERASE: 14,
  LNEXT: 15,
  EOL2: 16,
} as const;
/** B38400 | CS8 | CREAD | HUPCL */
const DEFAULT_CONTROL_FLAGS = 0xbf;

export class Termios {
  input: number = InputFlag.ICRNL | InputFlag.IXON | InputFlag.IUTF8;
  output: number = OutputFlag.OPOST | OutputFlag.ONLCR;
  control: number = DEFAULT_CONTROL_FLAGS;
  local: number =
    LocalFlag.ISIG |
    LocalFlag.ICANON |
    LocalFlag.ECHO |
    LocalFlag.ECHOE |
    LocalFlag.ECHOK |
    LocalFlag.ECHOCTL |
    LocalFlag.ECHOKE |
    LocalFlag.IEXTEN;
  line = 0;
  /** c_cc; 0 = the character is off. */
  readonly characters: Uint8Array = Uint8Array.of(3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0);

  emit(target: Uint8Array): void {
    const view = new DataView(target.buffer, target.byteOffset);
    view.setUint32(0, this.input, true);
    view.setUint32(4, this.output, true);
    view.setUint32(8, this.control, true);
    view.setUint32(12, this.local, true);
    target[16] = this.line;
    target.set(this.characters, 17);
  }

  /** `source` holds at least TERMIOS_BYTES. */
  parse(source: Uint8Array): void {
    const view = new DataView(source.buffer, source.byteOffset);
    this.input = view.getUint32(0, true);
    this.output = view.getUint32(4, true);
    this.control = view.getUint32(8, true);
    this.local = view.getUint32(12, true);
    this.line = source[16];
    this.characters.set(source.subarray(17, 17 + CONTROL_CHARACTERS));
  }
}
registerClass('drivers.Termios', 1, Termios);
