// init, the first process: starts the daemons and the main program, collects the children that nobody waits for, and turns the
// machine off when the main program has ended.
//
//   SIGPWR (the power button) at any time ─► report ─► sync ─► power off
//   start ─► fork each daemon ─► (wait for the network) ─► fork main ─► wait4(-1) … ─► report ─► sync ─► power off
//              │ child                                       │ child
//              └─ prepare, execve                            └─ session, descriptors, user, rights, execve
//
// A child works through a queue of prepared calls; the queue is plain data like everything in the state.

import { ALL_ORDINARY_CAPABILITIES } from '../../abi/capability.ts';
import { Errno } from '../../abi/errno.ts';
import { SystemCall } from '../../abi/system-call-numbers.ts';
import { byteString, bytesOf } from '../../sdk/bytes.ts';
import { Ioctl, OpenFlag, Signal, SignalAction } from '../../sdk/constants.ts';
import { errorText } from '../../sdk/error-text.ts';
import { executeRequest, request, resultBytes, resultInteger } from '../../sdk/requests.ts';
import type { SystemTask, TaskEvent, TaskRequest } from '../../sdk/system-task.ts';
import { withoutRepeats } from './environment.ts';
import { type InitOptions, parseInitOptions } from './options.ts';

/** A prepared call of a child. `essential`: what it is for, in the message if it fails; '' = failure does not matter. */
interface Step {
  readonly request: TaskRequest;
  readonly essential: string;
}

type Phase =
  | 'start'
  | 'askedForPowerSignal'
  | 'forkedDaemon'
  | 'openNetwork'
  | 'readNetwork'
  | 'closeNetwork'
  | 'sleep'
  | 'forkedMain'
  | 'wait'
  | 'openReport'
  | 'writeReport'
  | 'synchronise'
  | 'powerOff'
  | 'prepare'
  | 'execute'
  | 'why'
  | 'exit';

interface InitState {
  phase: Phase;
  options: InitOptions | null;
  daemonsStarted: number;
  mainProcess: number;
  report: string;
  networkUp: boolean;
  networkDescriptor: number;
  // In a child:
  steps: Step[];
  command: readonly string[];
  environment: readonly string[];
  candidates: string[];
  lastError: number;
  exitStatus: number;
}

const NETWORK_FILE = '/proc/net/euronet';
/** euroos_power(2), first argument. */
const POWER_OFF = 0;

function call(number: number, ...values: number[]): TaskRequest {
  return { call: number, arguments: values };
}

function changeOwner(path: string, userId: number, groupId: number): TaskRequest {
  return { call: SystemCall.chown, arguments: [{ at: 0 }, userId, groupId], payload: bytesOf(`${path}\0`) };
}

/** Paths under which a command may lie, in order. */
function candidatesFor(name: string, environment: readonly string[]): string[] {
  if (name.includes('/')) return [name];
  const path = environment.find((entry) => entry.startsWith('PATH='))?.slice(5) ?? '/bin';
  return path.split(':').map((folder) => `${folder === '' ? '.' : folder}/${name}`);
}

function descriptorSteps(devices: readonly [string, string, string]): Step[] {
  const steps: Step[] = [0, 1, 2].map((n) => ({ request: request.close(n), essential: '' }));
  // Each open takes the lowest free number: 0, then 1, then 2.
  for (const device of devices)
    steps.push({ request: request.open(device, OpenFlag.readWrite), essential: `open ${device}` });
  return steps;
}

function becomeDaemon(state: InitState, command: readonly string[]): void {
  state.command = command;
  state.environment = ['PATH=/bin', 'HOME=/', 'USER=root'];
  state.candidates = candidatesFor(command[0], state.environment);
  state.steps = [
    { request: request.newSession(), essential: '' },
    ...descriptorSteps(['/dev/null', '/dev/null', '/dev/null']),
    { request: call(SystemCall.euroos_capability_drop, ALL_ORDINARY_CAPABILITIES), essential: 'drop rights' },
  ];
}

