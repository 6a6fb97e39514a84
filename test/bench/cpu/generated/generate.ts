// Writes a large program: FUNCTIONS functions of about 400 bytes each in assembly, every one with other instructions, constants and
// branches, and a table of their addresses (one relative relocation each, as in large position-independent programs). The same
// arguments give the same program. Assembly because a compiler takes minutes for 20 MB of code, the assembler seconds.
//
//   uint64_t function(uint64_t value /* rdi */, uint64_t memory[512] /* rsi, kept */)
//
//   value ──► rax rcx rdx r8-r11, mixed by statements ──► rax
//             every function with an even number calls the one after it

import fs from 'node:fs';
import path from 'node:path';
import { SeededRandom } from '../../../../devices/base/random.ts';
import { buildModule, dist, root } from '../../measure.ts';

const STATEMENTS = 60;
const MEMORY_WORDS = 512;
const REGISTERS = ['rax', 'rcx', 'rdx', 'r8', 'r9', 'r10', 'r11'] as const;

class FunctionWriter {
  private readonly random: SeededRandom;
  private readonly index: number;
  private labels = 0;
  private called = false;

  constructor(random: SeededRandom, index: number) {
    this.random = random;
    this.index = index;
  }

  private register(): string {
    return `%${REGISTERS[this.random.below(REGISTERS.length)]}`;
  }
  private word(): string {
    return `${8 * this.random.below(MEMORY_WORDS)}(%rsi)`;
  }
  private constant(): string {
    return `$${this.random.below(2) === 0 ? this.random.below(128) : this.random.next32() >>> 1}`;
  }

  private statement(): string {
    switch (this.random.below(12)) {
      case 0:
        return `imul ${this.register()},${this.register()}`;
      case 1:
        return `add ${this.constant()},${this.register()}`;
      case 2:
        return `xor ${this.register()},${this.register()}`;
      case 3:
        return `rol $${1 + this.random.below(63)},${this.register()}`;
      case 4:
        return `lea ${this.random.below(1 << 16)}(${this.register()},${this.register()},${1 << this.random.below(4)}),${this.register()}`;
      case 5:
        return `mov ${this.word()},${this.register()}`;
      case 6:
        return `mov ${this.register()},${this.word()}`;
      case 7:
        return `sub ${this.word()},${this.register()}`;
      case 8:
        return `cmp ${this.constant()},${this.register()}\n cmovb ${this.register()},${this.register()}`;
      case 9:
        return this.branch();
      case 10:
        return this.random.below(4) === 0 ? this.loop() : `movzwl ${this.word()},%ecx`;
      default:
        return this.call();
    }
  }

  private label(): string {
    return `.L${this.index}_${this.labels++}`;
  }
  /** Over two statements. */
  private branch(): string {
    const label = this.label();
    const condition = ['jb', 'jge', 'je', 'js', 'ja'][this.random.below(5)];
    return `cmp ${this.register()},${this.register()}\n ${condition} ${label}\n sub ${this.constant()},${this.register()}\n xor ${this.word()},${this.register()}\n${label}:`;
  }
  private loop(): string {
    const label = this.label();
    return `mov $${2 + this.random.below(4)},%edi\n${label}: add ${this.word()},%rax\n ror $5,%rax\n dec %edi\n jne ${label}`;
  }
  private call(): string {
    if (this.called || this.index % 2 === 1) return `add ${this.word()},%rax`;
    this.called = true;
    return `mov %rax,%rbx\n mov %rcx,%rdi\n call f${this.index + 1}\n add %rbx,%rax`;
  }

  text(): string {
    const lines = [`f${this.index}:`, ' push %rbx', ' mov %rdi,%rax'];
    for (const [n, name] of REGISTERS.slice(1).entries()) lines.push(` lea ${n * 24 + this.random.below(16)}(%rdi),%${name}`);
    for (let n = 0; n < STATEMENTS; n++) lines.push(` ${this.statement()}`);
    lines.push(' pop %rbx', ' ret', ' .p2align 4', '');
    return lines.join('\n');
  }
}

function writeAssembly(file: string, functions: number): void {
  const random = new SeededRandom(functions);
  const output = fs.openSync(file, 'w');
  fs.writeSync(output, '.text\n.p2align 4\n');
  for (let index = 0; index < functions; index++) fs.writeSync(output, new FunctionWriter(random, index).text());
  fs.writeSync(output, '.section .data.rel.ro,"aw"\n.globl functions\n.p2align 4\nfunctions:\n');
  for (let index = 0; index < functions; index++) fs.writeSync(output, `.quad f${index}\n`);
  fs.writeSync(output, '.section .rodata\n.globl functionCount\n.p2align 2\nfunctionCount:\n');
  fs.writeSync(output, `.long ${functions}\n.section .note.GNU-stack,"",@progbits\n`);
  fs.closeSync(output);
}

/** Makes `folder`/`name` (below dist/) with that many functions, an even number, if it is not there in this form; returns its path. */
export async function generateProgram(folder: string, name: string, functions: number): Promise<string> {
  const { compileStaticPie } = await buildModule<{
    compileStaticPie(source: string, output: string, extra: readonly string[]): void;
  }>('toolchain/userland.mjs');
  const { fingerprint, upToDate } = await buildModule<{
    fingerprint(entries: readonly string[], extra: readonly string[]): string;
    upToDate(name: string, print: string, results: readonly string[], work: () => Promise<void>): Promise<boolean>;
  }>('setup/steps.mjs');
  const source = 'test/bench/cpu/generated';
  const output = path.join(dist, folder, name);
  const inputs = [source, 'test/bench/cpu/programs/bench.h', 'devices/base/random.ts', 'build/toolchain'];
  await upToDate(`${folder.replaceAll('/', '-')}-${name}`, fingerprint(inputs, [String(functions)]), [output], async () => {
    const assembly = path.join(dist, folder, `${name}.s`);
    fs.mkdirSync(path.dirname(assembly), { recursive: true });
    writeAssembly(assembly, functions);
    compileStaticPie(path.join(root, source, 'main.c'), output, [assembly]);
    fs.rmSync(assembly);
  });
  return output;
}
