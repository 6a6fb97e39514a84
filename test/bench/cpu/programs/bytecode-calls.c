// An interpreter that calls a function through a table for every instruction of a stack machine. A round is one pass over the
// program of 27 instructions.
#include "bench.h"

struct machine {
  const int32_t *at;
  uint64_t *top, stack[16], variables[4];
  int running;
};

typedef void (*operation)(struct machine *);

static void push(struct machine *m) { *++m->top = (uint64_t)*m->at++; }
static void load(struct machine *m) { *++m->top = m->variables[*m->at++]; }
static void store(struct machine *m) { m->variables[*m->at++] = *m->top--; }
static void add(struct machine *m) { m->top--, m->top[0] += m->top[1]; }
static void subtract(struct machine *m) { m->top--, m->top[0] -= m->top[1]; }
static void multiply(struct machine *m) { m->top--, m->top[0] *= m->top[1]; }
static void exclusive(struct machine *m) { m->top--, m->top[0] ^= m->top[1]; }
static void shift(struct machine *m) { m->top[0] ^= m->top[0] >> 29; }
static void jumpIfOdd(struct machine *m) { m->at += *m->top-- & 1 ? *m->at + 1 : 1; }
static void stop(struct machine *m) { m->running = 0; }

enum { PUSH, LOAD, STORE, ADD, SUBTRACT, MULTIPLY, EXCLUSIVE, SHIFT, JUMP_IF_ODD, STOP };
static const operation operations[] = {push, load, store, add, subtract, multiply, exclusive, shift, jumpIfOdd, stop};

#include "bytecode-program.h"

static uint64_t work(long count) {
  struct machine m = {.variables = {1, 2, 3, 4}};
  while (count-- > 0) {
    m.at = program;
    m.top = m.stack;
    m.running = 1;
    m.variables[3] = (uint64_t)count;
    while (m.running) operations[*m.at++](&m);
  }
  return fold(m.variables[0], fold(m.variables[1], m.variables[2]));
}
