// Draws a grid of character cells: one texel per cell says which glyph and which colours, the glyph image says how much.
//
// Cell texel (RGBA32UI): r = slot in the glyph image | style bits << 24, g = foreground 0xRRGGBB, b = background, a unused.

export const cellVertex = `#version 300 es
precision highp float;
in vec2 aPosition;
uniform mat3 uProjectionMatrix;
uniform mat3 uWorldTransformMatrix;
uniform mat3 uTransformMatrix;
out vec2 vPixel;
void main() {
  vPixel = aPosition;
  gl_Position = vec4((uProjectionMatrix * uWorldTransformMatrix * uTransformMatrix * vec3(aPosition, 1.0)).xy, 0.0, 1.0);
}
`;

export const cellFragment = `#version 300 es
precision highp float;
precision highp int;
precision highp usampler2D;
in vec2 vPixel;
uniform usampler2D uCells;
uniform sampler2D uGlyphs;
uniform ivec4 uGrid; // cell width, cell height, columns of the glyph image, 0
out vec4 result;

vec3 unpack(uint colour) {
  return vec3(float((colour >> 16u) & 255u), float((colour >> 8u) & 255u), float(colour & 255u)) / 255.0;
}

void main() {
  ivec2 pixel = ivec2(floor(vPixel));
  ivec2 place = pixel / uGrid.xy;
  ivec2 within = pixel - place * uGrid.xy;
  uvec4 cell = texelFetch(uCells, place, 0);
  int slot = int(cell.r & 0xffffffu);
  uint style = cell.r >> 24u;
  ivec2 source = ivec2(slot % uGrid.z, slot / uGrid.z) * uGrid.xy + within;
  float coverage = texelFetch(uGlyphs, source, 0).r;
  if ((style & 4u) != 0u && within.y == uGrid.y - 3) coverage = 1.0;
  if ((style & 8u) != 0u && within.y == uGrid.y / 2) coverage = 1.0;
  vec3 ink = unpack(cell.g);
  vec3 ground = unpack(cell.b);
  if ((style & 32u) != 0u) {
    vec3 swap = ink;
    ink = ground;
    ground = swap;
  }
  if ((style & 64u) != 0u && within.x < 2) coverage = 1.0;
  result = vec4(mix(ground, ink, coverage), 1.0);
}
`;
