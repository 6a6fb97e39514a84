// Draws every glyph and icon that the desktop uses, once, into two images that the repository holds:
//
//   renderer/design-system/glyphs/interface.{png,json}   Inter in the sizes of the design, icons, cursors
//   renderer/design-system/glyphs/terminal.{png,json}    JetBrains Mono in cells of 8 x 20, with box drawing drawn by hand
//
// The desktop never draws text with a canvas: its pixels would differ from one Chromium version to the next, and the golden
// images with them. Run it only to change the set:
//
//   apt-get install fonts-inter fonts-jetbrains-mono xvfb && node build/glyphs/generate.mjs
//
// An image is 8-bit grey: the value is coverage. Interface glyphs come in four horizontal quarter-pixel phases, side by side, so
// that proportional text is spaced as its advances say.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PNG } from 'pngjs';
import { resolveElectron } from '../setup/electron-runtime.mjs';

const here = dirname(fileURLToPath(import.meta.url));
const outputFolder = join(here, '../../renderer/design-system/glyphs');
const inter = (weight) => `/usr/share/fonts/opentype/inter/Inter-${weight}.otf`;
const jetBrains = (weight) => `/usr/share/fonts/truetype/jetbrains-mono/JetBrainsMono-${weight}.ttf`;

const ranges = {
  ascii: [[0x20, 0x7e]],
  latin: [[0xa0, 0xff]],
  european: [
    [0x100, 0x17f], // Latin Extended-A
    [0x218, 0x21b], // Romanian comma below
    [0x384, 0x3ce], // Greek
    [0x400, 0x45f], // Cyrillic
    [0x1e9e, 0x1e9e], // capital sharp s
    [0x2010, 0x2015],
    [0x2018, 0x201e],
    [0x2022, 0x2022],
    [0x2026, 0x2026],
    [0x2030, 0x2030],
    [0x2039, 0x203a],
    [0x20ac, 0x20ac], // euro
    [0x2190, 0x2193],
    [0x2212, 0x2212],
    [0x2260, 0x2265],
    [0x2318, 0x2318],
    [0x25cf, 0x25cf],
    [0x2713, 0x2717],
    [0xfffd, 0xfffd],
  ],
  terminal: [
    [0x20, 0x7e],
    [0xa0, 0x17f],
    [0x18f, 0x19f],
    [0x218, 0x21b],
    [0x384, 0x3ce],
    [0x400, 0x45f],
    [0x490, 0x491],
    [0x1e9e, 0x1e9e],
    [0x2010, 0x2027],
    [0x2030, 0x203e],
    [0x2070, 0x208e],
    [0x20ac, 0x20ac],
    [0x20bf, 0x20bf],
    [0x2116, 0x2122],
    [0x2190, 0x21ff],
    [0x2200, 0x22ff],
    [0x2300, 0x23ff],
    [0x2500, 0x259f],
    [0x25a0, 0x25ff],
    [0x2600, 0x26ff],
    [0x2700, 0x27bf],
    [0xe0a0, 0xe0b3],
    [0xfffd, 0xfffd],
  ],
};

/** The styles of the interface: name, font file, size in px, which characters. */
const styles = [
  ['light44', 'Light', 44, ['ascii']],
  ['semibold20', 'SemiBold', 20, ['ascii', 'latin', 'european']],
  ['regular13', 'Regular', 13, ['ascii', 'latin', 'european']],
  ['semibold13', 'SemiBold', 13, ['ascii', 'latin', 'european']],
  ['bold13', 'Bold', 13, ['ascii', 'latin', 'european']],
  ['regular12', 'Regular', 12, ['ascii', 'latin', 'european']],
  ['semibold12', 'SemiBold', 12, ['ascii', 'latin', 'european']],
  ['regular11', 'Regular', 11, ['ascii', 'latin', 'european']],
  ['semibold11', 'SemiBold', 11, ['ascii', 'latin', 'european']],
  ['regular10', 'Regular', 10, ['ascii', 'latin', 'european']],
].map(([name, weight, size, sets]) => ({ name, weight, size, file: inter(weight), sets }));

