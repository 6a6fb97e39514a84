// Our side of the lockstep: executes what the native program executed, and compares.
//
//   STEP records gather to a piece ──► run(piece) ──► registers equal?        ADOPT: take the native registers
//   CHECK records ──► pages equal?                                            PAGE, MAPS, ZAP: do to memory what the kernel did
//
// A piece is one instruction, or a random number of them for engines that compile. It ends before and after instructions whose result
// the SDM leaves open to some degree, so that the exemptions of the silicon oracle apply to them alone; after a forgiven difference
// we go on with the native registers.

import { PhysicalMemory } from '../../../devices/base/physical-memory.ts';
import { SeededRandom } from '../../../devices/base/random.ts';
import { Msr, Register, TrapKind } from '../../../devices/contract/cpu.ts';
import { decode, NEED_MORE } from '../../../devices/cpu/decode/decoder.ts';
import type { Instruction } from '../../../devices/cpu/decode/instruction.ts';
import { instructionText } from '../../../devices/cpu/disassembler.ts';
import type { VirtualCpu } from '../../../devices/cpu/index.ts';
import { RIP_HIGH, RIP_LOW } from '../../../devices/cpu/state-layout.ts';
import { compareOutcomes, registerNames } from '../cpu/compare.ts';
import { hostMaker } from '../cpu/exemptions.ts';
import { buildCpu, type Engine, enterLongMode, enterRing3, FRAME, FX_AREA } from '../cpu/guest.ts';
import { FLAG_MASK, FX_BYTES, FxOffset, OUTCOME_BYTES, OutcomeOffset, WINDOW_BYTES } from '../cpu/layout.ts';
import { estimates, flagBits, piecewise, transcendental } from '../cpu/snippet.ts';
import { AddressSpace } from './address-space.ts';
import { End, Kind, RecordReader } from './records.ts';

const CPUID_CODE = 0xd000;
const CPUID_LEAVES = [0, 1, 7, ...Array.from({ length: 9 }, (_, n) => 0x80000000 + n)];
const PAGE_FAULT = 14;
/** PAE, OSFXSR, OSXMMEXCPT, FSGSBASE. */
const CR4 = 0x10620n;
const IF = 0x202;
const GENERAL_BYTES = 128;
const FX = OutcomeOffset.fx;
const FX_WORD = FX / 4;
const RIP_WORD = OutcomeOffset.rip / 4;
const FLAGS_WORD = OutcomeOffset.flags / 4;
const BASES_WORD = OutcomeOffset.window / 4;
/** Of a long piece only this much is shown. */
const SHOWN = 12;

export interface FollowerOptions {
  readonly engine: Engine;
  readonly seed: number;
  /** At most so many instructions between two comparisons. */
  readonly piece: number;
  /** Runs of a block before it is compiled. */
  readonly threshold: number;
  readonly memoryBytes: number;
  /** Plants a fault after this step, or the next one that we execute ourselves: a test of the lockstep itself. */
  readonly plant?: { readonly step: number; readonly damage: (follower: Follower) => void } | undefined;
}

export interface LockstepResult {
  /** Executed by both, of these taken over from the native side. */
  readonly steps: number;
  readonly adopted: number;
  /** Comparisons of registers, of pages, and how often an exemption or an undefined flag was needed. */
  readonly compared: number;
  readonly pages: number;
  readonly forgiven: number;
  readonly end: string;
  /** What differs, null if nothing does. */
  readonly difference: string | null;
}

/** 64-bit word at `n` as a number; addresses of programs are below 2^47. */
function pair(words: Int32Array, n: number): number {
  return (words[n] >>> 0) + (words[n + 1] >>> 0) * 0x1_0000_0000;
}

