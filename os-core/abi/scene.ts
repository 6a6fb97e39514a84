// The scene: everything that the compositor shows, back to front. Sent whole; the renderer keeps nothing else.
// Coordinates in desktop pixels, origin top left. Texts are UTF-8, at most 256 characters.

export interface Scene {
  readonly version: 1;
  readonly width: number;
  readonly height: number;
  /** Back to front; the last one is on top. */
  readonly windows: readonly SceneWindow[];
  readonly dock: SceneDock;
  readonly panel: ScenePanel;
}

export interface SceneWindow {
  readonly id: number;
  /** Outer rectangle, title bar included. */
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly title: string;
  readonly focused: boolean;
  readonly badges: readonly SceneBadge[];
  /** The surface shown below the title bar, at (x + contentX, y + contentY). */
  readonly surface: number;
  readonly contentX: number;
  readonly contentY: number;
  /** Fill behind the surface, 0xRRGGBB. */
  readonly background: number;
}

export type SceneBadge = 'sandboxed' | 'system' | 'encrypted' | 'network' | 'verified';

export interface SceneDock {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly tiles: readonly {
    readonly icon: 'terminal' | 'files' | 'inspector' | 'monitor' | 'security' | 'settings';
    readonly label: string;
    readonly running: boolean;
    readonly active: boolean;
    readonly x: number;
    readonly y: number;
    readonly size: number;
  }[];
}

export interface ScenePanel {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
  readonly clock: string;
  readonly date: string;
  readonly status: {
    readonly tone: 'verified' | 'attention' | 'compromised';
    readonly title: string;
    readonly text: string;
  };
  readonly cards: readonly {
    readonly rows: readonly {
      readonly label: string;
      readonly value: string /** 0..1 draws a bar under the row. */;
      readonly bar?: number;
    }[];
  }[];
}
