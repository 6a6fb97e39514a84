// What goes through /dev/display (write) and from there through the display device's virtqueue.
//
// A message is a 16-byte header followed by its payload; all fields little endian:
//    0 u32 command   4 u32 surface   8 u32 argument0   12 u32 argument1
//
//   createSurface   argument0 = width | height << 16 (cells or pixels), argument1 = SurfaceKind. The kernel allocates the memory.
//   destroySurface
//   updateSurface   argument0 = x | y << 16, argument1 = width | height << 16; payload = rows tightly packed
//   scene           payload = UTF-8 JSON of Scene (os-core/abi/scene.ts), at most 64 KiB
//   cursor          argument0 = x | y << 16, argument1 = CursorShape
//   showScene       argument0 = 1: show the scene, 0: the boot framebuffer
//
// One write is one message. A read gives 8 bytes: u32 width, u32 height of the desktop in pixels. One opener at a time (EBUSY); when
// it closes, its surfaces go and the boot framebuffer is shown.
//
// A cell is 12 bytes: u32 code point (bits 0-20) and attributes (bits 24-31, CellAttribute), u32 foreground 0x00RRGGBB,
// u32 background 0x00RRGGBB. The right half of a wide character has code point 0.

export const DisplayCommand = {
  createSurface: 1,
  destroySurface: 2,
  updateSurface: 3,
  scene: 4,
  cursor: 5,
  showScene: 6,
} as const;
export const SurfaceKind = { cells: 0, pixels: 1 } as const;
export const CursorShape = { arrow: 0, text: 1, move: 2, hand: 3 } as const;
export const CellAttribute = {
  bold: 1,
  italic: 2,
  underline: 4,
  strike: 8,
  wide: 16,
  cursorBlock: 32,
  cursorBar: 64,
} as const;
export const DISPLAY_HEADER_BYTES = 16;
export const CELL_BYTES = 12;
export const MAX_SURFACES = 64;
export const MAX_SURFACE_CELLS = 512 * 256;
export const MAX_SCENE_BYTES = 64 * 1024;
