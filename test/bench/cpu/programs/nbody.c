// Double floating point: five bodies pull on each other; a round is one step of time (ten pairs, a square root and a division each).
#include "bench.h"
#include <math.h>

enum { BODIES = 5 };

static struct {
  double x, y, z, vx, vy, vz, mass;
} bodies[BODIES] = {
    {0, 0, 0, 0, 0, 0, 40},
    {5, -1, 0.1, 0.6, 2.8, -0.02, 0.04},
    {8, 4, -0.4, -1, 1.8, 0.01, 0.01},
    {13, -15, -0.2, 1.1, 0.9, -0.01, 0.002},
    {15, -26, 0.2, 1, 0.6, -0.03, 0.002},
};

static void step(double time) {
  for (int i = 0; i < BODIES; i++)
    for (int j = i + 1; j < BODIES; j++) {
      const double dx = bodies[i].x - bodies[j].x, dy = bodies[i].y - bodies[j].y, dz = bodies[i].z - bodies[j].z;
      const double squared = dx * dx + dy * dy + dz * dz + 0.01, pull = time / (squared * sqrt(squared));
      bodies[i].vx -= dx * bodies[j].mass * pull;
      bodies[i].vy -= dy * bodies[j].mass * pull;
      bodies[i].vz -= dz * bodies[j].mass * pull;
      bodies[j].vx += dx * bodies[i].mass * pull;
      bodies[j].vy += dy * bodies[i].mass * pull;
      bodies[j].vz += dz * bodies[i].mass * pull;
    }
  for (int i = 0; i < BODIES; i++) {
    bodies[i].x += time * bodies[i].vx;
    bodies[i].y += time * bodies[i].vy;
    bodies[i].z += time * bodies[i].vz;
  }
}

static uint64_t work(long count) {
  while (count-- > 0) step(0.001);
  uint64_t sum = 0, bits;
  for (int i = 0; i < BODIES; i++) {
    memcpy(&bits, &bodies[i].x, sizeof bits);
    sum = fold(sum, bits);
  }
  return sum;
}