export class Follower {
  readonly memory: PhysicalMemory;
  readonly cpu: VirtualCpu;
  readonly space: AddressSpace;
  private readonly options: FollowerOptions;
  private readonly random: SeededRandom;
  private readonly maker = hostMaker();
  private readonly ours = new Uint8Array(OUTCOME_BYTES);
  private readonly ourWords = new Int32Array(this.ours.buffer);
  /** Addresses of the instructions of the piece. */
  private path: number[] = [];
  private target = 1;
  private entered = false;
  private plant: FollowerOptions['plant'];
  private readonly decoded = new Map<number, Instruction | null>();
  private decodedAt = 0;
  private steps = 0;
  private adopted = 0;
  private compared = 0;
  private pages = 0;
  private forgiven = 0;

  constructor(options: FollowerOptions) {
    this.options = options;
    this.plant = options.plant;
    this.random = new SeededRandom(options.seed);
    this.memory = new PhysicalMemory(options.memoryBytes);
    this.cpu = buildCpu(this.memory, options.engine, options.threshold);
    enterLongMode(this.memory, this.cpu);
    this.cpu.writeControl(4, CR4);
    this.space = new AddressSpace(this.memory, this.cpu);
  }

  /** What our CPUID says, for the tracer: lines of leaf, EAX, EBX, ECX, EDX. */
  cpuidTable(): string {
    const { cpu } = this;
    this.memory.writeBytes(CPUID_CODE, Uint8Array.of(0x0f, 0xa2));
    return CPUID_LEAVES.map((leaf) => {
      cpu.rip = BigInt(CPUID_CODE);
      cpu.writeRegister(Register.rax, BigInt(leaf));
      cpu.writeRegister(Register.rcx, 0n);
      cpu.run(1);
      const answer = [Register.rax, Register.rbx, Register.rcx, Register.rdx].map((n) => cpu.readRegister(n));
      return [leaf, ...answer].map((value) => value.toString(16)).join(' ');
    }).join('\n');
  }

  /** Follows the program whose records are read from `file` to its end or to the first difference. */
  follow(file: number): LockstepResult {
    const native = new RecordReader(file);
    const { space } = this;
    let difference: string | null = null;
    let end = 'difference';
    while (difference === null) {
      const rip = pair(native.stateWords, RIP_WORD);
      const alone = this.options.piece > 1 && this.isInexact(rip);
      if (alone) difference = this.finishPiece(native);
      if (difference !== null) break;
      const kind = native.next();
      if (kind === Kind.step) {
        this.steps++;
        this.path.push(rip);
        const planted = this.plant !== undefined && this.steps >= this.plant.step;
        if (alone || planted || this.path.length >= this.target) difference = this.finishPiece(native, planted);
        continue;
      }
      // The native registers are already those after an ADOPT: the tracer says CHECKED or PAUSE before, so that no piece is open.
      if (kind === Kind.adopt) {
        if (this.entered) this.steps++;
        if (this.entered) this.adopted++;
        this.adopt(native);
      } else if (kind === Kind.check) {
        this.pages++;
        difference = this.finishPiece(native) ?? this.inMemory(space.check(native.numbers[0], native.page));
      } else if (kind === Kind.pause) difference = this.finishPiece(native);
      else if (kind === Kind.checked) difference = this.finishPiece(native) ?? this.inMemory(space.checked());
      else if (kind === Kind.page) space.setPage(native.numbers[0], native.page);
      else if (kind === Kind.maps) space.setRegions(native.numbers);
      else if (kind === Kind.zap) space.zap(native.numbers[0], native.numbers[1]);
      else if (kind === Kind.end) {
        difference = this.finishPiece(native);
        end = endText(native.endReason, native.numbers[0]);
        break;
      }
    }
    const { steps, adopted, compared, pages, forgiven } = this;
    return { steps, adopted, compared, pages, forgiven, end, difference };
  }

