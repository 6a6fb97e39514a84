// The desktop on the screen. Takes batches of display commands, redraws what they changed, and says when a batch is visible.
//
//   batch ──► surfaces (texels) ──► window pictures ──► DamageList ──► next animation frame: screen ──► acknowledge
//
// It keeps no state of the system: surfaces, scene and cursor are what the machine sent last, and a batch with `reset` replaces
// them all. Three views: the scene, the boot framebuffer (also the panic screen), a notice while there is neither.

import type { Container } from 'pixi.js';
import type { DisplayBatch, DisplayCommand } from '../../electron/protocol/display-messages.ts';
import { MAX_SURFACES } from '../../electron/protocol/limits.ts';
import type { Scene } from '../../electron/protocol/scene-schema.ts';
import { CellSurface } from '../surfaces/cell-surface.ts';
import { PixelSurface } from '../surfaces/pixel-surface.ts';
import type { Surface } from '../surfaces/surface.ts';
import { CursorLayer } from './cursor-layer.ts';
import { type Notice, NoticeLayer } from './notice-layer.ts';
import type { Picture } from './picture.ts';
import { DamageList, type Rectangle } from './rectangle.ts';
import { WindowShadow } from './shadow.ts';
import { DockLayer, PanelLayer } from './side-layers.ts';
import type { Stage } from './stage.ts';
import { createWallpaper } from './wallpaper.ts';
import { WindowLayer } from './window-layer.ts';

export interface CompositorEvents {
  /** The screen's own size changed: the canvas has to be fitted into the window again. */
  resized(width: number, height: number): void;
  /** The batch with this number can be seen. */
  shown(sequence: number): void;
  /** Calls `frame` before the next repaint of the host's screen. */
  requestFrame(frame: () => void): void;
}

type View = 'scene' | 'framebuffer' | 'notice';
const DEFAULT_SIZE = { width: 1440, height: 900 } as const;

export class Compositor {
  /** Frames drawn so far, and the pixels in them: an idle desktop adds none. */
  readonly statistics = { frames: 0, pixels: 0 };
  private readonly stage: Stage;
  private readonly events: CompositorEvents;
  private readonly damage = new DamageList();
  private readonly surfaces = new Map<number, Surface>();
  private readonly windows = new Map<number, WindowLayer>();
  private order: WindowLayer[] = [];
  private readonly shadows: { focused: WindowShadow; resting: WindowShadow };
  private readonly dock = new DockLayer();
  private readonly panel = new PanelLayer();
  private readonly cursor: CursorLayer;
  private readonly noticeLayer = new NoticeLayer();
  private wallpaper: Picture | null = null;
  private framebuffer: PixelSurface | null = null;
  private pointer: { readonly x: number; readonly y: number; readonly shape: number } | null = null;
  private scene: Scene | null = null;
  private sceneWanted = false;
  private notice: Notice | null = null;
  private view: View = 'notice';
  private width = 0;
  private height = 0;
  private frameRequested = false;
  /** The batch whose acknowledgement is due with the next frame, 0 = none. */
  private owedSequence = 0;

  constructor(stage: Stage, events: CompositorEvents) {
    this.stage = stage;
    this.events = events;
    this.shadows = { focused: new WindowShadow(stage, true), resting: new WindowShadow(stage, false) };
    this.cursor = new CursorLayer(stage);
  }

  /** Size of what is shown, in desktop pixels. */
  get size(): { readonly width: number; readonly height: number } {
    return { width: this.width, height: this.height };
  }

  apply(batch: DisplayBatch): void {
    if (batch.reset) this.reset();
    for (const command of batch.commands) this.execute(command);
    // Only where the pointer ends up is ever drawn, however many places it passed.
    const pointer = this.pointer;
    if (pointer) this.addDamage(this.cursor.moveTo(pointer.x, pointer.y, pointer.shape));
    // The machine waits for the answer to its batch: an unnumbered one on its heels must not take it away.
    if (batch.sequence !== 0) this.owedSequence = batch.sequence;
    this.chooseView();
    this.requestFrame();
  }

