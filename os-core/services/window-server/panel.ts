// The panel's figures from the kernel's text files (proc(5)) and the heartbeat daemon.

import type { ScenePanel } from '../../abi/scene.ts';
import type { DesktopState } from './state.ts';

export const panelFiles = [
  '/proc/meminfo',
  '/proc/stat',
  '/proc/uptime',
  '/run/euromonitor',
  '/proc/net/euronet',
  '/proc/loadavg',
  '/proc/euroos/security',
] as const;

function kibibytes(text: string, name: string): number {
  const match = new RegExp(`^${name}:\\s+([0-9]+)`, 'm').exec(text);
  return match === null ? 0 : Number(match[1]);
}

/** `index` into panelFiles; an empty text when the file is not there. */
export function takePanelFile(desktop: DesktopState, index: number, text: string): void {
  const { panel } = desktop;
  switch (panelFiles[index]) {
    case '/proc/meminfo':
      panel.memoryTotalKibibytes = kibibytes(text, 'MemTotal');
      panel.memoryUsedKibibytes =
        panel.memoryTotalKibibytes - (kibibytes(text, 'MemAvailable') || kibibytes(text, 'MemFree'));
      return;
    case '/proc/stat': {
      // cpu user nice system idle iowait irq softirq steal, in ticks since power-on.
      const ticks = (/^cpu\s+([0-9 ]+)/.exec(text)?.[1] ?? '').trim().split(' ').map(Number);
      const total = ticks.slice(0, 8).reduce((sum, n) => sum + n, 0);
      const busy = total - (ticks[3] ?? 0) - (ticks[4] ?? 0);
      if (total > panel.totalTicks && panel.totalTicks > 0)
        panel.busyShare = Math.max(0, Math.min(1, (busy - panel.busyTicks) / (total - panel.totalTicks)));
      panel.busyTicks = busy;
      panel.totalTicks = total;
      return;
    }
    case '/proc/uptime':
      panel.uptimeSeconds = Math.floor(Number(text.split(' ')[0]) || 0);
      return;
    case '/run/euromonitor':
      panel.beat = /^[0-9]{1,15}/.exec(text)?.[0] ?? '';
      return;
    case '/proc/net/euronet':
      panel.network = /\b([0-9]{1,3}(?:\.[0-9]{1,3}){3})\b/.exec(text)?.[1] ?? '';
      return;
    case '/proc/loadavg':
      // "0.00 0.00 0.00 running/all last": the number of all.
      panel.processes = Number(/\/([0-9]+)/.exec(text)?.[1] ?? 0);
      return;
    case '/proc/euroos/security': {
      const count = (name: string): number => Number(new RegExp(`^${name}: ([0-9]+)$`, 'm').exec(text)?.[1] ?? -1);
      panel.security = {
        running: count('running'),
        unverified: count('unverified'),
        refused: count('refused'),
        denied: count('denied'),
      };
      return;
    }
    default:
  }
}

/** What the kernel's counts say to a person. Without them nothing is claimed. */
export function securityStatus({ security }: DesktopState['panel']): ScenePanel['status'] {
  const { running, unverified, refused, denied } = security;
  if (running < 0 || unverified < 0)
    return { tone: 'attention', title: 'State unknown', text: 'The kernel does not tell which programs are verified.' };
  if (unverified > 0)
    return {
      tone: 'compromised',
      title: 'Unverified code runs',
      text: `${unverified} of ${running} programs run without a verified signature.`,
    };
  const stopped =
    refused + denied === 0 ? 'Nothing refused or denied.' : `${refused} refused, ${denied} denied so far.`;
  return { tone: 'verified', title: 'Your device is safe', text: `${running} programs run, all verified. ${stopped}` };
}
