/** Registers the handlers of this file; called once by interpreter/all.ts. */
export function registerX87(): void {}
