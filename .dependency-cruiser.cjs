// Layer rules (docs/ARCHITECTURE.md, "Layers"). Each entry: folder pattern -> the only places it may import from.
const only = (name, from, allowed) => ({
  name,
  severity: 'error',
  from: { path: from, pathNot: '\\.test\\.ts$' },
  to: { pathNot: allowed },
});
module.exports = {
  forbidden: [
    {
      name: 'nobody-imports-test-or-build',
      severity: 'error',
      from: { pathNot: ['^(test|build)/', '\\.test\\.ts$'] },
      to: { path: '^(test|build)/' },
    },
    only('leaf-layers-import-nothing', '^(devices/base|os-core/abi|os-core/design-tokens)/', '^$1/'),
    only(
      'protocol-is-schemas',
      '^electron/protocol/',
      '^(electron/protocol/|os-core/design-tokens/|node_modules/(valibot|zod))',
    ),
    only('contract-is-types-over-base', '^devices/contract/', '^devices/(base|contract)/'),
    only('backends-are-types', '^devices/backends/', '^devices/(base|contract|backends)/'),
    only(
      'device-family-stays-home',
      '^devices/(?!base|contract|backends|machine)([^/]+)/',
      '^devices/($1|base|contract|backends|pci|virtio|mmu)/',
    ),
    only('machine-sees-devices', '^devices/machine/', '^devices/'),
    only('libraries-know-no-kernel', '^os-core/(eurofs|euronet)/', '^(os-core/($1|abi)|devices/base)/'),
    only(
      'security-may-use-its-libraries',
      '^os-core/security/',
      '^(os-core/(security|abi)/|devices/base/|node_modules/(@noble|fflate|smol-toml))',
    ),
    only(
      'kernel-sees-contract',
      '^os-core/(boot|kernel|drivers)/',
      '^(os-core/(abi|boot|kernel|drivers|eurofs|euronet|security|sdk)|devices/(base|contract))/',
    ),
    only(
      'userland-sees-abi-and-sdk',
      '^os-core/(sdk|shell|services|applications)/',
      '^(os-core/($1|abi|sdk|design-tokens)|devices/base)/',
    ),
    only(
      'renderer-sees-protocol',
      '^renderer/',
      '^(renderer/|electron/protocol/|os-core/design-tokens/|node_modules/pixi|pixi\\.js/)',
    ),
    {
      name: 'only-machine-host-composes',
      severity: 'error',
      from: { path: '^electron/(?!machine-host/|backends/nat/|cli/|protocol/)', pathNot: '\\.test\\.ts$' },
      to: { path: '^(os-core|devices/(?!base/|contract/|backends/))' },
    },
    {
      name: 'nat-borrows-the-stack-only',
      severity: 'error',
      from: { path: '^electron/backends/nat/' },
      to: { path: '^(os-core/(?!euronet/|abi/)|devices/(?!base/|contract/|backends/))' },
    },
    {
      name: 'cli-borrows-libraries-only',
      severity: 'error',
      from: { path: '^electron/cli/' },
      to: { path: '^(os-core/(?!eurofs/|security/|abi/)|devices/(?!base/|contract/|backends/))' },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
  },
};
