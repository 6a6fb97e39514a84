// For tests only: a world just big enough for the shell to live in without the kernel. Files are those of the host, pipes and
// processes are records here, and execve runs the host's program to its end. So a script can be compared with the host's dash.

import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { SystemCall } from '../../os-core/abi/system-call-numbers.ts';
import { byteString } from '../../os-core/sdk/bytes.ts';
import type { TaskEvent, TaskRequest } from '../../os-core/sdk/system-task.ts';
import { shellTask } from '../../os-core/shell/index.ts';
import type { ShellState } from '../../os-core/shell/state.ts';

interface Pipe {
  chunks: Buffer[];
  readers: number;
  writers: number;
}
type Description =
  | {
      kind: 'file';
      host: number;
      references: number;
      path: string;
      entries: string[] | null;
      append: boolean;
      position: number;
    }
  | { kind: 'pipe'; pipe: Pipe; writing: boolean; references: number }
  | { kind: 'terminal'; references: number };

interface Process {
  id: number;
  parent: number;
  state: ShellState;
  request: TaskRequest | null;
  /** A host program in the making: its standard input so far. */
  program: { path: string; argv: string[]; environment: Record<string, string>; input: Buffer[] } | null;
  files: Map<number, Description>;
  directory: string;
  status: number | null;
}

const errno: Readonly<Record<string, number>> = {
  ENOENT: 2,
  EACCES: 13,
  EEXIST: 17,
  ENOTDIR: 20,
  EISDIR: 21,
  EBADF: 9,
  EPERM: 1,
};
const PENDING = Symbol('pending');

export class SmallWorld {
  private readonly processes = new Map<number, Process>();
  private nextId = 100;
  readonly output: Buffer[] = [];
  readonly errors: Buffer[] = [];
  /** Bytes typed at the terminal. */
  keys: number[] = [];
  private readonly root: Process;

  constructor(
    argv: readonly string[],
    environment: Readonly<Record<string, string>>,
    directory: string,
    input: string | null,
  ) {
    const stdout: Pipe = { chunks: this.output, readers: 1, writers: 1 };
    const stderr: Pipe = { chunks: this.errors, readers: 1, writers: 1 };
    const stdin: Pipe = { chunks: input === null ? [] : [Buffer.from(input)], readers: 1, writers: 0 };
    const terminal: Description = { kind: 'terminal', references: 3 };
    this.root = this.add(0, shellTask.create(), directory);
    this.root.files =
      input === null
        ? new Map([0, 1, 2].map((n) => [n, terminal]))
        : new Map<number, Description>([
            [0, { kind: 'pipe', pipe: stdin, writing: false, references: 1 }],
            [1, { kind: 'pipe', pipe: stdout, writing: true, references: 1 }],
            [2, { kind: 'pipe', pipe: stderr, writing: true, references: 1 }],
          ]);
    const list = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
    this.step(this.root, { kind: 'start', arguments: argv, environment: list });
  }

  private add(parent: number, state: ShellState, directory: string): Process {
    const process: Process = {
      id: this.nextId++,
      parent,
      state,
      request: null,
      program: null,
      files: new Map(),
      directory,
      status: null,
    };
    this.processes.set(process.id, process);
    return process;
  }

  private step(process: Process, event: TaskEvent): void {
    process.request = shellTask.step(process.state, event);
  }

  /** Runs until the first shell has ended, or everything waits. The exit status, or null. */
  run(maxCalls = 400_000): number | null {
    for (let calls = 0; calls < maxCalls; ) {
      let advanced = false;
      for (const process of [...this.processes.values()]) {
        if (process.status !== null) continue;
        const before = calls;
        for (let burst = 0; burst < 50 && process.status === null; burst++) {
          if (!this.advance(process)) break;
          calls++;
        }
        if (calls > before) advanced = true;
      }
      if (this.root.status !== null) return this.root.status;
      if (!advanced) return null;
    }
    throw new Error('the shell does not come to an end');
  }

  private advance(process: Process): boolean {
    if (process.program !== null) return this.advanceProgram(process);
    const request = process.request;
    if (request === null) return false;
    const answer = this.call(process, request);
    if (answer === PENDING) return false;
    if (process.status !== null || process.program !== null) return true;
    const [value, data] = answer;
    this.step(process, { kind: 'result', value, data: new Uint8Array(data ?? []) });
    return true;
  }

  private path(process: Process, request: TaskRequest): string {
    const bytes = Buffer.from(request.payload ?? []);
    const name = bytes.subarray(0, bytes.indexOf(0)).toString('utf8');
    return name.startsWith('/') ? name : name === '' ? '' : `${process.directory}/${name}`;
  }

  private attempt(action: () => [number, Uint8Array?]): [number, Uint8Array?] {
    try {
      return action();
    } catch (problem) {
      return [-(errno[(problem as NodeJS.ErrnoException).code ?? ''] ?? 5)];
    }
  }

