// Page side of generate.mjs: draws with a 2D canvas and returns layouts and coverage. No imports: it is evaluated as text.

const PHASES = 4;
const CELL = { width: 8, height: 20, fontPixels: 40 / 3, baseline: 15 }; // 600/1000 em advance = 8 px

function canvasOf(width, height) {
  const canvas = document.createElement('canvas');
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext('2d', { alpha: false, willReadFrequently: true });
  context.textRendering = 'geometricPrecision'; // linear metrics, no hinting, sub-pixel positions
  context.fontKerning = 'none';
  return context;
}

/** Dark text on light and light on dark get different contrast from the rasteriser, so each is drawn as it will be used. */
function clear(context, dark) {
  context.fillStyle = dark ? '#000' : '#fff';
  context.fillRect(0, 0, context.canvas.width, context.canvas.height);
  context.fillStyle = dark ? '#fff' : '#000';
  context.strokeStyle = context.fillStyle;
}

function coverageOf(context, width, height, dark) {
  const pixels = context.getImageData(0, 0, width, height).data;
  const result = new Uint8Array(width * height);
  for (let index = 0; index < result.length; index++)
    result[index] = dark ? pixels[4 * index] : 255 - pixels[4 * index];
  return result;
}

function boundsOf(coverage, width, height) {
  let left = width;
  let right = 0;
  let top = height;
  let bottom = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      if (coverage[y * width + x] === 0) continue;
      left = Math.min(left, x);
      right = Math.max(right, x + 1);
      top = Math.min(top, y);
      bottom = Math.max(bottom, y + 1);
    }
  }
  return right === 0 ? null : { left, right, top, bottom };
}

/** Shelves: sorted by height, left to right, one empty pixel between neighbours. */
function pack(images, width) {
  const sorted = [...images].sort((a, b) => b.height - a.height || b.width - a.width);
  let x = 0;
  let y = 0;
  let shelf = 0;
  for (const image of sorted) {
    if (x + image.width > width) {
      x = 0;
      y += shelf + 1;
      shelf = 0;
    }
    image.x = x;
    image.y = y;
    x += image.width + 1;
    shelf = Math.max(shelf, image.height);
  }
  const height = y + shelf;
  const coverage = new Uint8Array(width * height);
  for (const image of sorted) {
    for (let row = 0; row < image.height; row++) {
      coverage.set(image.data.subarray(row * image.width, (row + 1) * image.width), (image.y + row) * width + image.x);
    }
  }
  return { width, height, coverage };
}

function drawGlyph(context, font, code, phases) {
  const margin = Math.ceil(font.size * 0.6);
  const text = String.fromCodePoint(code);
  const advance = context.measureText(text).width;
  const width = Math.ceil(advance) + 2 * margin + 2;
  const height = Math.ceil(font.size * 2);
  const baseline = Math.ceil(font.size * 1.4);
  const drawings = [];
  let bounds = null;
  for (let phase = 0; phase < phases; phase++) {
    clear(context, false);
    context.fillText(text, margin + phase / PHASES, baseline);
    const coverage = coverageOf(context, width, height, false);
    const own = boundsOf(coverage, width, height);
    drawings.push(coverage);
    if (own === null) continue;
    bounds =
      bounds === null
        ? own
        : {
            left: Math.min(bounds.left, own.left),
            right: Math.max(bounds.right, own.right),
            top: Math.min(bounds.top, own.top),
            bottom: Math.max(bounds.bottom, own.bottom),
          };
  }
  if (bounds === null) return { advance, image: null };
  const glyphWidth = bounds.right - bounds.left;
  const glyphHeight = bounds.bottom - bounds.top;
  const data = new Uint8Array(glyphWidth * phases * glyphHeight);
  for (let phase = 0; phase < phases; phase++) {
    for (let row = 0; row < glyphHeight; row++) {
      const from = (bounds.top + row) * width + bounds.left;
      data.set(drawings[phase].subarray(from, from + glyphWidth), row * glyphWidth * phases + phase * glyphWidth);
    }
  }
  return {
    advance,
    image: { width: glyphWidth * phases, height: glyphHeight, data },
    glyphWidth,
    offsetX: bounds.left - margin,
    offsetY: bounds.top - baseline,
  };
}

