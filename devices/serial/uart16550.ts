// 16550A UART (National Semiconductor PC16550D datasheet, June 1995, section 8 "Registers").
//
//   offset   read                           write
//     0      RBR (DLAB: divisor low)        THR (DLAB: divisor low)
//     1      IER (DLAB: divisor high)       IER (DLAB: divisor high)
//     2      IIR                            FCR
//     3      LCR                            LCR
//     4      MCR                            MCR
//     5      LSR                            –
//     6      MSR                            –
//     7      SCR                            SCR
//
// The line is a ConsoleBackend. Sending takes no virtual time: a byte leaves as soon as the backend takes it, and waits in
// `outgoing` when it does not, so that no byte of the log is lost; THRE is off while the transmitter's 16 bytes are full.
// Left out: line errors (the wire has none), RTS/CTS pacing, DMA mode pins.
//
// Invariants: the interrupt line is high while an enabled cause is active; received and outgoing hold at most 16 bytes.

import type { ConsoleBackend } from '../backends/backends.ts';
import { restoreState, writeState } from '../base/device-state.ts';
import type { DeviceSnapshot, InterruptLine, PortDevice, Snapshotable } from '../contract/device.ts';
import type { AccessWidth } from '../contract/machine.ts';

const FIFO_BYTES = 16;

const Ier = { received: 1, transmitterEmpty: 2, lineStatus: 4, modemStatus: 8 } as const;
const Iir = {
  none: 1,
  modemStatus: 0,
  transmitterEmpty: 2,
  received: 4,
  lineStatus: 6,
  timeout: 12,
  fifoEnabled: 0xc0,
} as const;
const Fcr = { enable: 1, clearReceiver: 2, clearTransmitter: 4 } as const;
const LCR_DIVISOR_LATCH = 0x80;
const Mcr = { dataTerminalReady: 1, requestToSend: 2, out1: 4, out2: 8, loopback: 16 } as const;
const Lsr = { dataReady: 1, overrun: 2, holdingEmpty: 0x20, transmitterEmpty: 0x40 } as const;
const Msr = { clearToSend: 0x10, dataSetReady: 0x20, ringIndicator: 0x40, carrierDetect: 0x80 } as const;
/** Receiver trigger levels by FCR bits 7-6. */
const TRIGGER_BYTES: readonly number[] = [1, 4, 8, 14];

export class Uart16550 implements PortDevice, Snapshotable {
  private readonly backend: ConsoleBackend;
  private readonly line: InterruptLine;
  private readonly one = new Uint8Array(1);
  private readonly state = {
    interruptEnable: 0,
    fifoControl: 0,
    lineControl: 0,
    modemControl: 0,
    lineErrors: 0,
    /** The low four bits of MSR: what has changed since the last read. */
    modemDelta: 0,
    scratch: 0,
    divisor: 1,
    received: new Uint8Array(FIFO_BYTES),
    receivedCount: 0,
    outgoing: new Uint8Array(FIFO_BYTES),
    outgoingCount: 0,
    /** THRE is a cause from the moment the holding register runs empty until IIR reports it or THR is written. */
    transmitterEmptyPending: false,
  };

  constructor(backend: ConsoleBackend, line: InterruptLine) {
    this.backend = backend;
    this.line = line;
  }

  portRead(offset: number, _width: AccessWidth): number {
    return this.reads[offset & 7]();
  }
  portWrite(offset: number, _width: AccessWidth, value: number): void {
    this.writes[offset & 7](value & 0xff);
  }