const terminalFaces = [
  { name: 'regular', file: jetBrains('Regular'), ranges: ranges.terminal },
  { name: 'bold', file: jetBrains('Bold'), ranges: ranges.terminal },
  { name: 'italic', file: jetBrains('Italic'), ranges: [...ranges.ascii, ...ranges.latin] },
  { name: 'boldItalic', file: jetBrains('BoldItalic'), ranges: [...ranges.ascii, ...ranges.latin] },
];

/** The code points that the font has, by fontconfig's reading of its character map. */
function charactersOf(file) {
  const text = execFileSync('fc-query', ['--format', '%{charset}', file], { encoding: 'utf8' });
  const covered = new Set();
  for (const part of text.trim().split(/\s+/)) {
    const [first, last = first] = part.split('-').map((value) => Number.parseInt(value, 16));
    for (let code = first; code <= last; code++) covered.add(code);
  }
  return covered;
}

function expand(list, covered, drawnByHand) {
  const codes = [];
  for (const [first, last] of list) {
    for (let code = first; code <= last; code++) {
      if (covered.has(code) || drawnByHand(code)) codes.push(code);
    }
  }
  return codes;
}

const job = {
  interface: styles.map((style) => {
    const covered = charactersOf(style.file);
    return {
      name: style.name,
      family: `Inter ${style.weight}`,
      size: style.size,
      phased: expand(
        style.sets.filter((set) => set !== 'european').flatMap((set) => ranges[set]),
        covered,
        () => false,
      ),
      plain: style.sets.includes('european') ? expand(ranges.european, covered, () => false) : [],
    };
  }),
  terminal: terminalFaces.map((face) => ({
    name: face.name,
    family: `JetBrains ${face.name}`,
    codes: expand(face.ranges, charactersOf(face.file), (code) => code >= 0x2500 && code <= 0x259f),
  })),
  fonts: [
    ...new Map(styles.map((style) => [`Inter ${style.weight}`, style.file])).entries(),
    ...terminalFaces.map((face) => [`JetBrains ${face.name}`, face.file]),
  ].map(([family, file]) => ({ family, data: readFileSync(file).toString('base64') })),
};

const work = mkdtempSync(join(tmpdir(), 'euroos-glyphs-'));
const screen = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '640x480x24', '-nolisten', 'tcp'], {
  stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
});
try {
  const display = await new Promise((resolve, reject) => {
    screen.stdio[3].once('data', (data) => resolve(`:${data.toString().trim()}`));
    screen.once('error', reject);
    screen.once('exit', () => reject(new Error('Xvfb did not start')));
  });
  writeFileSync(join(work, 'job.json'), JSON.stringify(job));
  const electron = await resolveElectron({ log: console.error });
  const options = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  const run = spawnSync(electron, [...options, join(here, 'electron-main.cjs'), work], {
    env: { ...process.env, DISPLAY: display },
    encoding: 'utf8',
    timeout: 180_000,
    maxBuffer: 1 << 26,
  });
  if (run.status !== 0) throw new Error(`Electron: status ${run.status}\n${run.stdout}\n${run.stderr}`);
  for (const name of ['interface', 'terminal']) {
    const result = JSON.parse(readFileSync(join(work, `${name}.json`), 'utf8'));
    const coverage = readFileSync(join(work, `${name}.bin`));
    const png = new PNG({
      width: result.width,
      height: result.height,
      colorType: 0,
      inputColorType: 0,
      inputHasAlpha: false,
    });
    png.data = coverage;
    writeFileSync(
      join(outputFolder, `${name}.png`),
      PNG.sync.write(png, { colorType: 0, inputColorType: 0, inputHasAlpha: false, deflateLevel: 9 }),
    );
    writeFileSync(join(outputFolder, `${name}.json`), `${JSON.stringify(result)}\n`);
    console.log(`${name}: ${result.width} x ${result.height}`);
  }
} finally {
  screen.kill();
  rmSync(work, { recursive: true, force: true });
}
