// Bounds of everything that crosses between machine worker, main process and renderer. The numbers of the display ABI
// (os-core/abi/display.ts) are restated here because this folder imports nothing; protocol.test.ts holds them equal.

export const CELL_BYTES = 12;
export const MAX_SURFACES = 64;
export const MAX_SURFACE_CELLS = 512 * 256;
export const MAX_SCENE_BYTES = 64 * 1024;
/** Longest side of a surface, a window or the desktop in pixels: what WebGL 2 guarantees for a texture is 2048, all drivers in use give 8192. */
export const MAX_EXTENT_PIXELS = 8192;
/** One pixel surface: a 4K screen. */
export const MAX_SURFACE_PIXELS = 3840 * 2160;
/** All surfaces of a machine together, in bytes of content. */
export const MAX_TOTAL_SURFACE_BYTES = 256 * 1024 * 1024;
export const MAX_FRAMEBUFFER_WIDTH = 3840;
export const MAX_FRAMEBUFFER_HEIGHT = 2160;
/** Pictures that one scene makes the compositor keep (desktop, windows, dock, panel): 256 MB of them. */
export const MAX_SCENE_PIXELS = 64 * 1024 * 1024;
/** Commands in one batch from the machine; the display device coalesces damage, so real batches are far smaller. */
export const MAX_BATCH_COMMANDS = 4096;
export const MAX_SCENE_TEXT = 256;
export const MAX_COORDINATE = 32767;
/** What one paste or copy may carry, in bytes of UTF-8. */
export const MAX_CLIPBOARD_BYTES = 60 * 1024;
/** Explanation beside a machine status. */
export const MAX_STATUS_TEXT = 4096;
/** Longest message in the input ring: a paste. */
export const MAX_RING_MESSAGE_BYTES = 64 * 1024;
export const INPUT_RING_BYTES = 256 * 1024;
