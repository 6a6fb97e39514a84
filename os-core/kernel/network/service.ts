// The network in the kernel: joins the driver below and the sockets above to EuroNet.
//
//   driver interrupt ─► receiveFrame ─┐
//   socket call ──────────────────────┼─► stack (pure: it only collects) ─► flush: frames to the driver, tasks woken, log lines
//   timer at the stack's deadline ────┘
//
// The stack never calls into the kernel; what it wants done lies in `outbox`, `changed` and `lines` until flush.

import { registerClass } from '../../../devices/base/object-graph.ts';
import { type DatagramSocket, EuroNet, type Link, macText, type StackListener } from '../../euronet/index.ts';
import type { Kernel } from '../kernel.ts';
import type { Timer, TimerTarget } from '../time/timers.ts';
import { WaitQueue } from '../wait-queue.ts';

/** What a network driver hands its frames to. The view is valid during the call. */
export interface FrameReceiver {
  receiveFrame(kernel: Kernel, frame: Uint8Array): void;
}

/** What the network asks of a driver; instances are of registered classes. */
export interface NetworkDriver {
  readonly macAddress: Uint8Array;
  readonly mtu: number;
  /** Takes the frame by copy; false = no room. */
  transmit(kernel: Kernel, frame: Uint8Array): boolean;
  /** Set by the network when it starts. */
  receiver: FrameReceiver | null;
}

/** More frames from one input than this are a mistake of ours; each input causes a few answers at most. */
const MAXIMUM_OUTBOX = 256;

export class NetworkService implements Link, StackListener, TimerTarget, FrameReceiver {
  readonly stack: EuroNet;
  private readonly driver: NetworkDriver;
  private readonly outbox: Uint8Array[] = [];
  private readonly changed: Set<DatagramSocket> = new Set();
  private readonly lines: string[] = [];
  private readonly queues: Map<DatagramSocket, WaitQueue> = new Map();
  private timer: Timer | null = null;

  constructor(driver: NetworkDriver, seed: number) {
    this.driver = driver;
    this.stack = new EuroNet({ mac: driver.macAddress, mtu: driver.mtu, link: this, listener: this, seed });
  }

  /** Takes a driver into service and asks for an address. */
  static start(kernel: Kernel, driver: NetworkDriver): NetworkService {
    const service = new NetworkService(driver, kernel.random.next32());
    driver.receiver = service;
    kernel.state.services.set('network', service);
    kernel.log(`[net] EuroNet on ${macText(driver.macAddress)}, mtu ${driver.mtu}`);
    service.stack.dhcp.start(kernel.nowNanos());
    service.afterwards(kernel);
    return service;
  }

  /** The service, null in a system without a network card. */
  static of(kernel: Kernel): NetworkService | null {
    const service = kernel.state.services.get('network');
    return service instanceof NetworkService ? service : null;
  }

  /** Woken when `socket` has a datagram or an error. */
  queueOf(socket: DatagramSocket): WaitQueue {
    let queue = this.queues.get(socket);
    if (queue === undefined) {
      queue = new WaitQueue();
      this.queues.set(socket, queue);
    }
    return queue;
  }

  close(kernel: Kernel, socket: DatagramSocket): void {
    this.stack.close(socket);
    this.queues.delete(socket);
    this.afterwards(kernel);
  }

  receiveFrame(kernel: Kernel, frame: Uint8Array): void {
    this.stack.receive(frame, kernel.nowNanos());
    this.afterwards(kernel);
  }

  timerExpired(kernel: Kernel): void {
    this.timer = null;
    this.afterwards(kernel);
  }

  /** After anything was done with the stack: due work, then everything that it wants done outside. */
  afterwards(kernel: Kernel): void {
    const now = kernel.nowNanos();
    this.stack.poll(now);
    for (const frame of this.outbox.splice(0)) this.driver.transmit(kernel, frame);
    for (const line of this.lines.splice(0)) kernel.log(line);
    for (const socket of this.changed) this.queues.get(socket)?.wakeAll();
    this.changed.clear();
    const deadline = this.stack.nextDeadline();
    if (this.timer !== null && this.timer.deadlineNanos === deadline) return;
    if (this.timer !== null) kernel.timers.cancel(this.timer);
    this.timer = deadline === Infinity ? null : kernel.timers.schedule(deadline, this);
  }

  send(frame: Uint8Array): boolean {
    if (this.outbox.length >= MAXIMUM_OUTBOX) return false;
    this.outbox.push(frame);
    return true;
  }
  socketChanged(socket: DatagramSocket): void {
    this.changed.add(socket);
  }
  log(line: string): void {
    if (this.lines.length < MAXIMUM_OUTBOX) this.lines.push(line);
  }
}
registerClass('network.NetworkService', 1, NetworkService);
