// What reads of /dev/input/keyboard and /dev/input/mouse give: whole records of 16 bytes, little endian.
//
//   keyboard   0 u32 kind = 1   4 u32 Linux key code (input-event-codes.h)   8 u32 KeyAction   12 u32 character (Unicode by the
//                               active key map and modifiers, 0 = none) | modifiers << 24 (bits of KeyModifier)
//   mouse      0 u32 kind = 2   4 u32 x   8 u32 y (absolute, clamped to the desktop)   12 u32 buttons (bits of MouseButton)
//   wheel      0 u32 kind = 4   4 i32 steps, down positive, since the record before (from the mouse)
//
// A reader that is too slow: movements are merged into the newest one with the same buttons, never into the one that tells where a
// button changed; when keys or clicks overflow the queue (INPUT_QUEUE_RECORDS), the queue is cut to one record of kind 3 (lost), and the
// reader must take all keys as released.

export const InputKind = { key: 1, pointer: 2, lost: 3, wheel: 4 } as const;
export const KeyAction = { release: 0, press: 1, repeat: 2 } as const;
export const KeyModifier = { shift: 1, control: 2, alt: 4, altGr: 8, capsLock: 16, numLock: 32, meta: 64 } as const;
export const MouseButton = { left: 1, right: 2, middle: 4 } as const;
export const INPUT_RECORD_BYTES = 16;
/** Records that wait for a reader: at least the burst of E7. */
export const INPUT_QUEUE_RECORDS = 1024;