  /** Executes the piece and compares; `planted`: with the fault that a test asked for. */
  private finishPiece(native: RecordReader, planted = false): string | null {
    if (this.path.length === 0) return null;
    const fault = this.execute(this.path.length);
    if (planted) {
      this.plant?.damage(this);
      this.plant = undefined;
    }
    this.take();
    const lines = fault === null ? this.compare(native) : [fault, ...this.compare(native)];
    if (lines.length > 0) return this.describe(native, lines);
    this.path = [];
    const { piece } = this.options;
    // Mostly long pieces, so that compiled code gets going; some of a few instructions.
    this.target = piece === 1 ? 1 : 1 + this.random.below(this.random.below(4) === 0 ? Math.min(40, piece) : piece);
    return null;
  }

  /** Runs exactly so many instructions; pages are given as they are touched. What went wrong, or null. */
  private execute(count: number): string | null {
    const { cpu, memory } = this;
    const until = cpu.instructionCount + count;
    while (cpu.instructionCount < until) {
      const before = cpu.instructionCount;
      const kind = cpu.run(until - before);
      if (kind === TrapKind.budget) {
        if (cpu.instructionCount === before) return 'our run() does not go on';
        continue;
      }
      if (kind !== TrapKind.interrupt) return `our run() ended with trap kind ${kind}`;
      const address = Number(BigInt.asUintN(64, cpu.readControl(2)));
      const stackPointer = memory.read64AsNumber(FRAME + 24);
      const given = cpu.trapVector === PAGE_FAULT && this.space.touch(address, stackPointer);
      const vector = cpu.trapVector;
      cpu.writeRegister(Register.rsp, BigInt(FRAME));
      if (cpu.interruptReturn() !== TrapKind.budget) return 'our IRET faults';
      if (!given)
        return `we raise vector ${vector}${vector === PAGE_FAULT ? ` for ${address.toString(16)}` : ''}, silicon nothing`;
    }
    return null;
  }

  /** Our registers, in the form of the native ones. */
  private take(): void {
    const { cpu, memory, ourWords } = this;
    ourWords.set(cpu.generalRegisters);
    ourWords[RIP_WORD] = cpu.core.words[RIP_LOW];
    ourWords[RIP_WORD + 1] = cpu.core.words[RIP_HIGH];
    ourWords[FLAGS_WORD] = Number(cpu.rflags) & FLAG_MASK;
    for (const [n, msr] of [Msr.fsBase, Msr.gsBase].entries()) {
      const base = cpu.readMsr(msr);
      ourWords[BASES_WORD + n * 2] = Number(BigInt.asIntN(32, base));
      ourWords[BASES_WORD + n * 2 + 1] = Number(BigInt.asIntN(32, base >> 32n));
    }
    cpu.saveFloatingPoint(FX_AREA);
    ourWords.set(memory.words32.subarray(FX_AREA >> 2, (FX_AREA + FX_BYTES) >> 2), FX_WORD);
    this.ours.fill(0, FX + FxOffset.opcode, FX + FxOffset.mxcsr);
    ourWords[FX_WORD + FxOffset.mxcsrMask / 4] = 0;
  }

  private compare(native: RecordReader): readonly string[] {
    this.compared++;
    if (Buffer.compare(native.state, this.ours) === 0) return [];
    const rows =
      this.path.length === 1 ? [this.instructionAt(this.path[0])?.row].filter((row) => row !== undefined) : [];
    const undefinedFlags = this.undefinedFlags();
    const silicon = native.state.slice();
    const { lines } = compareOutcomes({ rows, undefinedFlags }, this.maker, silicon, this.ours, 0);
    if (lines.length > 0) return lines.map((line) => line.replace(/^memory at window\+(\d+)/, baseText));
    this.forgiven++;
    this.adopt(native);
    return [];
  }

