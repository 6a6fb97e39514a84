// 16550 UART (National PC16550D data sheet, sections 8.1-8.10) as the serial log on COM1.
//
//   +0 RBR/THR (DLAB: divisor low)  +1 IER (DLAB: divisor high)  +2 IIR/FCR  +3 LCR  +4 MCR  +5 LSR  +6 MSR  +7 SCR
//
//   log line ──► ring ──► THR while LSR.THRE, up to 16 bytes (FIFO) at a time
//                  ▲         the rest when IRQ 4 says "transmitter empty"
//                  └ full: the oldest bytes go, and are counted; nobody ever waits
//
// Received bytes wait in a second ring for whoever opens the serial port.

import { registerClass } from '../../devices/base/object-graph.ts';
import type { Machine } from '../../devices/contract/machine.ts';
import type { Kernel } from '../kernel/kernel.ts';
import { WaitQueue } from '../kernel/wait-queue.ts';
import { ByteRing } from './byte-ring.ts';

export const COM1_PORT = 0x3f8;
export const COM1_LINE = 4;

const IER_RECEIVED = 1;
const IER_TRANSMITTER_EMPTY = 2;
const FCR_ENABLE_AND_CLEAR_TRIGGER_14 = 0xc7;
const LCR_8N1 = 0x03;
const LCR_DIVISOR_LATCH = 0x80;
/** DTR, RTS, and OUT2, which on a PC connects the interrupt to the bus. */
const MCR_DTR_RTS_OUT2 = 0x0b;
const LSR_DATA_READY = 0x01;
const LSR_TRANSMITTER_HOLDING_EMPTY = 0x20;
const FIFO_BYTES = 16;
/** 1.8432 MHz / 16 / 115200. */
const DIVISOR_115200 = 1;
/** Bytes of log that may wait for the wire. */
const OUTPUT_RING_BYTES = 64 * 1024;
const INPUT_RING_BYTES = 4096;
/** Receive interrupts are served this many bytes at a time: twice what the FIFO holds. */
const MAX_RECEIVE_BURST = 32;

export class Uart16550 {
  readonly port: number;
  readonly line: number;
  private readonly output = new ByteRing(OUTPUT_RING_BYTES);
  readonly input = new ByteRing(INPUT_RING_BYTES);
  readonly readable = new WaitQueue();
  /** Log bytes that had to be dropped because the wire stood still. */
  lostBytes = 0;
  /** True once IRQs are connected. */
  private interruptDriven = false;
  private transmitInterruptOn = false;

  constructor(port: number = COM1_PORT, line: number = COM1_LINE) {
    this.port = port;
    this.line = line;
  }

  /** Programs 115200 8N1 with FIFOs on and interrupts off. */
  initialise(machine: Machine): void {
    const port = this.port;
    machine.portWrite(port + 1, 1, 0);
    machine.portWrite(port + 3, 1, LCR_DIVISOR_LATCH | LCR_8N1);
    machine.portWrite(port, 1, DIVISOR_115200);
    machine.portWrite(port + 1, 1, 0);
    machine.portWrite(port + 3, 1, LCR_8N1);
    machine.portWrite(port + 2, 1, FCR_ENABLE_AND_CLEAR_TRIGGER_14);
    machine.portWrite(port + 4, 1, MCR_DTR_RTS_OUT2);
  }

  /** Asks for interrupts from now on. */
  startInterrupts(kernel: Kernel): void {
    kernel.interrupts.register(kernel, this.line, this);
    this.interruptDriven = true;
    this.transmitInterruptOn = false;
    kernel.machine.portWrite(this.port + 1, 1, IER_RECEIVED);
    this.drain(kernel.machine);
  }

  /** Queues bytes for the wire and sends what it takes now. Never waits. */
  writeBytes(machine: Machine, bytes: Uint8Array): void {
    if (bytes.length > this.output.free) this.drain(machine);
    const excess = bytes.length - this.output.free;
    if (excess > 0) this.lostBytes += this.output.discard(excess);
    this.output.write(bytes, Math.max(0, bytes.length - this.output.capacity), bytes.length);
    this.drain(machine);
  }

  /** Sends while the transmitter takes bytes. True when nothing waits any more. */
  drain(machine: Machine): boolean {
    while (this.output.length > 0) {
      if ((machine.portRead(this.port + 5, 1) & LSR_TRANSMITTER_HOLDING_EMPTY) === 0) break;
      for (let count = 0; count < FIFO_BYTES && this.output.length > 0; count++)
        machine.portWrite(this.port, 1, this.output.shift());
    }
    const waiting = this.output.length > 0;
    if (this.interruptDriven && waiting !== this.transmitInterruptOn) {
      this.transmitInterruptOn = waiting;
      machine.portWrite(this.port + 1, 1, IER_RECEIVED | (waiting ? IER_TRANSMITTER_EMPTY : 0));
    }
    return !waiting;
  }

  /** For the panic path: lets virtual time pass until the log is out, at most `attempts` FIFO loads. */
  drainBounded(machine: Machine, attempts: number): void {
    for (let i = 0; i < attempts && !this.drain(machine); i++) machine.cpu.chargeInstructions(100_000);
  }

  handleInterrupt(kernel: Kernel): boolean {
    const machine = kernel.machine;
    // Reading IIR (bit 0 = 0: something pending) takes back the transmitter-empty request (data sheet 8.6).
    const identification = machine.portRead(this.port + 2, 1);
    let received = false;
    for (let count = 0; count < MAX_RECEIVE_BURST; count++) {
      if ((machine.portRead(this.port + 5, 1) & LSR_DATA_READY) === 0) break;
      this.input.push(machine.portRead(this.port, 1));
      received = true;
    }
    this.drain(machine);
    if (received) this.readable.wakeAll();
    return (identification & 1) === 0;
  }
}
registerClass('Uart16550', 1, Uart16550);
