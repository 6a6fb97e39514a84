// The scene as it comes from the guest: checked here, whole, before a pixel of it is drawn. The shape is that of
// os-core/abi/scene.ts (protocol.test.ts holds the two types equal); this file adds the bounds.

import * as v from 'valibot';
import {
  MAX_COORDINATE,
  MAX_EXTENT_PIXELS,
  MAX_SCENE_BYTES,
  MAX_SCENE_PIXELS,
  MAX_SCENE_TEXT,
  MAX_SURFACES,
} from './limits.ts';

const coordinate = v.pipe(v.number(), v.integer(), v.minValue(-MAX_COORDINATE), v.maxValue(MAX_COORDINATE));
const extent = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(MAX_EXTENT_PIXELS));
const length = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAX_EXTENT_PIXELS));
const identifier = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffffffff));
const rgb = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffffff));
const text = v.pipe(v.string(), v.maxLength(MAX_SCENE_TEXT));

const window = v.strictObject({
  id: identifier,
  x: coordinate,
  y: coordinate,
  width: extent,
  height: extent,
  title: text,
  focused: v.boolean(),
  badges: v.pipe(
    v.array(v.picklist(['sandboxed', 'system', 'encrypted', 'network', 'verified'])),
    v.maxLength(5), // one of each kind
  ),
  surface: identifier,
  contentX: coordinate,
  contentY: coordinate,
  background: rgb,
});

const dock = v.strictObject({
  x: coordinate,
  y: coordinate,
  width: length,
  height: length,
  tiles: v.pipe(
    v.array(
      v.strictObject({
        icon: v.picklist(['terminal', 'files', 'inspector', 'monitor', 'security', 'settings']),
        label: text,
        running: v.boolean(),
        active: v.boolean(),
        x: coordinate,
        y: coordinate,
        size: v.pipe(extent, v.maxValue(256)),
      }),
    ),
    v.maxLength(32), // more than fit a 4K screen
  ),
});

const panel = v.strictObject({
  x: coordinate,
  y: coordinate,
  width: length,
  height: length,
  clock: text,
  date: text,
  status: v.strictObject({
    tone: v.picklist(['verified', 'attention', 'compromised']),
    title: text,
    text,
  }),
  cards: v.pipe(
    v.array(
      v.strictObject({
        rows: v.pipe(
          v.array(
            v.strictObject({
              label: text,
              value: text,
              bar: v.exactOptional(v.pipe(v.number(), v.finite(), v.minValue(0), v.maxValue(1))),
            }),
          ),
          v.maxLength(32),
        ),
      }),
    ),
    v.maxLength(32),
  ),
});

const area = (part: { readonly width: number; readonly height: number }) => part.width * part.height;

export const sceneSchema = v.pipe(
  v.strictObject({
    version: v.literal(1),
    width: extent,
    height: extent,
    windows: v.pipe(v.array(window), v.maxLength(MAX_SURFACES)),
    dock,
    panel,
  }),
  v.check((scene) => {
    // The screen and its wallpaper are two pictures of the desktop's size.
    const sides = 2 * area(scene) + area(scene.dock) + area(scene.panel);
    return scene.windows.reduce((sum, each) => sum + area(each), sides) <= MAX_SCENE_PIXELS;
  }, 'more pixels than the compositor keeps'),
);

export type Scene = v.InferOutput<typeof sceneSchema>;
export type SceneWindow = Scene['windows'][number];
export type SceneBadge = SceneWindow['badges'][number];
export type SceneDock = Scene['dock'];
export type SceneTile = SceneDock['tiles'][number];
export type ScenePanel = Scene['panel'];

/** Reads the guest's JSON. `problem` is one line for the log; the last good scene stays on screen. */
export function parseScene(json: Uint8Array): { readonly scene: Scene } | { readonly problem: string } {
  if (json.length > MAX_SCENE_BYTES) return { problem: `scene of ${json.length} bytes` };
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(json));
  } catch (error) {
    return { problem: `scene is no JSON: ${error instanceof Error ? error.message : String(error)}`.slice(0, 200) };
  }
  const result = v.safeParse(sceneSchema, value, { abortEarly: true });
  if (result.success) return { scene: result.output };
  const issue = result.issues[0];
  return { problem: `scene: ${v.getDotPath(issue) ?? '(root)'}: ${issue.message}`.slice(0, 200) };
}