  private readonly reads: readonly (() => number)[] = [
    () => (this.divisorLatch ? this.state.divisor & 0xff : this.receive()),
    () => (this.divisorLatch ? this.state.divisor >> 8 : this.state.interruptEnable),
    () => this.interruptIdentification(),
    () => this.state.lineControl,
    () => this.state.modemControl,
    () => this.lineStatus(),
    () => this.modemStatus(),
    () => this.state.scratch,
  ];
  private readonly writes: readonly ((value: number) => void)[] = [
    (value) => {
      if (this.divisorLatch) this.state.divisor = (this.state.divisor & 0xff00) | value;
      else this.transmit(value);
    },
    (value) => {
      if (this.divisorLatch) this.state.divisor = (this.state.divisor & 0xff) | (value << 8);
      else this.enableInterrupts(value & 15);
    },
    (value) => this.controlFifo(value),
    (value) => {
      this.state.lineControl = value;
    },
    (value) => this.controlModem(value & 0x1f),
    () => {},
    () => {},
    (value) => {
      this.state.scratch = value;
    },
  ];

  /** Moves bytes between the backend and the FIFOs. Bounded by the FIFO; true if anything moved. */
  pollBackend(): boolean {
    const moved = this.drain();
    if (this.loopback) return moved;
    let received = false;
    while (this.state.receivedCount < this.capacity && this.backend.read(this.one) > 0) {
      this.state.received[this.state.receivedCount++] = this.one[0];
      received = true;
    }
    if (received) this.updateLine();
    return moved || received;
  }

  private get divisorLatch(): boolean {
    return (this.state.lineControl & LCR_DIVISOR_LATCH) !== 0;
  }
  private get loopback(): boolean {
    return (this.state.modemControl & Mcr.loopback) !== 0;
  }
  private get capacity(): number {
    return (this.state.fifoControl & Fcr.enable) !== 0 ? FIFO_BYTES : 1;
  }

  private receive(): number {
    const state = this.state;
    if (state.receivedCount === 0) return 0;
    const value = state.received[0];
    state.received.copyWithin(0, 1, state.receivedCount);
    state.receivedCount--;
    this.updateLine();
    return value;
  }

  private transmit(value: number): void {
    const state = this.state;
    state.transmitterEmptyPending = false;
    if (this.loopback) {
      if (state.receivedCount < this.capacity) state.received[state.receivedCount++] = value;
      else state.lineErrors |= Lsr.overrun;
      state.transmitterEmptyPending = true;
    } else {
      // Written although full: the newest byte is lost, as in the chip (datasheet 8.4).
      if (state.outgoingCount < FIFO_BYTES) state.outgoing[state.outgoingCount++] = value;
      this.drain();
      if (state.outgoingCount < this.capacity) state.transmitterEmptyPending = true;
    }
    this.updateLine();
  }

  /** Gives waiting bytes to the backend. */
  private drain(): boolean {
    const state = this.state;
    if (state.outgoingCount === 0) return false;
    const taken = this.backend.write(state.outgoing.subarray(0, state.outgoingCount));
    if (taken === 0) return false;
    // -1: the reader is gone for good; a wire with nobody at its end loses what is sent.
    const count = taken < 0 ? state.outgoingCount : Math.min(taken, state.outgoingCount);
    const wasFull = state.outgoingCount >= this.capacity;
    state.outgoing.copyWithin(0, count, state.outgoingCount);
    state.outgoingCount -= count;
    if (wasFull && state.outgoingCount < this.capacity) state.transmitterEmptyPending = true;
    this.updateLine();
    return true;
  }

  private enableInterrupts(value: number): void {
    // Enabling THRE while the holding register is empty raises it at once.
    if ((value & ~this.state.interruptEnable & Ier.transmitterEmpty) !== 0 && this.state.outgoingCount < this.capacity)
      this.state.transmitterEmptyPending = true;
    this.state.interruptEnable = value;
    this.updateLine();
  }

  private controlFifo(value: number): void {
    const state = this.state;
    const toggled = ((value ^ state.fifoControl) & Fcr.enable) !== 0;
    if (toggled || (value & Fcr.clearReceiver) !== 0) state.receivedCount = 0;
    if ((value & Fcr.clearTransmitter) !== 0) state.outgoingCount = 0;
    // The other bits are taken only while bit 0 is set (datasheet 8.5).
    state.fifoControl = (value & Fcr.enable) !== 0 ? value & 0xc9 : 0;
    this.updateLine();
  }