function kerningOf(context, codes) {
  const ascii = codes.filter((code) => code > 0x20 && code < 0x7f);
  context.fontKerning = 'normal';
  context.fontVariantCaps = 'normal';
  const alone = new Map(ascii.map((code) => [code, context.measureText(String.fromCharCode(code)).width]));
  const pairs = {};
  for (const first of ascii) {
    for (const second of ascii) {
      const width = context.measureText(String.fromCharCode(first, second)).width;
      const kerning = width - alone.get(first) - alone.get(second);
      if (Math.abs(kerning) >= 0.05) pairs[String.fromCharCode(first, second)] = Math.round(kerning * 100) / 100;
    }
  }
  context.fontKerning = 'none';
  return pairs;
}

/** Icons of the mock-up: 24-unit drawings with round strokes of 1.6, shown 22 px wide. */
const ICONS = {
  terminal: ['M5 7l5 5-5 5M12 18h7'],
  files: ['M3 7a2 2 0 012-2h4l2 2h8a2 2 0 012 2v8a2 2 0 01-2 2H5a2 2 0 01-2-2z'],
  inspector: ['M5 11a6 6 0 1 0 12 0a6 6 0 1 0 -12 0', 'M16 16l5 5'],
  monitor: ['M3 12h4l3-7 4 14 3-7h4'],
  security: ['M12 3l8 4v5c0 5-3.5 8-8 9-4.5-1-8-4-8-9V7z'],
  settings: [
    'M9 12a3 3 0 1 0 6 0a3 3 0 1 0 -6 0',
    'M12 3v3M12 18v3M3 12h3M18 12h3M5.6 5.6l2.1 2.1M16.3 16.3l2.1 2.1M5.6 18.4l2.1-2.1M16.3 7.7l2.1-2.1',
  ],
};

/** Pointer shapes on a 24-unit field: the body is filled, the edge is what sticks out around it. */
const CURSORS = {
  arrow: { path: 'M5 3 L5 18.2 L8.9 14.6 L11.4 20.4 L13.9 19.3 L11.4 13.6 L16.6 13.2 Z', hotspot: [5, 3] },
  text: {
    path: 'M9 4h2.2l.8.6.8-.6H15v1.3h-1.7l-.6.6v12.2l.6.6H15V20h-2.2l-.8-.6-.8.6H9v-1.3h1.7l.6-.6V5.9l-.6-.6H9z',
    hotspot: [12, 12],
  },
  move: {
    path: 'M12 2.5l3.2 3.4h-2.4v5.3h5.3V8.8l3.4 3.2-3.4 3.2v-2.4h-5.3v5.3h2.4L12 21.5l-3.2-3.4h2.4v-5.3H5.9v2.4L2.5 12l3.4-3.2v2.4h5.3V5.9H8.8z',
    hotspot: [12, 12],
  },
  hand: {
    path: 'M9.2 11.4V4.6c0-.9.6-1.5 1.4-1.5s1.4.6 1.4 1.5v4.9c.2-.6.7-.9 1.3-.9.7 0 1.2.4 1.3 1.1.3-.4.7-.6 1.2-.6.7 0 1.2.4 1.3 1.1.3-.3.7-.5 1.1-.5.8 0 1.3.6 1.3 1.5v4.2c0 3.2-2 5.4-5.2 5.4-2.3 0-3.6-.9-4.7-2.7l-3.2-5.3c-.4-.7-.2-1.4.4-1.7.6-.4 1.3-.2 1.8.4z',
    hotspot: [10.6, 3.1],
  },
};