function becomeMain(state: InitState, main: InitOptions['main']): void {
  const builtin = main.builtins.includes(main.command[0]);
  state.command = builtin ? ['sh', '-c', '"$@"', 'sh', ...main.command] : main.command;
  state.environment = withoutRepeats(main.environment);
  state.candidates = builtin ? ['/bin/sh'] : candidatesFor(main.command[0], state.environment);
  state.steps = [
    { request: request.newSession(), essential: '' },
    ...descriptorSteps(main.descriptors),
    ...main.ownDevices.map((device) => ({
      request: changeOwner(device, main.userId, main.groupId),
      essential: `hand over ${device}`,
    })),
    // Where descriptor 0 is no terminal this is refused, and there is no controlling terminal, as it should be.
    { request: request.ioctlValue(0, Ioctl.TIOCSCTTY, 0), essential: '' },
    { request: call(SystemCall.setgid, main.groupId), essential: 'change the group' },
    { request: call(SystemCall.setuid, main.userId), essential: 'change the user' },
    { request: request.changeDirectory(main.workingDirectory), essential: `change to ${main.workingDirectory}` },
    { request: call(SystemCall.euroos_capability_drop, main.capabilities), essential: 'drop rights' },
  ];
}

/** The next call of a child: the rest of its preparation, then execve. */
function nextOfChild(state: InitState): TaskRequest {
  const step = state.steps[0];
  if (step !== undefined) {
    state.phase = 'prepare';
    return step.request;
  }
  const path = state.candidates[0];
  if (path === undefined) return failChild(state);
  const execute = executeRequest(path, state.command, state.environment);
  state.phase = 'execute';
  if (execute !== null) return execute;
  state.candidates = [];
  state.lastError = Errno.E2BIG;
  return failChild(state);
}

function failChild(state: InitState): TaskRequest {
  const notFound = state.lastError === Errno.ENOENT || state.lastError === Errno.ENOTDIR;
  state.exitStatus = notFound ? 127 : 126;
  if (notFound) return complain(state, 'not found');
  state.phase = 'why';
  return { call: SystemCall.euroos_why, arguments: [{ at: 0 }, 512], resultAt: 0, resultLength: 512 };
}

function complain(state: InitState, reason: string): TaskRequest {
  state.phase = 'exit';
  const name = state.command[1] === '-c' ? state.command[4] : state.command[0];
  return request.write(2, bytesOf(`euroos: ${name}: ${reason}\n`));
}

function stepOfChild(state: InitState, value: number, data: Uint8Array): TaskRequest {
  switch (state.phase) {
    case 'prepare': {
      const done = state.steps.shift();
      if (value < 0 && done !== undefined && done.essential !== '') {
        state.exitStatus = 125;
        return complain(state, `cannot ${done.essential}: ${errorText(-value)}`);
      }
      return nextOfChild(state);
    }
    case 'execute':
      // Only a failure comes back. A refusal counts more than "not found" further along the path.
      if (state.lastError === 0 || state.lastError === Errno.ENOENT) state.lastError = -value;
      state.candidates.shift();
      return nextOfChild(state);
    case 'why': {
      const reason = byteString(resultBytes(value, data));
      return complain(state, reason === '' ? errorText(state.lastError) : reason);
    }
    default:
      return request.exit(state.exitStatus);
  }
}

function nextOfInit(state: InitState, options: InitOptions): TaskRequest {
  if (state.daemonsStarted < options.daemons.length) {
    state.phase = 'forkedDaemon';
    return request.fork();
  }
  if (options.main.waitForNetwork && !state.networkUp) {
    state.phase = 'openNetwork';
    return request.open(NETWORK_FILE, OpenFlag.readOnly);
  }
  state.phase = 'forkedMain';
  return request.fork();
}

