// The command `euroos`.

import { ExitStatus, runHeadless } from './run.ts';
import { parseRunOptions, runHelp, UsageError } from './run-options.ts';

const help = `usage: euroos                        start the desktop app
       euroos run [options] [-- COMMAND [ARG…]]   run headless; see euroos run --help
       euroos --version | --help
`;

/** Runs one command line; resolves with the exit status. `startDesktop` opens the window. */
export async function main(
  args: readonly string[],
  host: { readonly folder: string; readonly version: string; readonly startDesktop: () => Promise<number> },
): Promise<number> {
  const [command, ...rest] = args;
  try {
    switch (command) {
      case undefined:
        return await host.startDesktop();
      case 'run': {
        const options = parseRunOptions(rest);
        if (options !== null) return await runHeadless(options, host.folder);
        process.stdout.write(runHelp);
        return 0;
      }
      case '--version':
        process.stdout.write(`EuroOS Workstation ${host.version}\n`);
        return 0;
      case '--help':
      case 'help':
        process.stdout.write(help);
        return 0;
      default:
        throw new UsageError(`${command}: no such command; known are: run. See euroos --help`);
    }
  } catch (error) {
    process.stderr.write(`euroos: ${(error as Error).message}\n`);
    return ExitStatus.failed;
  }
}