function drawShape(context, size, draw) {
  clear(context, false);
  context.save();
  draw(context);
  context.restore();
  return { width: size, height: size, data: coverageOf(context, size, size, false) };
}

function drawInterface(job) {
  const context = canvasOf(160, 120);
  const images = [];
  const fonts = {};
  for (const font of job) {
    context.font = `${font.size}px "${font.family}"`;
    const metrics = context.measureText('Hg');
    const glyphs = {};
    for (const [codes, phases] of [
      [font.phased, PHASES],
      [font.plain, 1],
    ]) {
      for (const code of codes) {
        const drawn = drawGlyph(context, font, code, phases);
        const entry = { advance: Math.round(drawn.advance * 1000) / 1000, drawn, phases };
        if (drawn.image) images.push(drawn.image);
        glyphs[code] = entry;
      }
    }
    fonts[font.name] = {
      size: font.size,
      ascent: metrics.fontBoundingBoxAscent,
      descent: metrics.fontBoundingBoxDescent,
      kerning: kerningOf(context, font.phased),
      glyphs,
    };
  }

  const shapes = {};
  const addShape = (name, size, draw, hotspot) => {
    const image = drawShape(context, size, draw);
    images.push(image);
    shapes[name] = { image, hotspot };
  };
  for (const [name, paths] of Object.entries(ICONS)) {
    addShape(`icon-${name}`, 22, (target) => {
      target.scale(22 / 24, 22 / 24);
      target.lineWidth = 1.6;
      target.lineCap = 'round';
      target.lineJoin = 'round';
      for (const path of paths) target.stroke(new Path2D(path));
    });
  }
  addShape('stars', 40, (target) => {
    // Flag of Europe: twelve upright five-pointed stars on a circle; star radius 1/6 of the circle's.
    const starRadius = 2.6;
    for (let star = 0; star < 12; star++) {
      const angle = (star * Math.PI) / 6;
      const centreX = 20 + Math.sin(angle) * 13;
      const centreY = 20 - Math.cos(angle) * 13;
      target.beginPath();
      for (let corner = 0; corner < 10; corner++) {
        const radius = corner % 2 === 0 ? starRadius : starRadius * 0.382;
        const direction = (corner * Math.PI) / 5;
        target.lineTo(centreX + Math.sin(direction) * radius, centreY - Math.cos(direction) * radius);
      }
      target.closePath();
      target.fill();
    }
  });
  for (const [name, cursor] of Object.entries(CURSORS)) {
    const body = new Path2D(cursor.path);
    addShape(
      `cursor-${name}-edge`,
      26,
      (target) => {
        target.translate(1, 1);
        target.lineWidth = 2.6;
        target.lineJoin = 'round';
        target.stroke(body);
        target.fill(body);
      },
      cursor.hotspot.map((value) => Math.round(value + 1)),
    );
    addShape(
      `cursor-${name}-body`,
      26,
      (target) => {
        target.translate(1, 1);
        target.fill(body);
      },
      cursor.hotspot.map((value) => Math.round(value + 1)),
    );
  }

  const packed = pack(images, 1024);
  for (const font of Object.values(fonts)) {
    for (const [code, { advance, drawn, phases }] of Object.entries(font.glyphs)) {
      const image = drawn.image;
      font.glyphs[code] = image
        ? [advance, image.x, image.y, drawn.glyphWidth, image.height, drawn.offsetX, drawn.offsetY, phases]
        : [advance];
    }
  }
  const shapeEntries = {};
  for (const [name, { image, hotspot }] of Object.entries(shapes)) {
    shapeEntries[name] = {
      x: image.x,
      y: image.y,
      width: image.width,
      height: image.height,
      hotspot: hotspot ?? [0, 0],
    };
  }
  return {
    width: packed.width,
    height: packed.height,
    phases: PHASES,
    fonts,
    shapes: shapeEntries,
    coverage: packed.coverage,
  };
}