  private drop(description: Description | undefined): void {
    if (description === undefined || --description.references > 0) return;
    if (description.kind === 'file' && description.host >= 0) fs.closeSync(description.host);
    if (description.kind === 'pipe') {
      if (description.writing) description.pipe.writers--;
      else description.pipe.readers--;
    }
  }
  private place(process: Process, description: Description, from = 0): number {
    let number = from;
    while (process.files.has(number)) number++;
    process.files.set(number, description);
    return number;
  }
  private end(process: Process, status: number): void {
    for (const description of process.files.values()) this.drop(description);
    process.files.clear();
    process.status = status;
  }

  private call(process: Process, request: TaskRequest): [number, Uint8Array?] | typeof PENDING {
    const a = request.arguments.map((value) => (typeof value === 'number' ? value : value.at));
    switch (request.call) {
      case SystemCall.getpid:
        return [process.id];
      case SystemCall.getppid:
        return [process.parent];
      case SystemCall.getcwd:
        return [process.directory.length + 1, Buffer.from(`${process.directory}\0`)];
      case SystemCall.chdir: {
        const path = fs.existsSync(this.path(process, request)) ? fs.realpathSync(this.path(process, request)) : '';
        if (path === '') return [-2];
        if (!fs.statSync(path).isDirectory()) return [-20];
        process.directory = path;
        return [0];
      }
      case SystemCall.rt_sigaction:
      case SystemCall.setpgid:
      case SystemCall.sched_yield:
        return [0];
      case SystemCall.ioctl:
        return this.ioctl(process, a);
      case SystemCall.fork: {
        const child = this.add(process.id, structuredClone(process.state), process.directory);
        for (const [number, description] of process.files) {
          description.references++;
          child.files.set(number, description);
        }
        this.step(child, { kind: 'result', value: 0, data: new Uint8Array(0) });
        return [child.id];
      }
      case SystemCall.wait4: {
        const child = this.processes.get(a[0]);
        if (child === undefined || child.parent !== process.id) return [-10];
        if (child.status === null) return (a[2] & 1) !== 0 ? [0] : PENDING;
        this.processes.delete(child.id);
        return [child.id, new Uint8Array(new Int32Array([child.status << 8]).buffer)];
      }
      case SystemCall.exit_group:
        this.end(process, a[0]);
        return [0];
      case SystemCall.pipe2: {
        const pipe: Pipe = { chunks: [], readers: 1, writers: 1 };
        const read = this.place(process, { kind: 'pipe', pipe, writing: false, references: 1 });
        const write = this.place(process, { kind: 'pipe', pipe, writing: true, references: 1 });
        return [0, new Uint8Array(new Int32Array([read, write]).buffer)];
      }
      case SystemCall.close: {
        const description = process.files.get(a[0]);
        if (description === undefined) return [-9];
        process.files.delete(a[0]);
        this.drop(description);
        return [0];
      }
      case SystemCall.dup2: {
        const description = process.files.get(a[0]);
        if (description === undefined) return [-9];
        if (a[0] === a[1]) return [a[1]];
        description.references++;
        this.drop(process.files.get(a[1]));
        process.files.set(a[1], description);
        return [a[1]];
      }
      case SystemCall.fcntl: {
        const description = process.files.get(a[0]);
        if (description === undefined) return [-9];
        description.references++;
        return [this.place(process, description, a[2])];
      }
      case SystemCall.open:
        return this.attempt(() => {
          const path = this.path(process, request);
          if ((a[1] & 0o200000) !== 0 && !fs.statSync(path).isDirectory()) return [-20];
          const host = fs.openSync(path, a[1] & ~0o2000000, 0o666);
          const append = (a[1] & 0o2000) !== 0;
          return [this.place(process, { kind: 'file', host, references: 1, path, entries: null, append, position: 0 })];
        });
      case SystemCall.stat:
      case SystemCall.lstat:
        return this.attempt(() => {
          const status = (request.call === SystemCall.stat ? fs.statSync : fs.lstatSync)(this.path(process, request));
          const bytes = new Uint8Array(144);
          new DataView(bytes.buffer).setUint32(24, status.mode, true);
          new DataView(bytes.buffer).setUint32(48, status.size, true);
          return [0, bytes];
        });
      case SystemCall.access:
        return this.attempt(() => {
          fs.accessSync(this.path(process, request), a[1]);
          return [0];
        });
      case SystemCall.getdents64:
        return this.directoryEntries(process, a[0]);
      case SystemCall.read:
        return this.read(process, a[0], a[2]);
      case SystemCall.write:
        return this.write(process, a[0], Buffer.from(request.payload ?? []));
      case SystemCall.execve:
        return this.execute(process, request, a);
      case SystemCall.umask:
        return [0o022];
      default:
        return [-38];
    }
  }

