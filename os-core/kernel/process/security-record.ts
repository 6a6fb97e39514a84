// What the kernel has verified, refused and denied since power-on: what /proc/euroos/security tells, and what the desktop may say of the
// machine's state.

import { registerClass } from '../../../devices/base/object-graph.ts';

export class SecurityRecord {
  /** Programs started; each was checked against the keys that the machine trusts. */
  started = 0;
  /** Programs refused by that check. */
  refused = 0;
  /** Calls that ended with EPERM for want of a right, and executable memory that was not given. */
  denied = 0;
}
registerClass('SecurityRecord', 1, SecurityRecord);
