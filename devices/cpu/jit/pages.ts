// Memory accesses at the top of an innermost loop keep the page that they go through in locals, which do not change in the loop:
//
//   loop                       refill: look-ups in the TLB (a miss leaves); page and where it lies go into locals
//     loop                     the loop itself
//       address - page > 4095 - bytes beyond: br refill
//       …
//
// That is for accesses that every pass makes, with addresses known at the top. Further accesses in the loop with the same base register
// try that page first, and look theirs up else. A page stays known while the loop runs, since nothing in it calls a handler.

import { Accesses, type AccessGroup, PAGE_BYTES, type PageLocals } from './accesses.ts';
import { JIT_REFILLS, TLB_PHYSICAL } from './layout.ts';
import { I32, I64, Op } from './wasm.ts';

/** More would take the registers that the loop itself needs. */
const MAXIMUM_PAGES = 3;

export class Pages extends Accesses {
  /** Shared by all loops: an innermost loop contains no other. */
  private readonly pageLocals: PageLocals[] = [];

  /** While a block within such a loop is translated: the accesses at the top. */
  private loopGroups: readonly AccessGroup[] = [];

  /** The block that begins now lies in a loop that keeps the pages of these accesses. */
  setLoopPages(groups: readonly AccessGroup[]): void {
    this.loopGroups = groups;
  }
  /** That of an access at the top with the same base register. */
  protected override likelyPage(group: AccessGroup): PageLocals | null {
    const base = group.address?.base;
    if (base === undefined || base === null || this.plan === null) return null;
    const n = this.loopGroups.findIndex((top) => top.address?.base === base && (top.write || !group.write));
    return n < 0 ? null : this.pageLocal(n);
  }

  /** The accesses of a block that may keep their pages in locals, if the block is the top of a loop. */
  pageGroups(groups: readonly AccessGroup[]): readonly AccessGroup[] {
    if (!this.options.keepsPages) return [];
    return [...new Set(groups)].filter((group) => group.address !== null).slice(0, MAXIMUM_PAGES);
  }

  private pageLocal(n: number): PageLocals {
    this.pageLocals[n] ??= { virtual: this.newLocal(I64), host: this.newLocal(I32) };
    return this.pageLocals[n];
  }

  /** Before the loop: the block at its top was started, but not counted yet. */
  refillPages(groups: readonly AccessGroup[]): void {
    const { code } = this;
    const address = this.temporary(I64);
    const entry = this.temporary(I32);
    this.beforeLoop = true;
    groups.forEach((group, n) => {
      const page = this.pageLocal(n);
      const table = this.tableOf(group);
      this.pushGroupAddress(group);
      code.tee(address);
      this.toEntryOffset();
      code.tee(entry);
      code.memory(Op.i64Load, table);
      code.set(page.virtual);
      const leaveUnlessBelow = (limit: number, shared: boolean): void => {
        this.exitBegin(shared);
        code.get(address);
        code.get(page.virtual);
        code.op(Op.i64Sub);
        code.i64(limit);
        code.op(Op.i64GeU);
        this.exitIf();
      };
      leaveUnlessBelow(PAGE_BYTES, false);
      // The page is known, but the access reaches into the next one; if there are several, perhaps always.
      const bytes = group.high - group.low;
      if (bytes > 1) leaveUnlessBelow(PAGE_BYTES - bytes + 1, group.members > 1);
      code.get(entry);
      code.memory(Op.i32Load, table + TLB_PHYSICAL);
      code.set(page.host);
    });
    this.storeWord(JIT_REFILLS, () => {
      this.pushWord(JIT_REFILLS);
      code.i32(1);
      code.op(Op.i32Add);
    });
    this.beforeLoop = false;
  }

  /** At the top of the loop: branches to the refill if an access leaves its page. */
  checkPages(groups: readonly AccessGroup[], refillDepth: number): void {
    const { code } = this;
    groups.forEach((group, n) => {
      const page = this.pageLocal(n);
      const offset = this.temporary(I64);
      this.pushGroupAddress(group);
      code.get(page.virtual);
      code.op(Op.i64Sub);
      code.tee(offset);
      code.i64(PAGE_BYTES - (group.high - group.low));
      code.op(Op.i64GtU);
      code.brIf(refillDepth);
      group.host = this.blockTemporary(I32);
      code.get(offset);
      code.op(Op.i32WrapI64);
      code.get(page.host);
      code.op(Op.i32Add);
      code.set(group.host);
    });
  }
}
