// mem, uptime, net, why: what the kernel tells in /proc, for people.

import { Errno } from '../../abi/errno.ts';
import { type Next, pop, push, writeText } from '../frames/helpers.ts';
import type { FrameOf } from '../frames.ts';
import type { ShellState } from '../state.ts';

function fileFrame(path: string): FrameOf<'readFile'> {
  return { kind: 'readFile', at: 0, path, descriptor: -1, chunks: [], bytes: 0 };
}

const reports = {
  mem: { path: '/proc/meminfo', show: showMemory, missing: 'mem: /proc/meminfo cannot be read' },
  uptime: { path: '/proc/uptime', show: showUptime, missing: 'uptime: /proc/uptime cannot be read' },
  net: {
    path: '/proc/net/euronet',
    show: showNetwork,
    missing: 'net: no network: this machine has no interface, or EuroNet is not running',
  },
  why: {
    path: '/proc/self/why',
    show: (text: string) => (text === '' ? 'nothing was refused' : text),
    missing: 'why: nothing was refused',
  },
} as const;

export function runReport(shell: ShellState, frame: FrameOf<'report'>): Next {
  const report = reports[frame.topic];
  if (frame.at === 0) {
    frame.at = 1;
    return push(shell, fileFrame(report.path));
  }
  pop(shell);
  if (shell.value < 0) {
    shell.status = 1;
    const reason = shell.value === -Errno.EPERM ? `${frame.topic}: Operation not permitted` : report.missing;
    return writeText(shell, 2, `eurosh: ${reason}\n`);
  }
  shell.status = 0;
  const shown = report.show(shell.text);
  return writeText(shell, 1, shown === '' || shown.endsWith('\n') ? shown : `${shown}\n`);
}

/** Kibibytes of a line `Name:   123 kB` of /proc/meminfo. */
export function memoryField(text: string, name: string): number {
  const match = new RegExp(`^${name}:\\s+([0-9]+)`, 'm').exec(text);
  return match === null ? 0 : Number(match[1]);
}

export function showMemory(text: string): string {
  const total = memoryField(text, 'MemTotal');
  const available = memoryField(text, 'MemAvailable') || memoryField(text, 'MemFree');
  const line = (name: string, kibibytes: number): string =>
    `${name.padEnd(10)}${(kibibytes / 1024).toFixed(1).padStart(9)} MB\n`;
  return line('total', total) + line('used', total - available) + line('available', available);
}

export function showUptime(text: string): string {
  const seconds = Math.floor(Number(text.split(' ')[0]) || 0);
  const two = (value: number): string => String(value).padStart(2, '0');
  const days = Math.floor(seconds / 86400);
  const clock = `${two(Math.floor(seconds / 3600) % 24)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return `up ${days > 0 ? `${days} day${days > 1 ? 's' : ''}, ` : ''}${clock}\n`;
}

const duration = (seconds: number): string => {
  const [days, hours, minutes] = [
    Math.floor(seconds / 86400),
    Math.floor(seconds / 3600) % 24,
    Math.floor(seconds / 60) % 60,
  ];
  if (days > 0) return `${days} d ${hours} h`;
  if (hours > 0) return `${hours} h ${minutes} min`;
  return minutes > 0 ? `${minutes} min` : `${seconds} s`;
};

/** What DHCP is doing, by its state (RFC 2131 figure 5). */
const dhcpText: Readonly<Record<string, string>> = {
  off: 'set by hand',
  init: 'no lease yet: asking for one',
  selecting: 'no lease yet: looking for a DHCP server',
  requesting: 'no lease yet: asking for one',
  probing: 'no lease yet: checking that the address is free',
  bound: 'by DHCP',
  renewing: 'by DHCP, being renewed',
  rebinding: 'by DHCP, its server does not answer',
};

/** /proc/net/euronet: lines of a name and words, as the stack's `describe` writes them. */
export function showNetwork(text: string): string {
  const words = text.split('\n').map((line) => line.split(' '));
  const find = (name: string): readonly string[] => words.find(([first]) => first === name) ?? [];
  const rows: [string, string][] = [];
  const [, name, kind, mac, , mtu] = find('interface');
  if (name === undefined) return text;
  rows.push([name, `${kind}, ${mac}, MTU ${mtu}`]);
  const state = dhcpText[find('dhcp')[1]] ?? find('dhcp')[1];
  const lease = Number(find('lease')[1]);
  const left = Number.isFinite(lease) ? `, ${duration(lease)} left` : '';
  const address = find('address')[1];
  rows.push(['address', address === undefined ? `none (${state})` : `${address} (${state}${left})`]);
  for (const title of ['router', 'dns'])
    for (const [first, value] of words) if (first === title) rows.push([title, value]);
  const [, framesIn, , framesOut] = find('frames');
  const [, bytesIn, , bytesOut] = find('bytes');
  rows.push(['received', `${framesIn} frames, ${bytesIn} bytes`], ['sent', `${framesOut} frames, ${bytesOut} bytes`]);
  const [, malformed, , checksum, , dropped] = find('errors');
  if ([malformed, checksum, dropped].some((count) => count !== '0'))
    rows.push(['errors', `${malformed} malformed, ${checksum} with a wrong checksum, ${dropped} dropped`]);
  for (const [first, value, at] of words) if (first === 'neighbour') rows.push(['neighbour', `${value} is at ${at}`]);
  return rows.map(([title, value]) => `${title.padEnd(10)}${value}\n`).join('');
}
