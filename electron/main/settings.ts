// The user's settings: one JSON file in the configuration folder. A missing or broken file means the defaults; a broken one is named
// on the terminal and left alone.

import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as v from 'valibot';
import type { MachineSettings } from '../protocol/machine-messages.ts';

const settingsSchema = v.strictObject({
  memoryMegabytes: v.optional(v.pipe(v.number(), v.integer(), v.minValue(64), v.maxValue(3072)), 512),
  engine: v.optional(v.picklist(['jit', 'interpreter']), 'jit'),
  network: v.optional(v.pipe(v.string(), v.regex(/^(none|user|tap:[A-Za-z0-9_.-]{1,15})$/)), 'user'),
  serialLog: v.optional(v.boolean(), true),
  /** Changes to the disk are forgotten when the machine is switched off. */
  throwAwayDisk: v.optional(v.boolean(), false),
  /** Options for the kernel, such as `keymap=de`. */
  commandLine: v.optional(v.pipe(v.string(), v.regex(/^[\x20-\x7e]{0,200}$/)), ''),
});
export type Settings = v.InferOutput<typeof settingsSchema>;

export function readSettings(folder: string, log: (line: string) => void): Settings {
  const file = join(folder, 'settings.json');
  const defaults = v.parse(settingsSchema, {});
  if (!existsSync(file)) return defaults;
  try {
    return v.parse(settingsSchema, JSON.parse(readFileSync(file, 'utf8')));
  } catch (error) {
    log(`${file}: ${error instanceof Error ? error.message : String(error)}; using the defaults`);
    return defaults;
  }
}

/** @param systemFolder where the application keeps the system image. */
export function machineSettings(settings: Settings, userFolder: string, systemFolder: string): MachineSettings {
  const machineFolder = join(userFolder, 'machine');
  mkdirSync(machineFolder, { recursive: true });
  return {
    memoryBytes: settings.memoryMegabytes * 1024 * 1024,
    engine: settings.engine,
    systemImagePath: join(systemFolder, 'system.img'),
    diskPath: settings.throwAwayDisk ? null : join(machineFolder, 'disk.img'),
    variablesPath: join(machineFolder, 'firmware-variables'),
    serialLogPath: settings.serialLog ? join(machineFolder, 'serial.log') : null,
    network: settings.network,
    commandLine: settings.commandLine,
    framebufferWidth: 1440,
    framebufferHeight: 900,
    // Without a log of its events a desktop that people use cannot be repeated.
    seed: null,
  };
}