  private controlModem(value: number): void {
    const before = this.modemLines();
    this.state.modemControl = value;
    const after = this.modemLines();
    const changed = before ^ after;
    // Delta bits 0, 1 and 3 follow any change; bit 2 only the trailing edge of RI.
    this.state.modemDelta |= (changed >> 4) & 0b1011;
    if ((before & ~after & Msr.ringIndicator) !== 0) this.state.modemDelta |= 4;
    this.updateLine();
  }

  /** CTS, DSR, RI, DCD: wired on, or in loopback the outputs RTS, DTR, OUT1, OUT2 (datasheet 8.7). */
  private modemLines(): number {
    if (!this.loopback) return Msr.clearToSend | Msr.dataSetReady | Msr.carrierDetect;
    const control = this.state.modemControl;
    return (
      ((control & Mcr.requestToSend) !== 0 ? Msr.clearToSend : 0) |
      ((control & Mcr.dataTerminalReady) !== 0 ? Msr.dataSetReady : 0) |
      ((control & Mcr.out1) !== 0 ? Msr.ringIndicator : 0) |
      ((control & Mcr.out2) !== 0 ? Msr.carrierDetect : 0)
    );
  }

  private lineStatus(): number {
    const state = this.state;
    const value =
      (state.receivedCount > 0 ? Lsr.dataReady : 0) |
      state.lineErrors |
      (state.outgoingCount < this.capacity ? Lsr.holdingEmpty : 0) |
      (state.outgoingCount === 0 ? Lsr.transmitterEmpty : 0);
    state.lineErrors = 0;
    this.updateLine();
    return value;
  }

  private modemStatus(): number {
    const value = this.modemLines() | this.state.modemDelta;
    this.state.modemDelta = 0;
    this.updateLine();
    return value;
  }

  /** The highest active cause, in the order of datasheet table IV. */
  private cause(): number {
    const state = this.state;
    const enabled = state.interruptEnable;
    if ((enabled & Ier.lineStatus) !== 0 && state.lineErrors !== 0) return Iir.lineStatus;
    if ((enabled & Ier.received) !== 0 && state.receivedCount > 0) {
      const trigger = this.capacity === 1 ? 1 : TRIGGER_BYTES[state.fifoControl >> 6];
      // Below the trigger the character timeout of four character times reports what waits; here it is due at once.
      return state.receivedCount >= trigger ? Iir.received : Iir.timeout;
    }
    if ((enabled & Ier.transmitterEmpty) !== 0 && state.transmitterEmptyPending) return Iir.transmitterEmpty;
    if ((enabled & Ier.modemStatus) !== 0 && state.modemDelta !== 0) return Iir.modemStatus;
    return Iir.none;
  }

  private interruptIdentification(): number {
    const cause = this.cause();
    if (cause === Iir.transmitterEmpty) {
      this.state.transmitterEmptyPending = false;
      this.updateLine();
    }
    return cause | (this.capacity > 1 ? Iir.fifoEnabled : 0);
  }

  private updateLine(): void {
    // On a PC, OUT2 gates the interrupt driver to the bus (IBM PC/XT serial adapter).
    const open = (this.state.modemControl & Mcr.out2) !== 0 && !this.loopback;
    this.line.set(open && this.cause() !== Iir.none);
  }

  snapshot(): DeviceSnapshot {
    return writeState('uart16550', 1, this.state);
  }
  restore(snapshot: DeviceSnapshot): void {
    restoreState('uart16550', 1, snapshot, this.state);
    const clamp = (count: number): number => (Number.isInteger(count) && count >= 0 && count <= FIFO_BYTES ? count : 0);
    this.state.receivedCount = clamp(this.state.receivedCount);
    this.state.outgoingCount = clamp(this.state.outgoingCount);
  }
}
