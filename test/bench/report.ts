// The table of a comparison: for people on a terminal, as markdown in README.md, as JSON.
//
//   class   native   qemu-user   EuroOS with each engine   first / goal   EuroOS over qemu-user

import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { Comparison } from './comparison.ts';
import { root } from './measure.ts';

const NATIVE = 'native';
const QEMU = 'qemu-user';

/** Time over native; null if one of them was not measured. */
export function ratio({ measured }: Comparison, subject: string): number | null {
  const nanos = (name: string) => measured.find((one) => one.subject === name)?.nanosPerRound ?? Number.NaN;
  const value = nanos(subject) / nanos(NATIVE);
  return Number.isFinite(value) && value > 0 ? value : null;
}

const figure = (value: number | null): string => (value === null ? '–' : value.toPrecision(value < 100 ? 2 : 3));
const times = (value: number | null): string => (value === null ? '–' : `${figure(value)} x`);

function nanosText(nanos: number): string {
  if (!Number.isFinite(nanos)) return '–';
  const [divisor, unit] = nanos < 1000 ? [1, 'ns'] : nanos < 1e6 ? [1e3, 'µs'] : [1e6, 'ms'];
  return `${Number((nanos / divisor).toPrecision(3))} ${unit}`;
}

/** Over the classes that count; null unless all of them were measured. */
function geometricMean(comparisons: readonly Comparison[], value: (one: Comparison) => number | null): number | null {
  const values = comparisons.filter(({ workload }) => workload.inMean).map(value);
  if (values.length === 0 || values.includes(null)) return null;
  return Math.exp(values.reduce<number>((sum, one) => sum + Math.log(one!), 0) / values.length);
}

/** Heading and rows of the table, as text. */
export function tableOf(comparisons: readonly Comparison[]): string[][] {
  const names = comparisons[0].measured.map(({ subject }) => subject);
  const engines = names.filter((name) => name !== NATIVE && name !== QEMU);
  const hasGoals = comparisons.some(({ workload }) => workload.goal !== null);
  const fastest = engines[engines.length - 1];
  const lineOf = (title: string, native: string, value: (name: string) => number | null, goals: string): string[] => {
    const [ours, theirs] = [fastest === undefined ? null : value(fastest), value(QEMU)];
    const against = ours === null || theirs === null ? null : ours / theirs;
    const cells = [title, native, times(value(QEMU)), ...engines.map((engine) => times(value(engine)))];
    return [...cells, ...(hasGoals ? [goals] : []), figure(against)];
  };
  const rows = comparisons.map((one) => {
    const { workload, measured } = one;
    const goals = workload.goal === null ? '' : `${workload.first} / ${workload.goal}`;
    const native = nanosText(measured.find(({ subject }) => subject === NATIVE)?.nanosPerRound ?? Number.NaN);
    return lineOf(`${workload.title} (${workload.name})`, native, (name) => ratio(one, name), goals);
  });
  if (geometricMean(comparisons, () => 1) !== null) {
    const count = comparisons.filter(({ workload }) => workload.inMean).length;
    const goals = ['first', 'goal'].map((key) =>
      figure(geometricMean(comparisons, ({ workload }) => workload[key as 'first' | 'goal'])),
    );
    const mean = (name: string) => geometricMean(comparisons, (one) => ratio(one, name));
    rows.push(lineOf(`geometric mean of ${count}`, '', mean, hasGoals ? goals.join(' / ') : ''));
  }
  const heading = ['class', 'native, a round', QEMU, ...engines.map((engine) => `EuroOS, ${engine}`)];
  return [[...heading, ...(hasGoals ? ['first / goal'] : []), `${fastest ?? 'EuroOS'} / qemu`], ...rows];
}

export function textOf(table: readonly (readonly string[])[]): string {
  const widths = table[0].map((_, column) => Math.max(...table.map((cells) => cells[column].length)));
  const line = (cells: readonly string[]) =>
    cells.map((cell, n) => (n === 0 ? cell.padEnd(widths[n]) : cell.padStart(widths[n]))).join('  ');
  return table.map((cells) => line(cells).trimEnd()).join('\n');
}

export function markdownOf(table: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [
    line(table[0]),
    `|${table[0].map((_, n) => (n === 0 ? '---' : '---:')).join('|')}|`,
    ...table.slice(1).map(line),
  ].join('\n');
}

export function machineText(): string {
  const cores = os.cpus();
  const load = os.loadavg()[0].toFixed(2);
  return `${cores[0]?.model.trim() ?? 'unknown CPU'}, ${cores.length} cores, Node ${process.versions.node}, load average ${load}`;
}

/** Puts `text` between the markers `<!-- NAME -->` and `<!-- /NAME -->` of README.md. Throws if they are not there. */
export function writeIntoReadme(name: string, text: string): void {
  const file = path.join(root, 'README.md');
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const before = fs.readFileSync(file, 'utf8');
  const [from, to] = [before.indexOf(begin), before.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`README.md has no ${begin} … ${end}`);
  fs.writeFileSync(file, `${before.slice(0, from + begin.length)}\n${text}\n${before.slice(to)}`);
}
