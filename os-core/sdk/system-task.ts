// System tasks: programs of ours that are TypeScript, not machine code (shell, window server).
//
//        kernel                                     task
//   start / result / signal event  ─────────►  step(state, event)
//   runs the system call           ◄─────────  { call, arguments, payload }
//
// Rules: the state is plain data (structured-clonable: records, arrays, Maps, Sets, typed arrays; no functions, no class
// instances); step does bounded work and returns exactly one system call; nothing lives across steps outside the state.
// Because the state is plain data, fork() works: parent and child each get a result event with their own copy.
//
// Pointers: every task owns an arena of user memory in its address space. `payload` is copied to the arena's start before
// the call; an argument `{ at: n }` becomes the address of arena byte n; after the call `resultLength` bytes from
// `resultAt` come back in the event's data. So the kernel sees the same calls with the same pointers as from a program.

export const ARENA_BYTES = 256 * 1024;

export type TaskEvent =
  | { readonly kind: 'start'; readonly arguments: readonly string[]; readonly environment: readonly string[] }
  /** `value`: the call's result, -errno on error. `data`: the bytes asked for (empty on error). */
  | { readonly kind: 'result'; readonly value: number; readonly data: Uint8Array }
  /** A signal for which the task asked by rt_sigaction with handler `{ at: 0 }`-style non-zero value. Comes instead of the result; the interrupted call returned -EINTR and must be issued again if wanted. */
  | { readonly kind: 'signal'; readonly number: number };

export interface TaskRequest {
  /** Linux or EuroOS system call number (os-core/abi/system-call-numbers.ts). */
  readonly call: number;
  readonly arguments: readonly (number | { readonly at: number })[];
  readonly payload?: Uint8Array;
  /**
   * Payload offsets (multiples of 8) of 64-bit words that hold an arena offset: the kernel adds the arena's address to each
   * when it copies the payload in. For structures that contain pointers, such as argv and iovec.
   */
  readonly pointers?: readonly number[];
  readonly resultAt?: number;
  readonly resultLength?: number;
}

export interface SystemTask<State> {
  /** The name in a task image: the file `EUROTASK\n<name>\n`. */
  readonly name: string;
  /** Version of the state's form, for snapshots. */
  readonly version: number;
  create(): State;
  /** Changes `state` in place and returns the next call. exit_group ends the task. */
  step(state: State, event: TaskEvent): TaskRequest;
}
