// Signal names without SIG, by number and back.

import { Signal } from './constants.ts';

export const signalNames: readonly string[] = (() => {
  const names: string[] = [];
  for (const [name, number] of Object.entries(Signal)) names[number] = name;
  return names;
})();

/** Number of "INT", "SIGINT" or "2"; null when there is no such signal. 0 is allowed (a test for existence). */
export function signalByName(name: string): number | null {
  if (/^[0-9]+$/.test(name)) return Number(name) <= 64 ? Number(name) : null;
  const plain = name.toUpperCase().replace(/^SIG/, '');
  return (Signal as Readonly<Record<string, number>>)[plain] ?? null;
}