  /** The flags that the piece has left undefined, by the table. */
  private undefinedFlags(): number {
    let open = FLAG_MASK;
    let undefinedBits = 0;
    for (let n = this.path.length - 1; n >= 0 && open !== 0; n--) {
      const instruction = this.instructionAt(this.path[n]);
      if (instruction === null) break;
      const { operation, flagsUndefined, flagsWritten } = instruction.row;
      // TZCNT and LZCNT, where the processor has them: CPUID hides them, compilers use BSF with F3 where both give the same number.
      const hidden = instruction.repeat === 0xf3 && (operation === 'bsf' || operation === 'bsr');
      for (const letter of hidden ? 'cpazso' : (flagsUndefined ?? '')) undefinedBits |= open & (flagBits[letter] ?? 0);
      open &= ~undefinedBits;
      // A shift by zero writes nothing, so only rows without undefined flags make flags defined.
      if (flagsUndefined === undefined) for (const letter of flagsWritten ?? '') open &= ~(flagBits[letter] ?? 0);
    }
    return undefinedBits;
  }

  /** Goes on with the native registers. */
  private adopt(native: RecordReader): void {
    const { cpu, memory } = this;
    const { stateWords } = native;
    this.path = [];
    cpu.generalRegisters.set(stateWords.subarray(0, GENERAL_BYTES / 4));
    const long = (n: number): bigint => BigInt.asUintN(64, native.stateLongs[n / 2]);
    const flags = BigInt(stateWords[FLAGS_WORD] | IF);
    if (this.entered) {
      cpu.rip = long(RIP_WORD);
      cpu.rflags = flags;
    } else enterRing3(memory, cpu, long(RIP_WORD), flags);
    this.entered = true;
    cpu.writeMsr(Msr.fsBase, long(BASES_WORD));
    cpu.writeMsr(Msr.gsBase, long(BASES_WORD + 2));
    memory.writeBytes(FX_AREA, native.state.subarray(FX, FX + FX_BYTES));
    cpu.restoreFloatingPoint(FX_AREA);
  }

  private instructionAt(rip: number): Instruction | null {
    if (this.decodedAt !== this.memory.codeWriteCount || this.decoded.size > 1_000_000) this.decoded.clear();
    this.decodedAt = this.memory.codeWriteCount;
    let found = this.decoded.get(rip);
    if (found === undefined) {
      const bytes = this.space.read(rip, 15);
      const made = decode(bytes, 0, bytes.length, rip | 0, Math.floor(rip / 0x1_0000_0000));
      found = made === NEED_MORE ? null : made;
      this.decoded.set(rip, found);
    }
    return found;
  }
  private isInexact(rip: number): boolean {
    const operation = this.instructionAt(rip)?.row.operation ?? '';
    return transcendental.has(operation) || estimates.has(operation) || piecewise.has(operation);
  }

  private inMemory(line: string | null): string | null {
    return line === null ? null : `after step ${this.steps}\n  ${line}`;
  }
  private describe(native: RecordReader, lines: readonly string[]): string {
    const { path, steps } = this;
    const instructions = path.slice(-SHOWN).map((rip) => {
      const instruction = this.instructionAt(rip);
      return `  ${rip.toString(16)}: ${instruction === null ? '(not mapped here)' : instructionText(instruction)}`;
    });
    const general = ({ buffer }: Uint8Array): string =>
      Array.from(
        new BigUint64Array(buffer, 0, 17),
        (value, n) => `${registerNames[n] ?? 'rip'} ${value.toString(16)}`,
      ).join(' ');
    return [
      path.length === 1 ? `at step ${steps}` : `within steps ${steps - path.length + 1} to ${steps}; the last of them:`,
      ...instructions,
      ...lines.map((line) => `  ${line}`),
      `  silicon: ${general(native.state)}`,
      `  ours:    ${general(this.ours)}`,
    ].join('\n');
  }
}

function baseText(_: string, offset: string): string {
  const n = Number(offset);
  return n < WINDOW_BYTES && n < 16 ? `${n < 8 ? 'fs' : 'gs'} base, byte ${n % 8}` : `window+${n}`;
}

function endText(reason: number, value: number): string {
  switch (reason) {
    case End.exited:
      return `exit status ${value}`;
    case End.signalled:
      return `signal ${value}`;
    case End.thread:
      return 'it starts a thread, which is not followed';
    case End.execve:
      return 'execve, which is not followed';
    default:
      return 'as many steps as asked for';
  }
}
