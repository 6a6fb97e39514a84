// The command line of `euroos run`: every option is known and checked here, or refused with one line that says what to do.

import path from 'node:path';
import { parseArgs } from 'node:util';
import { type TraceCategory, traceCategories } from '../../devices/contract/trace.ts';
import { capabilityNames } from '../../os-core/abi/capability.ts';

export type NetworkOption =
  | { readonly kind: 'none' }
  | { readonly kind: 'user' }
  | { readonly kind: 'tap'; readonly name: string };

export interface RunOptions {
  /** argv for the guest, passed verbatim; empty = interactive shell. */
  readonly command: readonly string[];
  readonly disk: string | null;
  readonly additions: readonly { readonly host: string; readonly guest: string }[];
  readonly memoryBytes: number;
  readonly network: NetworkOption;
  readonly waitForNetwork: boolean;
  readonly pcap: string | null;
  readonly engine: 'interpreter' | 'jit';
  readonly serial: string | null;
  readonly verbose: boolean;
  readonly environment: readonly string[];
  readonly workingDirectory: string | null;
  readonly user: string;
  readonly capabilities: number;
  readonly seed: number | null;
  readonly timeLimitSeconds: number | null;
  readonly stats: string | null;
  /** What is watched; empty = nothing. */
  readonly trace: readonly TraceCategory[];
  /** null = stderr. */
  readonly traceFile: string | null;
}

/** Bad usage: `message` is one line for people. */
export class UsageError extends Error {}

export const runHelp = `usage: euroos run [options] [-- COMMAND [ARG…]]

Boots EuroOS headless. Without COMMAND: the EuroOS shell on stdin and stdout. With COMMAND: runs it and exits with its status.

  --disk FILE         use FILE as the system disk and keep the changes (default: changes are thrown away)
  --add HOST:GUEST    copy a host file, or the contents of a folder, into the system; programs are signed with your key
  --memory SIZE       guest memory, for example 512M or 1G (default 512M)
  --net none|user|tap:NAME   network (default user)
  --wait-net          start COMMAND only when the network has an address
  --pcap FILE         record all frames
  --engine jit|interpreter   how programs run: compiled to WebAssembly, or interpreted (default jit)
  --serial FILE       write the serial log to FILE; --verbose shows it on stderr
  --env K=V           set a variable in COMMAND's environment
  --cwd GUESTDIR      start COMMAND there (default: the home folder)
  --user NAME         run as user (default) or root
  --caps LIST         rights: console,file,process,network[,exec-local,exec-jit] (default: the first four)
  --seed N            deterministic run: the same seed gives the same run
  --time-limit SECONDS       end with status 124 after this wall-clock time
  --stats FILE        write figures of the run to FILE as JSON
  --trace LIST        tell on stderr, or in --trace-file FILE, what the CPU does; LIST is of names and patterns, for example cpu.region,cpu.ex*
${Object.entries(traceCategories)
  .map(([name, what]) => `                        ${name.padEnd(16)} ${what}\n`)
  .join(
    '',
  )}                      A line begins with the count of instructions and the pid. cpu.instruction interprets the whole run.
  --help

Exit status: the program's; 128+signal; 127 not found; 126 refused; 125 EuroOS could not run it; 124 time limit.
`;

const units: Readonly<Record<string, number>> = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 };
const MINIMUM_MEMORY = 64 * 1024 ** 2;
const MAXIMUM_MEMORY = 3 * 1024 ** 3;

function parseSize(text: string): number {
  const match = /^(\d{1,10})([KMG]?)(?:i?B)?$/i.exec(text);
  if (match === null) throw new UsageError(`--memory ${text}: give a size such as 512M or 1G`);
  const bytes = Number(match[1]) * units[match[2].toUpperCase()];
  if (bytes < MINIMUM_MEMORY || bytes > MAXIMUM_MEMORY)
    throw new UsageError(`--memory ${text}: must be between 64M and 3G`);
  return Math.ceil(bytes / 2 ** 20) * 2 ** 20;
}

function parseNetwork(text: string): NetworkOption {
  if (text === 'none' || text === 'user') return { kind: text };
  const name = /^tap:([^\s/:]{1,15})$/.exec(text)?.[1];
  if (name === undefined)
    throw new UsageError(`--net ${text}: must be none, user or tap:NAME (a name of at most 15 characters)`);
  return { kind: 'tap', name };
}

function parseCapabilities(text: string): number {
  let set = 0;
  for (const name of text.split(',').filter((part) => part !== '')) {
    if (!Object.hasOwn(capabilityNames, name))
      throw new UsageError(`--caps: ${name} is unknown; known are ${Object.keys(capabilityNames).join(', ')}`);
    set |= capabilityNames[name];
  }
  return set;
}

function parseWholeNumber(option: string, text: string, minimum: number, maximum: number): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value < minimum || value > maximum)
    throw new UsageError(`${option} ${text}: must be a whole number from ${minimum} to ${maximum}`);
  return value;
}

