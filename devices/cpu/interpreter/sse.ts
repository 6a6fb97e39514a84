/** Registers the handlers of this file; called once by interpreter/all.ts. */
export function registerSse(): void {}