// Box drawing, U+2500 to U+257F: weights of the arms up, right, down, left. 0 none, 1 light, 2 heavy, 3 double.
// Dashes are drawn as full lines, arcs as corners with the outer pixel left out.
const BOX_ARMS =
  '0101 0202 1010 2020 0101 0202 1010 2020 0101 0202 1010 2020 0110 0210 0120 0220 ' +
  '0011 0012 0021 0022 1100 1200 2100 2200 1001 1002 2001 2002 1110 1210 2110 1120 ' +
  '2120 2210 1220 2220 1011 1012 2011 1021 2021 2012 1022 2022 0111 0112 0211 0212 ' +
  '0121 0122 0221 0222 1101 1102 1201 1202 2101 2102 2201 2202 1111 1112 1211 1212 ' +
  '2111 1121 2121 2112 2211 1122 1221 2212 1222 2122 2221 2222 0101 0202 1010 2020 ' +
  '0303 3030 0310 0130 0330 0013 0031 0033 1300 3100 3300 1003 3001 3003 1310 3130 ' +
  '3330 1013 3031 3033 0313 0131 0333 1303 3101 3303 1313 3131 3333 0110 0011 1001 ' +
  '1100 0000 0000 0000 0001 1000 0100 0010 0002 2000 0200 0020 0201 1020 0102 2010';

function drawBox(context, code) {
  const arms = BOX_ARMS.split(' ')[code - 0x2500];
  const [up, right, down, left] = Array.from(arms, Number);
  const { width, height } = CELL;
  const centreX = 4;
  const centreY = 10;
  if (code >= 0x2571 && code <= 0x2573) {
    context.lineWidth = 1.2;
    context.beginPath();
    if (code !== 0x2572) {
      context.moveTo(0, height);
      context.lineTo(width, 0);
    }
    if (code !== 0x2571) {
      context.moveTo(0, 0);
      context.lineTo(width, height);
    }
    context.stroke();
    return;
  }
  if (code >= 0x256d && code <= 0x2570) {
    context.lineWidth = 1;
    const endX = code === 0x256d || code === 0x2570 ? width : 0;
    const endY = code <= 0x256e ? height : 0;
    context.beginPath();
    context.moveTo(endX, centreY + 0.5);
    context.quadraticCurveTo(centreX + 0.5, centreY + 0.5, centreX + 0.5, centreY + (endY > 0 ? 4 : -3));
    context.lineTo(centreX + 0.5, endY);
    context.stroke();
    return;
  }
  const fill = (x0, y0, x1, y1) => context.fillRect(x0, y0, x1 - x0, y1 - y0);
  // One arm = its strokes as offsets from the centre line; light and heavy run into the centre, double ones stop where the
  // crossing pair of lines on the same side takes over.
  const strokes = {
    0: [],
    1: [[0, 1]],
    2: [[-0.5, 2]],
    3: [
      [-2, 1],
      [2, 1],
    ],
  };
  const starts = (offset, before, after, self) => {
    if (self !== 3) return before === 3 && after === 3 ? 2 : before === 3 || after === 3 ? 2 : 0;
    const side = offset < 0 ? before : after;
    const other = offset < 0 ? after : before;
    if (side === 3) return 2;
    return other === 3 ? -2 : 0;
  };
  for (const [offset, thickness] of strokes[right]) {
    const y = centreY + Math.floor(offset);
    fill(centreX + starts(offset, up, down, right), y, width, y + thickness);
  }
  for (const [offset, thickness] of strokes[left]) {
    const y = centreY + Math.floor(offset);
    fill(0, y, centreX + 1 - starts(offset, up, down, left), y + thickness);
  }
  for (const [offset, thickness] of strokes[down]) {
    const x = centreX + Math.floor(offset);
    fill(x, centreY + starts(offset, left, right, down), x + thickness, height);
  }
  for (const [offset, thickness] of strokes[up]) {
    const x = centreX + Math.floor(offset);
    fill(x, 0, x + thickness, centreY + 1 - starts(offset, left, right, up));
  }
}