  /** null: the guest's picture is good. */
  showNotice(notice: Notice | null): void {
    this.notice = notice;
    this.chooseView(true);
    this.requestFrame();
  }

  private reset(): void {
    for (const window of this.windows.values()) window.destroy();
    for (const surface of this.surfaces.values()) surface.destroy();
    this.windows.clear();
    this.surfaces.clear();
    this.order = [];
    this.scene = null;
    this.sceneWanted = false;
    this.framebuffer?.destroy();
    this.framebuffer = null;
    this.pointer = null;
    // Main answers itself for what came before a reset, and another machine counts from 1 again.
    this.owedSequence = 0;
    this.cursor.hide();
    this.damageAll();
  }

  private execute(command: DisplayCommand): void {
    switch (command.kind) {
      case 'framebuffer':
        this.updateFramebuffer(command);
        break;
      case 'showScene':
        this.sceneWanted = command.on;
        break;
      case 'surfaceCreated':
        this.createSurface(command);
        break;
      case 'surfaceDestroyed':
        this.surfaces.get(command.id)?.destroy();
        this.surfaces.delete(command.id);
        this.repaintWindowsOf(command.id);
        break;
      case 'surfaceDamaged':
        this.updateSurface(command);
        break;
      case 'scene':
        this.updateScene(command.scene);
        break;
      case 'cursor':
        this.pointer = command;
        break;
    }
  }

  private createSurface(command: Extract<DisplayCommand, { kind: 'surfaceCreated' }>): void {
    this.surfaces.get(command.id)?.destroy();
    this.surfaces.delete(command.id);
    if (this.surfaces.size >= MAX_SURFACES) return; // main has refused it already
    this.surfaces.set(
      command.id,
      command.surfaceKind === 'cells'
        ? new CellSurface(command.width, command.height, this.stage.glyphs.terminal)
        : new PixelSurface(command.width, command.height),
    );
    this.repaintWindowsOf(command.id);
  }

  private updateSurface(command: Extract<DisplayCommand, { kind: 'surfaceDamaged' }>): void {
    const surface = this.surfaces.get(command.id);
    const changed = surface?.update(command.x, command.y, command.width, command.height, command.data);
    if (!surface || !changed) return;
    for (const window of this.order) {
      if (window.surfaceId !== command.id) continue;
      const rectangle = window.surfaceChanged(this.stage, surface, changed);
      if (rectangle) this.addDamage([rectangle]);
    }
  }

  private repaintWindowsOf(surfaceId: number): void {
    for (const window of this.order) {
      if (window.surfaceId === surfaceId) {
        this.addDamage([window.repaint(this.stage, this.surfaces.get(surfaceId) ?? null)]);
      }
    }
  }

  private updateFramebuffer(command: Extract<DisplayCommand, { kind: 'framebuffer' }>): void {
    const { x, y, width, height, rgba } = command;
    let target = this.framebuffer;
    if (!target || x + width > target.pixelWidth || y + height > target.pixelHeight) {
      // The first rectangle after a reset is the whole framebuffer, so it says the size.
      target?.destroy();
      target = new PixelSurface(x + width, y + height);
      this.framebuffer = target;
      this.damageAll();
    }
    const changed = target.update(x, y, width, height, rgba);
    if (changed && this.view === 'framebuffer') this.addDamage([changed]);
  }

