export function buildScript(entry: string, outfile: string): Promise<void>;
export function buildApp(options?: {
  log?: (line: string) => void;
  outputFolder?: string;
  machine?: boolean;
}): Promise<void>;
