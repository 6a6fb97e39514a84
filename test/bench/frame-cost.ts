// What a frame costs: CPU milliseconds of the GPU process for ten windows with 80 x 25 text on a software renderer.
//
//   node build/run-ts.mjs test/bench/frame-cost.ts [frames]
//
// "one terminal changes" is the everyday case (damage redraw); "a window is dragged" and "everything" show the others.

import { readFileSync } from 'node:fs';
import type { RawDisplayCommand } from '../../electron/protocol/display-messages.ts';
import type { Scene } from '../../electron/protocol/scene-schema.ts';
import { Desktop } from '../app/desktop.ts';
import { cellCommands, cellsOf, desktopScene, sceneCommand, withWindow } from '../app/scenes.ts';

const frames = Number(process.argv[2] ?? 60);
const COLUMNS = 80;
const ROWS = 25;
const WINDOWS = 10;

const scene: Scene = {
  ...desktopScene,
  windows: Array.from({ length: WINDOWS }, (_, index) => ({
    ...desktopScene.windows[1],
    id: index + 1,
    surface: index + 1,
    x: 90 + index * 42,
    y: 20 + index * 30,
    width: 680,
    height: 564,
    focused: index === WINDOWS - 1,
  })),
};

function text(step: number): Uint8Array {
  const line = Array.from({ length: COLUMNS }, (_, column) => String.fromCharCode(33 + ((column * 7 + step) % 94)));
  return cellsOf(COLUMNS, ROWS, Array(ROWS).fill([line.join('')]));
}

function change(step: number, id: number): RawDisplayCommand {
  return { kind: 'surfaceDamaged', id, x: 0, y: 0, width: COLUMNS, height: ROWS, data: text(step) };
}

/** User and system time of a process in milliseconds (proc_pid_stat(5), fields 14 and 15, 100 ticks a second). */
function cpuMillis(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

const desktop = await Desktop.start();
try {
  await desktop.play([
    ...scene.windows.flatMap((window) => cellCommands(window.surface, COLUMNS, ROWS, [])),
    sceneCommand(scene),
    { kind: 'showScene', on: true },
  ]);
  const processes = await desktop.app.evaluate(({ app }) =>
    app.getAppMetrics().map(({ type, pid }) => ({ type, pid })),
  );
  const pids = new Map(processes.map(({ type, pid }) => [type as string, pid]));
  const gpu = pids.get('GPU')!;
  const page = pids.get('Tab')!;
  const cases: readonly [string, (step: number) => RawDisplayCommand[]][] = [
    ['idle (a batch without change)', () => []],
    ['the cursor moves', (step) => [{ kind: 'cursor', x: 100 + step * 5, y: 300, shape: 0 }]],
    ['one terminal changes', (step) => [change(step, WINDOWS)]],
    ['ten terminals change', (step) => scene.windows.map((window) => change(step, window.surface))],
    ['a window is dragged', (step) => [sceneCommand(withWindow(scene, WINDOWS, { x: 300 + step * 3 }))]],
  ];
  for (const [name, commands] of cases) {
    await desktop.play(commands(0));
    const [gpuBefore, pageBefore] = [cpuMillis(gpu), cpuMillis(page)];
    for (let step = 1; step <= frames; step++) await desktop.play(commands(step));
    const perFrame = (before: number, pid: number) => ((cpuMillis(pid) - before) / frames).toFixed(1).padStart(6);
    console.log(
      `${name.padEnd(32)} GPU process ${perFrame(gpuBefore, gpu)} ms   page ${perFrame(pageBefore, page)} ms`,
    );
  }
} finally {
  await desktop.close();
}
