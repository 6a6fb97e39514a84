// The shader of the painter (see there for the vertex layout) and the small ones beside it. GLSL ES 3.00; the three matrices are
// Pixi's. All outputs are premultiplied.

const position = `
uniform mat3 uProjectionMatrix;
uniform mat3 uWorldTransformMatrix;
uniform mat3 uTransformMatrix;
vec4 toClip(vec2 pixel) {
  return vec4((uProjectionMatrix * uWorldTransformMatrix * uTransformMatrix * vec3(pixel, 1.0)).xy, 0.0, 1.0);
}
`;

export const painterVertex = `#version 300 es
precision highp float;
in vec2 aPosition;
in vec2 aLocal;
in vec4 aShape;
in vec2 aExtra;
in vec4 aFill;
in vec4 aBorder;
out vec2 vLocal;
flat out vec4 vShape;
flat out float vExtra;
flat out vec4 vFill;
flat out vec4 vBorder;
${position}
void main() {
  vLocal = aLocal;
  vShape = aShape;
  vExtra = aExtra.x;
  vFill = aFill;
  vBorder = aBorder;
  gl_Position = toClip(aPosition);
}
`;

export const painterFragment = `#version 300 es
precision highp float;
in vec2 vLocal;
flat in vec4 vShape;
flat in float vExtra;
flat in vec4 vFill;
flat in vec4 vBorder;
uniform sampler2D uInterface;
out vec4 result;

float distanceToBox(vec2 point, vec2 halfSize, float radius) {
  vec2 q = abs(point) - halfSize + radius;
  return min(max(q.x, q.y), 0.0) + length(max(q, 0.0)) - radius;
}

// Abramowitz and Stegun 7.1.27, error below 5e-4.
vec2 errorFunction(vec2 x) {
  vec2 s = sign(x);
  vec2 a = abs(x);
  x = 1.0 + (0.278393 + (0.230389 + 0.078108 * (a * a)) * a) * a;
  x *= x;
  return s - s / (x * x);
}

// Gaussian blur of a rounded box: exact along x, summed over rows along y.
float shadowOf(vec2 point, vec2 halfSize, float radius, float sigma) {
  float low = max(-halfSize.y, point.y - 3.0 * sigma);
  float high = min(halfSize.y, point.y + 3.0 * sigma);
  if (low >= high) return 0.0;
  const int ROWS = 32;
  float stepSize = (high - low) / float(ROWS);
  float sum = 0.0;
  for (int row = 0; row < ROWS; row++) {
    float y = low + (float(row) + 0.5) * stepSize;
    float delta = min(halfSize.y - radius - abs(y), 0.0);
    float curved = halfSize.x - radius + sqrt(max(0.0, radius * radius - delta * delta));
    vec2 integral = 0.5 + 0.5 * errorFunction((point.x + vec2(-curved, curved)) * (0.70710678 / sigma));
    float away = (point.y - y) / sigma;
    sum += (integral.y - integral.x) * exp(-0.5 * away * away) * stepSize;
  }
  return clamp(sum * 0.39894228 / sigma, 0.0, 1.0);
}

void main() {
  int kind = int(vShape.w + 0.5);
  if (kind == 1) {
    float coverage = texelFetch(uInterface, ivec2(floor(vLocal)), 0).r * vFill.a;
    result = vec4(vFill.rgb * coverage, coverage);
    return;
  }
  if (kind == 2) {
    float alpha = shadowOf(vLocal, vShape.xy, vShape.z, vExtra) * vFill.a;
    result = vec4(vFill.rgb * alpha, alpha);
    return;
  }
  float far = distanceToBox(vLocal, vShape.xy, vShape.z);
  float coverage = clamp(0.5 - far, 0.0, 1.0);
  if (kind == 3) {
    result = vec4(0.0, 0.0, 0.0, 1.0 - coverage);
    return;
  }
  float inside = clamp(0.5 - (far + vExtra), 0.0, 1.0);
  vec4 fill = vec4(vFill.rgb * vFill.a, vFill.a);
  vec4 border = vec4(vBorder.rgb * vBorder.a, vBorder.a);
  result = mix(border, fill, inside) * coverage;
}
`;

/** Puts a cached picture on whole pixels: no filtering, no arithmetic. */
export const copyVertex = `#version 300 es
precision highp float;
in vec2 aPosition;
in vec2 aTexel;
out vec2 vTexel;
${position}
void main() {
  vTexel = aTexel;
  gl_Position = toClip(aPosition);
}
`;

export const copyFragment = `#version 300 es
precision highp float;
in vec2 vTexel;
uniform sampler2D uPicture;
out vec4 result;
void main() {
  result = texelFetch(uPicture, ivec2(floor(vTexel)), 0);
}
`;

/** The same for pictures from the guest, whose alpha means nothing. */
export const opaqueFragment = copyFragment.replace(
  'texelFetch(uPicture, ivec2(floor(vTexel)), 0)',
  'vec4(texelFetch(uPicture, ivec2(floor(vTexel)), 0).rgb, 1.0)',
);

/** The wallpaper: two ellipses of light on a diagonal gradient, a grid of dots; drawn once per desktop size. */
export const wallpaperFragment = `#version 300 es
precision highp float;
in vec2 vTexel;
uniform vec2 uSize;
uniform vec3 uCool;
uniform vec3 uMiddle;
uniform vec3 uWarm;
uniform vec3 uAccent;
uniform vec3 uGold;
uniform vec3 uInk;
out vec4 result;

float glow(vec2 at, vec2 centre, vec2 radii, float end) {
  return 0.20 * clamp(1.0 - length((at - centre) / radii) / end, 0.0, 1.0);
}

void main() {
  // CSS linear-gradient(135deg): along the diagonal direction, ends where the corners' perpendiculars meet the line.
  float along = dot(vTexel - uSize * 0.5, vec2(0.70710678)) / (dot(uSize, vec2(0.70710678))) + 0.5;
  vec3 colour = along < 0.52 ? mix(uCool, uMiddle, along / 0.52) : mix(uMiddle, uWarm, (along - 0.52) / 0.48);
  colour = mix(colour, uGold, glow(vTexel, vec2(0.10, 1.0) * uSize, vec2(900.0, 800.0), 0.60));
  colour = mix(colour, uAccent, glow(vTexel, vec2(0.78, 0.12) * uSize, vec2(900.0, 700.0), 0.65));
  float dot24 = length(mod(vTexel, 24.0) - 12.0);
  colour = mix(colour, uInk, 0.07 * clamp((1.2 - dot24) / 0.2, 0.0, 1.0));
  // Half a grey level of ordered noise: the gradient is slow, its bands would show.
  vec2 cell = floor(vTexel);
  float noise = fract(52.9829189 * fract(dot(cell, vec2(0.06711056, 0.00583715)))) - 0.5;
  result = vec4(colour + noise / 255.0, 1.0);
}
`;
