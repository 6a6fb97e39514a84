import { expect, it } from 'vitest';
import { withoutRepeats } from './environment.ts';

it('C2: a variable that is given twice has its last value, once', () => {
  const environment = ['PATH=/bin', 'HOME=/home/user', 'X=1=2', 'PATH=/opt/bin:/bin', 'X='];
  expect(withoutRepeats(environment)).toEqual(['PATH=/opt/bin:/bin', 'HOME=/home/user', 'X=']);
});
