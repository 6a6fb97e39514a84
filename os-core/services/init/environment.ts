// The environment of the first program: each name once. Most programs look at the first entry of a name, shells at the last; with
// two they would not agree.

/** Of entries with the same name, the last one counts. */
export function withoutRepeats(environment: readonly string[]): string[] {
  const byName = new Map<string, string>();
  for (const entry of environment) byName.set(entry.split('=', 1)[0], entry);
  return [...byName.values()];
}
