// EuroDesign System (EDS): every colour, radius and distance that the desktop uses. Unit: 4 px.

/** 0xRRGGBB. */
export const colour = {
  paper: 0xf4f1eb,
  surface: 0xffffff,
  card: 0xfbf9f5,
  line: 0xe7e1d6,
  ink: 0x24303b,
  softInk: 0x5c6672,
  accent: 0x2d6be0,
  deepAccent: 0x1e4fb0,
  gold: 0xe2a33a,
  terminal: 0x1b232c,
  terminalInk: 0xd9dee5,
  wallpaperCool: 0xe6ebf4,
  wallpaperMiddle: 0xf1ede6,
  wallpaperWarm: 0xf6e9d6,
  closeDot: 0xec6a5e,
  minimiseDot: 0xf4bf50,
  zoomDot: 0x61c554,
  panic: 0xb3261e,
  panicInk: 0xffffff,
} as const;

/** Used for security statements only. */
export const securityColour = {
  verified: 0x2e9e5b,
  protected: 0x2d6be0,
  attention: 0xd9982b,
  compromised: 0xd6453d,
  unknown: 0x8e96a1,
  verifiedTint: 0xe4f4ea,
  verifiedInk: 0x1f7a45,
  protectedTint: 0xe3ecfc,
  protectedInk: 0x1e4fb0,
  attentionTint: 0xfaf0dd,
  attentionInk: 0x8a5a0a,
  compromisedTint: 0xfbe6e4,
  compromisedInk: 0xa3241c,
} as const;

export const radius = { small: 8, medium: 12, window: 20, large: 28 } as const;
export const space = [0, 4, 8, 12, 16, 24, 32, 48, 64, 96] as const;
export const motionMillis = { fast: 100, normal: 200, slow: 300 } as const;
export const titleBarHeight = 44;
export const titleDot = { diameter: 13, gap: 8, left: 14 } as const;
/** The 16 colours of programs in a terminal: black, red, green, yellow, blue, magenta, cyan, white, then the bright ones. */
export const terminalPalette: readonly number[] = [
  0x24303b, 0xe06c65, 0x7fd1a0, 0xe2b565, 0x7fa8f5, 0xc792ea, 0x6fc7d6, 0xd9dee5, 0x5c6672, 0xec8a84, 0x9ee3b8,
  0xf0cd88, 0xa3c1fa, 0xdab4f2, 0x95dbe6, 0xffffff,
];
export const terminalCell = { width: 8, height: 20 } as const;
export const snapZone = 18;
