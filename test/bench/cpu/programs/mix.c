// A mix of everyday integer code: a linked list is searched, reversed and sorted; small matrices are multiplied; a state machine
// classifies numbers in a text. A round does each once.
#include "bench.h"

enum { NODES = 200, SIDE = 12 };

// --- list ---

struct node {
  struct node *next;
  int32_t key, value;
};

static struct node nodes[NODES];

static struct node *reversed(struct node *list) {
  struct node *result = NULL;
  while (list != NULL) {
    struct node *next = list->next;
    list->next = result;
    result = list;
    list = next;
  }
  return result;
}

typedef int (*comparison)(const struct node *, const struct node *);
static int byKey(const struct node *a, const struct node *b) { return a->key < b->key ? -1 : a->key > b->key; }
static int byValue(const struct node *a, const struct node *b) { return a->value < b->value ? -1 : a->value > b->value; }

/** Merge sort, bottom up: bin i holds a sorted run of 2^i nodes. */
static struct node *merged(struct node *a, struct node *b, comparison compare) {
  struct node *first = NULL, **tail = &first;
  while (a != NULL && b != NULL) {
    struct node **smaller = compare(a, b) <= 0 ? &a : &b;
    *tail = *smaller;
    *smaller = (*smaller)->next;
    tail = &(*tail)->next;
  }
  *tail = a != NULL ? a : b;
  return first;
}

static struct node *sorted(struct node *list, comparison compare) {
  struct node *bins[16] = {NULL};
  while (list != NULL) {
    struct node *run = list;
    list = list->next;
    run->next = NULL;
    int i = 0;
    for (; bins[i] != NULL; i++) {
      run = merged(bins[i], run, compare);
      bins[i] = NULL;
    }
    bins[i] = run;
  }
  struct node *result = NULL;
  for (int i = 0; i < 16; i++) result = merged(bins[i], result, compare);
  return result;
}

static uint64_t listRound(struct node **list, long round) {
  uint64_t sum = 0;
  for (int32_t wanted = 0; wanted < 12; wanted++) {
    const struct node *at = *list;
    while (at != NULL && at->key % 97 != (wanted * 7 + round) % 97) at = at->next;
    sum = fold(sum, at == NULL ? 0 : (uint64_t)at->value);
  }
  *list = sorted(reversed(*list), round & 1 ? byKey : byValue);
  (*list)->value ^= (int32_t)round & 0xff;
  return fold(sum, (uint64_t)(*list)->key);
}

// --- matrix ---

static int16_t left[SIDE][SIDE], up[SIDE][SIDE];
static int32_t product[SIDE][SIDE];

static uint64_t matrixRound(long round) {
  uint64_t sum = 0;
  for (int i = 0; i < SIDE; i++)
    for (int j = 0; j < SIDE; j++) {
      int32_t total = 0;
      for (int k = 0; k < SIDE; k++) total += left[i][k] * up[k][j];
      product[i][j] = total;
    }
  for (int i = 0; i < SIDE; i++)
    for (int j = 0; j < SIDE; j++) {
      sum += (uint64_t)(product[i][j] >> 3 & 0x7f) * (product[i][j] > 0 ? 5 : 11);
      left[i][j] = (int16_t)(left[i][j] + (product[j][i] & 3) - (round & 1));
    }
  return sum;
}

// --- state machine ---

enum state { START, SIGN, INTEGER, POINT, FRACTION, EXPONENT, EXPONENT_SIGN, POWER, INVALID, STATES };

static enum state stepped(enum state state, char c) {
  const int digit = c >= '0' && c <= '9';
  switch (state) {
    case START: return digit ? INTEGER : c == '+' || c == '-' ? SIGN : c == '.' ? POINT : INVALID;
    case SIGN: return digit ? INTEGER : c == '.' ? POINT : INVALID;
    case INTEGER: return digit ? INTEGER : c == '.' ? FRACTION : c == 'e' || c == 'E' ? EXPONENT : INVALID;
    case POINT: return digit ? FRACTION : INVALID;
    case FRACTION: return digit ? FRACTION : c == 'e' || c == 'E' ? EXPONENT : INVALID;
    case EXPONENT: return digit ? POWER : c == '+' || c == '-' ? EXPONENT_SIGN : INVALID;
    case EXPONENT_SIGN:
    case POWER: return digit ? POWER : INVALID;
    default: return INVALID;
  }
}

static char text[] = "5012,-874,+122,35.54400,-110.700,+0.64400,5.500e+3,-.123e-2,-87e+832,+0.6e-12,T0.3e-1F,-T.T++Tq,1T3.4e4z,34.0e-T^,";

static uint64_t stateRound(long round) {
  uint32_t visits[STATES] = {0}, ends[STATES] = {0};
  enum state state = START;
  text[round % (long)(sizeof text - 1)] ^= 1;
  for (const char *at = text; *at != 0; at++) {
    if (*at == ',') {
      ends[state]++;
      state = START;
      continue;
    }
    state = stepped(state, *at);
    visits[state]++;
  }
  uint64_t sum = 0;
  for (int i = 0; i < STATES; i++) sum = fold(sum, visits[i] << 8 | ends[i]);
  return sum;
}

static uint64_t work(long count) {
  uint64_t random = 88172645463325252u, sum = 0;
  for (int i = 0; i < NODES; i++)
    nodes[i] = (struct node){i + 1 < NODES ? &nodes[i + 1] : NULL, (int32_t)(scramble(&random) & 0x7fff), i};
  for (int i = 0; i < SIDE * SIDE; i++) {
    left[0][i] = (int16_t)(scramble(&random) & 0xff);
    up[0][i] = (int16_t)(scramble(&random) & 0xff) - 128;
  }
  struct node *list = nodes;
  for (long round = 0; round < count; round++) {
    sum = fold(sum, listRound(&list, round));
    sum = fold(sum, matrixRound(round));
    sum = fold(sum, stateRound(round));
  }
  return sum;
}