function drawBlock(context, code) {
  const { width, height } = CELL;
  const fill = (x0, y0, x1, y1) => context.fillRect(x0, y0, x1 - x0, y1 - y0);
  if (code === 0x2580) fill(0, 0, width, height / 2);
  else if (code <= 0x2588) fill(0, height - Math.round(((code - 0x2580) * height) / 8), width, height);
  else if (code <= 0x258f) fill(0, 0, 0x2590 - code, height);
  else if (code === 0x2590) fill(width / 2, 0, width, height);
  else if (code <= 0x2593) {
    context.globalAlpha = (code - 0x2590) / 4;
    fill(0, 0, width, height);
    context.globalAlpha = 1;
  } else if (code === 0x2594) fill(0, 0, width, 2);
  else if (code === 0x2595) fill(width - 1, 0, width, height);
  else {
    // Quadrants: bits upper left 1, upper right 2, lower left 4, lower right 8.
    const quadrants = [4, 8, 1, 13, 9, 7, 11, 2, 6, 14][code - 0x2596];
    if (quadrants & 1) fill(0, 0, width / 2, height / 2);
    if (quadrants & 2) fill(width / 2, 0, width, height / 2);
    if (quadrants & 4) fill(0, height / 2, width / 2, height);
    if (quadrants & 8) fill(width / 2, height / 2, width, height);
  }
}

function drawTerminal(faces) {
  const columns = 64;
  const context = canvasOf(CELL.width, CELL.height);
  const count = faces.reduce((sum, face) => sum + face.codes.length, 0);
  const width = columns * CELL.width;
  const height = Math.ceil(count / columns) * CELL.height;
  const coverage = new Uint8Array(width * height);
  let slot = 0;
  const layout = {};
  for (const face of faces) {
    context.font = `${CELL.fontPixels}px "${face.family}"`;
    layout[face.name] = { firstSlot: slot, codes: ranges(face.codes) };
    for (const code of face.codes) {
      clear(context, true);
      if (code >= 0x2500 && code <= 0x257f) drawBox(context, code);
      else if (code >= 0x2580 && code <= 0x259f) drawBlock(context, code);
      else context.fillText(String.fromCodePoint(code), 0, CELL.baseline);
      const glyph = coverageOf(context, CELL.width, CELL.height, true);
      const left = (slot % columns) * CELL.width;
      const top = Math.floor(slot / columns) * CELL.height;
      for (let row = 0; row < CELL.height; row++) {
        coverage.set(glyph.subarray(row * CELL.width, (row + 1) * CELL.width), (top + row) * width + left);
      }
      slot++;
    }
  }
  return { width, height, columns, cellWidth: CELL.width, cellHeight: CELL.height, faces: layout, coverage };
}

/** [first, last] pairs of ascending code points. */
function ranges(codes) {
  const result = [];
  for (const code of codes) {
    const last = result[result.length - 1];
    if (last && last[1] === code - 1) last[1] = code;
    else result.push([code, code]);
  }
  return result;
}

function toBase64(bytes) {
  let text = '';
  for (let start = 0; start < bytes.length; start += 0x8000) {
    text += String.fromCharCode(...bytes.subarray(start, start + 0x8000));
  }
  return btoa(text);
}

// biome-ignore lint/correctness/noUnusedVariables: called by electron-main.cjs
async function drawAll(job) {
  for (const { family, data } of job.fonts) {
    const face = new FontFace(family, Uint8Array.from(atob(data), (character) => character.charCodeAt(0)).buffer);
    document.fonts.add(await face.load());
  }
  const results = { interface: drawInterface(job.interface), terminal: drawTerminal(job.terminal) };
  for (const result of Object.values(results)) result.coverage = toBase64(result.coverage);
  return results;
}
