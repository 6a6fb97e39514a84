// The layer rules of .dependency-cruiser.cjs, and their canary: a misconfigured run reports success on zero modules, so a
// planted violation must be found each time.

import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { cruise } from 'dependency-cruiser';
import { root } from '../setup/steps.mjs';

const configuration = createRequire(import.meta.url)(path.join(root, '.dependency-cruiser.cjs'));
const folders = ['devices', 'os-core', 'electron', 'renderer'];
const canary = path.join(root, 'devices/serial/layer-canary.ts');

process.chdir(root);

async function violations() {
  const result = await cruise(
    folders,
    {
      ruleSet: { forbidden: configuration.forbidden },
      validate: true,
      ...configuration.options,
    },
    undefined,
    {},
  );
  return result.output.summary;
}

fs.writeFileSync(canary, "import '../../os-core/kernel/kernel.ts';\n");
let planted;
try {
  planted = await violations();
} finally {
  fs.rmSync(canary);
}
const isCanary = (violation) => violation.from === 'devices/serial/layer-canary.ts';
if (!planted.violations.some(isCanary)) {
  console.error('layers: the planted violation was not found: the rules are not applied');
  process.exitCode = 1;
}
const real = planted.violations.filter((violation) => !isCanary(violation));
for (const { rule, from, to } of real) console.error(`layers: ${rule.name}: ${from} must not import ${to}`);
if (real.length > 0) process.exitCode = 1;
console.log(`layers: ${planted.totalCruised} modules, ${real.length} violations`);