function waitForChildren(state: InitState): TaskRequest {
  state.phase = 'wait';
  return request.wait(-1, 0);
}

function finish(state: InitState, options: InitOptions): TaskRequest {
  if (options.reportDevice === null) {
    state.phase = 'synchronise';
    return call(SystemCall.sync);
  }
  state.phase = 'openReport';
  return request.open(options.reportDevice, OpenFlag.writeOnly);
}

function stepOfInit(state: InitState, options: InitOptions, value: number, data: Uint8Array): TaskRequest {
  switch (state.phase) {
    case 'askedForPowerSignal':
      return nextOfInit(state, options);
    case 'forkedDaemon': {
      const daemon = options.daemons[state.daemonsStarted];
      state.daemonsStarted++;
      if (value !== 0) return nextOfInit(state, options);
      becomeDaemon(state, daemon);
      return nextOfChild(state);
    }
    case 'openNetwork':
      if (value < 0) {
        // No network in this system: waiting would never end.
        state.networkUp = true;
        return nextOfInit(state, options);
      }
      state.networkDescriptor = value;
      state.phase = 'readNetwork';
      return request.read(value, 4096);
    case 'readNetwork':
      state.networkUp = /^address \d/m.test(byteString(resultBytes(value, data)));
      state.phase = 'closeNetwork';
      return request.close(state.networkDescriptor);
    case 'closeNetwork':
      if (state.networkUp) return nextOfInit(state, options);
      state.phase = 'sleep';
      return request.sleep(0.02);
    case 'sleep':
      return nextOfInit(state, options);
    case 'forkedMain':
      if (value === 0) {
        becomeMain(state, options.main);
        return nextOfChild(state);
      }
      state.mainProcess = value;
      return waitForChildren(state);
    case 'wait': {
      if (value === -Errno.ECHILD) return finish(state, options);
      if (value !== state.mainProcess) return waitForChildren(state);
      const status = resultInteger(data);
      state.report = (status & 0x7f) === 0 ? `exit ${(status >> 8) & 0xff}\n` : `signal ${status & 0x7f}\n`;
      return finish(state, options);
    }
    case 'openReport':
      state.phase = 'writeReport';
      return request.write(value, bytesOf(state.report));
    case 'writeReport':
      state.phase = 'synchronise';
      return call(SystemCall.sync);
    default:
      state.phase = 'powerOff';
      return call(SystemCall.euroos_power, POWER_OFF);
  }
}

/** The task image `EUROTASK\ninit\n`. */
export const initTask: SystemTask<InitState> = {
  name: 'init',
  version: 1,
  create: () => ({
    phase: 'start',
    options: null,
    daemonsStarted: 0,
    mainProcess: -1,
    report: '',
    networkUp: false,
    networkDescriptor: -1,
    steps: [],
    command: [],
    environment: [],
    candidates: [],
    lastError: 0,
    exitStatus: 0,
  }),
  step(state: InitState, event: TaskEvent): TaskRequest {
    if (event.kind === 'start') {
      // The text is a byte string of UTF-8; names in it must stay byte strings, so only the JSON syntax is looked at.
      state.options = parseInitOptions(event.arguments[1] ?? '');
      if (state.options === null) return request.exit(125);
      state.phase = 'askedForPowerSignal';
      return request.signalAction(Signal.PWR, SignalAction.event);
    }
    if (state.options === null || state.phase === 'exit') return request.exit(state.exitStatus);
    // The power button: an orderly end, whatever init was doing.
    if (event.kind === 'signal' && event.number === Signal.PWR) return finish(state, state.options);
    const value = event.kind === 'result' ? event.value : -Errno.EINTR;
    const data = event.kind === 'result' ? event.data : new Uint8Array(0);
    const inChild = state.phase === 'prepare' || state.phase === 'execute' || state.phase === 'why';
    return inChild ? stepOfChild(state, value, data) : stepOfInit(state, state.options, value, data);
  },
};
