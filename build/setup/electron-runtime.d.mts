export function cacheFolder(): string;
export function resolveElectron(options?: { log?: (line: string) => void; installAllowed?: boolean }): Promise<string>;
