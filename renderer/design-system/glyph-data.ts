// The prebuilt glyph images (build/glyphs/generate.mjs) and their layouts, as types.

import interfaceLayout from './glyphs/interface.json' with { type: 'json' };
import terminalLayout from './glyphs/terminal.json' with { type: 'json' };

/** [advance] for a blank, else [advance, x, y, width, height, offsetX, offsetY, phases]; phases lie side by side. */
export type GlyphEntry = readonly number[];

export interface InterfaceFont {
  readonly size: number;
  readonly ascent: number;
  readonly descent: number;
  /** Pairs of ASCII characters -> pixels. */
  readonly kerning: Readonly<Record<string, number>>;
  /** By decimal code point. */
  readonly glyphs: Readonly<Record<string, GlyphEntry>>;
}

export interface InterfaceShape {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly hotspot: readonly number[];
}

export interface InterfaceLayout {
  readonly width: number;
  readonly height: number;
  readonly phases: number;
  readonly fonts: Readonly<Record<string, InterfaceFont>>;
  readonly shapes: Readonly<Record<string, InterfaceShape>>;
}

export interface TerminalFace {
  readonly firstSlot: number;
  /** [first, last] pairs of ascending code points; slots count on through all of them. */
  readonly codes: readonly (readonly number[])[];
}

export interface TerminalLayout {
  readonly width: number;
  readonly height: number;
  readonly columns: number;
  readonly cellWidth: number;
  readonly cellHeight: number;
  readonly faces: {
    readonly regular: TerminalFace;
    readonly bold: TerminalFace;
    readonly italic: TerminalFace;
    readonly boldItalic: TerminalFace;
  };
}

export const interfaceGlyphs = interfaceLayout as unknown as InterfaceLayout;
export const terminalGlyphs = terminalLayout as TerminalLayout;

export type FontName =
  | 'light44'
  | 'semibold20'
  | 'regular13'
  | 'semibold13'
  | 'bold13'
  | 'regular12'
  | 'semibold12'
  | 'regular11'
  | 'semibold11'
  | 'regular10';