  private ioctl(process: Process, a: readonly number[]): [number, Uint8Array?] {
    if (process.files.get(a[0])?.kind !== 'terminal') return [-25];
    if (a[1] === 0x5401) return [0, new Uint8Array(36)];
    if (a[1] === 0x5413) return [0, new Uint8Array([24, 0, 40, 0, 0, 0, 0, 0])];
    return [0];
  }

  private directoryEntries(process: Process, number: number): [number, Uint8Array?] {
    const file = process.files.get(number);
    if (file?.kind !== 'file') return [-9];
    file.entries ??= fs.readdirSync(file.path);
    const name = file.entries.shift();
    if (name === undefined) return [0, new Uint8Array(0)];
    const text = Buffer.from(name);
    const record = new Uint8Array((19 + text.length + 1 + 7) & ~7);
    new DataView(record.buffer).setUint16(16, record.length, true);
    record.set(text, 19);
    return [record.length, record];
  }

  private read(process: Process, number: number, count: number): [number, Uint8Array?] | typeof PENDING {
    const description = process.files.get(number);
    if (description === undefined) return [-9];
    if (description.kind === 'terminal') {
      const key = this.keys.shift();
      return key === undefined ? PENDING : [1, new Uint8Array([key])];
    }
    if (description.kind === 'file')
      return this.attempt(() => {
        const buffer = Buffer.alloc(count);
        const length = fs.readSync(description.host, buffer, 0, count, null);
        return [length, buffer.subarray(0, length)];
      });
    const first = description.pipe.chunks[0];
    if (first === undefined) return description.pipe.writers > 0 ? PENDING : [0, new Uint8Array(0)];
    const part = first.subarray(0, count);
    if (part.length === first.length) description.pipe.chunks.shift();
    else description.pipe.chunks[0] = first.subarray(count);
    return [part.length, part];
  }

  private write(process: Process, number: number, bytes: Buffer): [number] {
    const description = process.files.get(number);
    if (description === undefined) return [-9];
    if (description.kind === 'terminal') {
      this.output.push(bytes);
      return [bytes.length];
    }
    if (description.kind === 'file') return this.attempt(() => [fs.writeSync(description.host, bytes)]) as [number];
    if (description.pipe.readers === 0) return [-32];
    if (bytes.length > 0) description.pipe.chunks.push(bytes);
    return [bytes.length];
  }

  private execute(process: Process, request: TaskRequest, a: readonly number[]): [number, Uint8Array?] {
    const payload = Buffer.from(request.payload ?? []);
    const pointers = new Set(request.pointers ?? []);
    const vector = (start: number): string[] => {
      const list: string[] = [];
      for (let at = start; pointers.has(at); at += 8) {
        const text = payload.readUInt32LE(at);
        list.push(payload.subarray(text, payload.indexOf(0, text)).toString('latin1'));
      }
      return list;
    };
    const path = this.path(process, request);
    const found = this.attempt(() => {
      if (fs.statSync(path).isDirectory()) return [-13];
      fs.accessSync(path, fs.constants.X_OK);
      return [0];
    });
    if (found[0] < 0) return found;
    const head = fs.readFileSync(path).subarray(0, 4).toString('latin1');
    if (head !== '\x7fELF' && !head.startsWith('#!')) return [-8];
    const environment: Record<string, string> = {};
    for (const entry of vector(a[2])) {
      const equals = entry.indexOf('=');
      environment[entry.slice(0, equals)] = Buffer.from(entry.slice(equals + 1), 'latin1').toString('utf8');
    }
    const argv = vector(a[1]).map((text) => Buffer.from(text, 'latin1').toString('utf8'));
    process.program = { path, argv, environment, input: [] };
    return [0];
  }

  private advanceProgram(process: Process): boolean {
    const program = process.program;
    if (program === null) return false;
    const input = process.files.get(0);
    if (input?.kind === 'pipe') {
      const part = this.read(process, 0, 1 << 20);
      if (part === PENDING) return false;
      if (part[0] > 0) {
        program.input.push(Buffer.from(part[1] ?? []));
        return true;
      }
    }
    const result = spawnSync(program.path, program.argv.slice(1), {
      argv0: program.argv[0],
      cwd: process.directory,
      env: program.environment,
      stdio: [input?.kind === 'file' ? input.host : 'pipe', 'pipe', 'pipe'],
      ...(input?.kind === 'file' ? {} : { input: Buffer.concat(program.input) }),
      maxBuffer: 1 << 28,
    });
    this.write(process, 1, result.stdout);
    this.write(process, 2, result.stderr);
    process.program = null;
    this.end(process, result.status ?? 128);
    return true;
  }

  get stdout(): string {
    return byteString(Buffer.concat(this.output));
  }
  get stderr(): string {
    return byteString(Buffer.concat(this.errors));
  }
}
