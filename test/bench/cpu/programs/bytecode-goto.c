// The same stack machine as bytecode-calls.c, with a jump through a table of labels at the end of every instruction.
#include "bench.h"

enum { PUSH, LOAD, STORE, ADD, SUBTRACT, MULTIPLY, EXCLUSIVE, SHIFT, JUMP_IF_ODD, STOP };

#include "bytecode-program.h"

static uint64_t work(long count) {
  static const void *const labels[] = {&&push,     &&load,      &&store, &&add,       &&subtract,
                                       &&multiply, &&exclusive, &&shift, &&jumpIfOdd, &&stop};
  uint64_t stack[16], variables[4] = {1, 2, 3, 4}, *top;
  const int32_t *at;
#define NEXT goto *labels[*at++]
start:
  if (count-- <= 0) return fold(variables[0], fold(variables[1], variables[2]));
  at = program;
  top = stack;
  variables[3] = (uint64_t)count;
  NEXT;
push:
  *++top = (uint64_t)*at++;
  NEXT;
load:
  *++top = variables[*at++];
  NEXT;
store:
  variables[*at++] = *top--;
  NEXT;
add:
  top--, top[0] += top[1];
  NEXT;
subtract:
  top--, top[0] -= top[1];
  NEXT;
multiply:
  top--, top[0] *= top[1];
  NEXT;
exclusive:
  top--, top[0] ^= top[1];
  NEXT;
shift:
  top[0] ^= top[0] >> 29;
  NEXT;
jumpIfOdd:
  at += *top-- & 1 ? *at + 1 : 1;
  NEXT;
stop:
  goto start;
}