function parseAddition(text: string): { host: string; guest: string } {
  const colon = text.lastIndexOf(':');
  const guest = text.slice(colon + 1);
  if (colon <= 0 || !guest.startsWith('/'))
    throw new UsageError(`--add ${text}: must be HOST:GUEST with an absolute guest path`);
  return { host: path.resolve(text.slice(0, colon)), guest: path.posix.normalize(guest) };
}

function parseEnvironment(text: string): string {
  if (!/^[A-Za-z_][A-Za-z0-9_]*=/.test(text) || text.includes('\0'))
    throw new UsageError(`--env ${text}: must be NAME=VALUE`);
  return text;
}

/** Names and patterns with * to categories. */
function parseTrace(text: string): TraceCategory[] {
  const known = Object.keys(traceCategories) as TraceCategory[];
  const chosen = new Set<TraceCategory>();
  for (const part of text.split(',')) {
    const pattern = part.split('*').map((piece) => piece.replace(/[^a-z]/g, '\\$&'));
    const matching = /^[a-z.*]+$/.test(part)
      ? known.filter((name) => new RegExp(`^${pattern.join('.*')}$`).test(name))
      : [];
    if (matching.length === 0)
      throw new UsageError(
        `--trace: there is no ${part === '' ? 'empty name' : part}; known are ${known.join(', ')}, and patterns such as cpu.*`,
      );
    for (const name of matching) chosen.add(name);
  }
  return known.filter((name) => chosen.has(name));
}

/** Reads the arguments after `euroos run`. Returns null for --help. Throws UsageError. */
export function parseRunOptions(args: readonly string[]): RunOptions | null {
  const dashes = args.indexOf('--');
  const command = dashes < 0 ? [] : args.slice(dashes + 1);
  let values: ReturnType<typeof parseValues>;
  try {
    values = parseValues(dashes < 0 ? args : args.slice(0, dashes));
  } catch (error) {
    const [line] = String((error as Error).message).split('. To specify');
    throw new UsageError(`${line.replace(/\n.*/s, '')}; see euroos run --help`);
  }
  if (values.help === true) return null;
  const network = parseNetwork(values.net ?? 'user');
  const engine = values.engine ?? 'jit';
  if (engine !== 'jit' && engine !== 'interpreter')
    throw new UsageError(`--engine ${engine}: must be jit or interpreter`);
  if (values.seed !== undefined && network.kind === 'tap')
    throw new UsageError('--seed with --net tap: a live network cannot be repeated; use --net none or user');
  const user = values.user ?? 'user';
  if (user !== 'user' && user !== 'root')
    throw new UsageError(`--user ${user}: there is no such user; known are user, root`);
  if (values['trace-file'] !== undefined && values.trace === undefined)
    throw new UsageError('--trace-file: needs --trace LIST');
  const workingDirectory = values.cwd ?? null;
  if (workingDirectory !== null && !workingDirectory.startsWith('/'))
    throw new UsageError(`--cwd ${workingDirectory}: must be an absolute guest path`);
  return {
    command,
    disk: values.disk === undefined ? null : path.resolve(values.disk),
    additions: (values.add ?? []).map(parseAddition),
    memoryBytes: parseSize(values.memory ?? '512M'),
    network,
    waitForNetwork: values['wait-net'] === true,
    pcap: values.pcap === undefined ? null : path.resolve(values.pcap),
    engine,
    serial: values.serial === undefined ? null : path.resolve(values.serial),
    verbose: values.verbose === true,
    environment: (values.env ?? []).map(parseEnvironment),
    workingDirectory,
    user,
    capabilities: parseCapabilities(values.caps ?? 'console,file,process,network'),
    seed: values.seed === undefined ? null : parseWholeNumber('--seed', values.seed, 0, 2 ** 32 - 1),
    timeLimitSeconds:
      values['time-limit'] === undefined ? null : parseWholeNumber('--time-limit', values['time-limit'], 1, 1_000_000),
    stats: values.stats === undefined ? null : path.resolve(values.stats),
    trace: values.trace === undefined ? [] : parseTrace(values.trace),
    traceFile: values['trace-file'] === undefined ? null : path.resolve(values['trace-file']),
  };
}

function parseValues(args: readonly string[]) {
  return parseArgs({
    args: [...args],
    allowPositionals: false,
    strict: true,
    options: {
      disk: { type: 'string' },
      add: { type: 'string', multiple: true },
      memory: { type: 'string' },
      net: { type: 'string' },
      'wait-net': { type: 'boolean' },
      pcap: { type: 'string' },
      engine: { type: 'string' },
      serial: { type: 'string' },
      verbose: { type: 'boolean' },
      env: { type: 'string', multiple: true },
      cwd: { type: 'string' },
      user: { type: 'string' },
      caps: { type: 'string' },
      seed: { type: 'string' },
      'time-limit': { type: 'string' },
      stats: { type: 'string' },
      trace: { type: 'string' },
      'trace-file': { type: 'string' },
      help: { type: 'boolean' },
    },
  }).values;
}