  private updateScene(scene: Scene): void {
    const before = this.scene;
    this.scene = scene;
    if (!this.wallpaper || this.wallpaper.width !== scene.width || this.wallpaper.height !== scene.height) {
      this.wallpaper?.destroy();
      this.wallpaper = createWallpaper(this.stage, scene.width, scene.height);
    }
    const present = new Set(scene.windows.map((window) => window.id));
    for (const [id, window] of this.windows) {
      if (present.has(id)) continue;
      this.addDamage([window.extent]);
      window.destroy();
      this.windows.delete(id);
    }
    const order: WindowLayer[] = [];
    for (const window of scene.windows) {
      let layer = this.windows.get(window.id);
      if (!layer) {
        layer = new WindowLayer(window);
        this.windows.set(window.id, layer);
      }
      this.addDamage(layer.update(this.stage, window, this.shadows, this.surfaces.get(window.surface) ?? null));
      if (!order.includes(layer)) order.push(layer);
    }
    // A window whose neighbours below changed looks different wherever it overlaps them; its own extent covers that.
    order.forEach((layer, index) => {
      if (this.order[index] !== layer) this.addDamage([layer.extent]);
    });
    this.order = order;
    this.addDamage(this.dock.update(this.stage, scene.dock));
    this.addDamage(this.panel.update(this.stage, scene.panel));
    if (!before) this.damageAll();
  }

  private chooseView(noticeChanged = false): void {
    let view: View = 'notice';
    if (!this.notice) {
      if (this.sceneWanted && this.scene) view = 'scene';
      else if (this.framebuffer) view = 'framebuffer';
    }
    let size: { readonly width: number; readonly height: number } = DEFAULT_SIZE;
    if (view === 'scene' && this.scene) size = this.scene;
    else if (view === 'framebuffer' && this.framebuffer) {
      size = { width: this.framebuffer.pixelWidth, height: this.framebuffer.pixelHeight };
    }
    const resized = size.width !== this.width || size.height !== this.height;
    if (resized) {
      this.width = size.width;
      this.height = size.height;
      this.stage.resize(size.width, size.height);
      this.events.resized(size.width, size.height);
    }
    if (view === 'notice' && (noticeChanged || resized || this.view !== 'notice')) {
      this.noticeLayer.show(this.stage, size.width, size.height, this.notice ?? { title: 'EuroOS', text: 'Starting…' });
      this.damageAll();
    }
    if (resized || view !== this.view) this.damageAll();
    this.view = view;
  }

  private addDamage(rectangles: readonly Rectangle[]): void {
    for (const rectangle of rectangles) this.damage.add(rectangle);
  }

  private damageAll(): void {
    this.damage.add({ x: 0, y: 0, width: Math.max(this.width, 1), height: Math.max(this.height, 1) });
  }

  private requestFrame(): void {
    if (this.frameRequested) return;
    this.frameRequested = true;
    this.events.requestFrame(() => {
      this.frameRequested = false;
      this.drawFrame();
    });
  }

  private drawFrame(): void {
    const screen = { x: 0, y: 0, width: this.width, height: this.height };
    const rectangles = this.damage.take(screen);
    for (const rectangle of rectangles) {
      this.stage.paintScreen(this.nodesFor(rectangle), rectangle);
      this.statistics.pixels += rectangle.width * rectangle.height;
    }
    if (rectangles.length > 0) this.statistics.frames++;
    const sequence = this.owedSequence;
    this.owedSequence = 0;
    if (sequence !== 0) this.events.shown(sequence);
  }

  /** Everything to draw inside `clip`, back to front, from the topmost window that hides what is below. */
  private nodesFor(clip: Rectangle): Container[] {
    if (this.view === 'notice') return this.noticeLayer.nodes;
    if (this.view === 'framebuffer') return this.framebuffer ? [this.framebuffer.mesh] : [];
    const nodes: Container[] = [];
    let first = this.order.length - 1;
    while (first >= 0 && !this.order[first].hides(clip)) first--;
    if (first < 0) {
      // Dock and panel belong to the desktop's ground: windows pass over them, as the window server's hit test says.
      if (this.wallpaper) nodes.push(this.wallpaper.mesh);
      nodes.push(...this.dock.nodes, ...this.panel.nodes);
      first = 0;
    }
    for (const window of this.order.slice(first)) nodes.push(...window.nodes);
    nodes.push(...this.cursor.nodes);
    return nodes;
  }
}
