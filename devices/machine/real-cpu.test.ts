import { expect, it } from 'vitest';
import { testBackends, testConfiguration } from '../../test/support/machine-fixture.ts';
import { TrapKind } from '../contract/cpu.ts';
import { createMachine } from './index.ts';

it('E1: the firmware enters the loader in long mode with an identity map; code runs, and HLT ends the slice', () => {
  const machine = createMachine(testConfiguration, testBackends());
  expect(machine.bootRefusal).toBeNull();
  expect(machine.cpu.currentPrivilegeLevel).toBe(0);
  expect(machine.cpu.readControl(3)).not.toBe(0n);
  expect(machine.cpu.translate(0x123456, 0, 0)).toBe(0x123456);
  machine.memory.writeBytes(0x2000, Uint8Array.of(0xb8, 0x2a, 0, 0, 0, 0xba, 0xf8, 0x03, 0, 0, 0xee, 0xf4));
  machine.cpu.rip = 0x2000n;
  expect(machine.run(1000)).toBe(TrapKind.halt);
  expect(machine.cpu.readRegister(0)).toBe(0x2an);
});

it('E6: machine code that writes to port 3F8h is seen on COM1', () => {
  const backends = testBackends();
  const machine = createMachine(testConfiguration, backends);
  machine.memory.writeBytes(0x2000, Uint8Array.of(0xb0, 0x45, 0x66, 0xba, 0xf8, 0x03, 0xee, 0xf4));
  machine.cpu.rip = 0x2000n;
  expect(machine.run(1000)).toBe(TrapKind.halt);
  expect(Buffer.from(backends.serialBytes).toString()).toBe('E');
});
