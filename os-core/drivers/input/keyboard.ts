// The keyboard above the wire: scan codes to key events with modifiers and characters.
//
// Invariant: bit c of `down` is set while key c is held; modifiers follow from it, Caps Lock and Num Lock are toggles.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { InputKind, KeyAction, KeyModifier } from '../../abi/input.ts';
import type { InputNode } from './input-queue.ts';
import { characterOf, keyMaps, usKeyMap } from './keymaps.ts';
import { KEY_POWER, ScanCodeDecoder } from './scan-code-decoder.ts';

const KEYS = 128;
const KEY_CAPS_LOCK = 58;
const KEY_NUM_LOCK = 69;
const modifierKeys: readonly (readonly [number, number])[] = [
  [42, KeyModifier.shift],
  [54, KeyModifier.shift],
  [29, KeyModifier.control],
  [97, KeyModifier.control],
  [56, KeyModifier.alt],
  [100, KeyModifier.altGr],
  [125, KeyModifier.meta],
  [126, KeyModifier.meta],
];

export class Keyboard {
  private readonly decoder: ScanCodeDecoder = new ScanCodeDecoder();
  private readonly down: Uint8Array = new Uint8Array(KEYS);
  private locks = 0;
  /** The power key has been pressed; who acts on it clears it. */
  powerPressed = false;
  private mapName: string = usKeyMap.name;
  private readonly node: InputNode;

  constructor(node: InputNode) {
    this.node = node;
  }

  /** Chooses a key map by name ('us', 'de'); false if there is none. */
  useKeyMap(name: string): boolean {
    if (!keyMaps.some((map) => map.name === name)) return false;
    this.mapName = name;
    return true;
  }

  receive(byte: number): void {
    if (!this.decoder.decode(byte)) return;
    const { keyCode, pressed } = this.decoder;
    const held = this.down[keyCode] !== 0;
    // A release of a key that is not held (pressed before we listened) is no event.
    if (!pressed && !held) return;
    this.down[keyCode] = pressed ? 1 : 0;
    if (keyCode === KEY_POWER) {
      this.powerPressed ||= pressed && !held;
      return;
    }
    if (pressed && !held && keyCode === KEY_CAPS_LOCK) this.locks ^= KeyModifier.capsLock;
    if (pressed && !held && keyCode === KEY_NUM_LOCK) this.locks ^= KeyModifier.numLock;
    const modifiers = this.modifiers();
    const map = keyMaps.find((candidate) => candidate.name === this.mapName) ?? usKeyMap;
    const character = characterOf(
      map,
      keyCode,
      (modifiers & KeyModifier.shift) !== 0,
      (modifiers & KeyModifier.altGr) !== 0,
      (modifiers & KeyModifier.capsLock) !== 0,
      (modifiers & KeyModifier.numLock) !== 0,
    );
    const action = !pressed ? KeyAction.release : held ? KeyAction.repeat : KeyAction.press;
    this.node.emit(InputKind.key, keyCode, action, ((modifiers << 24) | character) >>> 0);
  }

  private modifiers(): number {
    let bits = this.locks;
    for (const [key, bit] of modifierKeys) if (this.down[key] !== 0) bits |= bit;
    return bits;
  }
}
registerClass('drivers.Keyboard', 1, Keyboard);
