// Constant objects to which kernel state refers by identity. Snapshots write them by name, so that a restored kernel refers to the very
// same objects as a fresh one (else equal states would have unequal bytes).

const constants = new Map<string, object>();

/** Names a module's constant object; gives it back. */
export function sharedConstant<T extends object>(name: string, value: T): T {
  if (constants.has(name)) throw new Error(`shared constant ${name} is named twice`);
  constants.set(name, value);
  return value;
}

export const sharedConstants: ReadonlyMap<string, object> = constants;
