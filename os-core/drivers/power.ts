// Power-off and reset through the firmware's runtime service ResetSystem (UEFI 2.10, 8.5.1), which stays callable after
// ExitBootServices.

import { registerClass } from '../../devices/base/object-graph.ts';
import { RuntimeService, SystemTable } from '../boot/uefi.ts';
import type { Kernel } from '../kernel/kernel.ts';
import type { PowerDevice } from '../kernel/process/seams.ts';
import type { WaitQueue } from '../kernel/wait-queue.ts';
import type { ConsolePorts } from './console-ports.ts';
import type { Uart16550 } from './uart-16550.ts';

/** EFI_RESET_TYPE */
const ResetType = { cold: 0, shutdown: 2 } as const;
const MAX_DRAIN_ATTEMPTS = 20_000;

export class FirmwarePower implements PowerDevice {
  private readonly uart: Uart16550;
  /** Null without a console device. */
  ports: ConsolePorts | null = null;
  constructor(uart: Uart16550) {
    this.uart = uart;
  }

  outputWaits(): WaitQueue | null {
    return this.ports?.outputWaits() ?? null;
  }
  powerOff(kernel: Kernel): void {
    this.call(kernel, ResetType.shutdown);
  }
  reset(kernel: Kernel): void {
    this.call(kernel, ResetType.cold);
  }

  private call(kernel: Kernel, type: number): void {
    const { machine } = kernel;
    this.uart.drainBounded(machine, MAX_DRAIN_ATTEMPTS);
    const services = machine.memory.read64AsNumber(machine.firmwareEntry.systemTable + SystemTable.runtimeServices);
    machine.callFirmware(machine.memory.read64AsNumber(services + RuntimeService.resetSystem), type, 0, 0, 0);
  }
}
registerClass('drivers.FirmwarePower', 2, FirmwarePower);
