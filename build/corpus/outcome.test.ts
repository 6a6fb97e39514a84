import { describe, expect, it } from 'vitest';
import { difference, type Outcome, partsOf } from './outcome.ts';

const native: Outcome = {
  status: 0,
  stdout: 'one\ntwo\n',
  stderr: '',
  files: new Map([
    ['folder', 'folder'],
    ['folder/file', '1234'],
  ]),
};

describe('M2: the comparison of a job natively and in EuroOS', () => {
  it('M2: equal outcomes have no difference; what is on stderr does not count', () => {
    expect(difference(native, { ...native, stderr: 'a warning', files: new Map(native.files) })).toBe('');
  });

  it('M2: another line, a missing end, another status, another, a missing and an added file are found', () => {
    expect(difference(native, { ...native, stdout: 'one\nTWO\n' })).toBe('line 2 is "TWO", natively "two"');
    expect(difference(native, { ...native, stdout: 'one\n' })).toBe('line 2 is "", natively "two"');
    expect(difference(native, { ...native, stdout: 'one\ntwo\n\n' })).toContain('line 4');
    expect(difference(native, { ...native, status: 139 })).toBe('status 139, natively 0');
    const files = (...entries: [string, string][]): Outcome => ({ ...native, files: new Map(entries) });
    expect(difference(native, files(['folder', 'folder'], ['folder/file', '5678']))).toContain(
      'file folder/file is 5678',
    );
    expect(difference(native, files(['folder', 'folder']))).toContain('file folder/file is undefined');
    expect(difference(native, files(...native.files, ['more', '9']))).toBe('file more is there, natively not');
  });

  it('M2: the parts of an output are told apart also when a name comes twice', () => {
    const parts = partsOf('before\n== a\n1\n== b\n== a\n2\n3\n');
    expect([...parts]).toEqual([
      ['a', '1\n'],
      ['b', ''],
      ['a (2)', '2\n3\n'],
    ]);
  });
});
