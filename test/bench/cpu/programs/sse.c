// Integer vectors (SSE2): a round blends two rows of 1,024 pixels with saturation, finds the greatest, sums them up and mixes words.
#include "bench.h"
#include <emmintrin.h>

enum { BYTES = 4096 };
static _Alignas(16) uint8_t below[BYTES], above[BYTES], result[BYTES];

static uint64_t work(long count) {
  uint64_t random = 88172645463325252u;
  for (int i = 0; i < BYTES; i++) {
    below[i] = (uint8_t)scramble(&random);
    above[i] = (uint8_t)scramble(&random);
  }
  const __m128i zero = _mm_setzero_si128();
  __m128i sums = zero, greatest = zero, words = zero;
  while (count-- > 0) {
    const __m128i weight = _mm_set1_epi16((short)(count & 0xff));
    for (int i = 0; i < BYTES; i += 16) {
      const __m128i a = _mm_load_si128((const __m128i *)(below + i)), b = _mm_load_si128((const __m128i *)(above + i));
      const __m128i low = _mm_srli_epi16(_mm_mullo_epi16(_mm_unpacklo_epi8(b, zero), weight), 8);
      const __m128i high = _mm_srli_epi16(_mm_mullo_epi16(_mm_unpackhi_epi8(b, zero), weight), 8);
      const __m128i blended = _mm_adds_epu8(a, _mm_packus_epi16(low, high));
      _mm_store_si128((__m128i *)(result + i), blended);
      greatest = _mm_max_epu8(greatest, _mm_subs_epu8(blended, a));
      sums = _mm_add_epi64(sums, _mm_sad_epu8(blended, zero));
      words = _mm_xor_si128(_mm_add_epi32(words, _mm_shuffle_epi32(blended, 0x4e)), _mm_slli_epi32(words, 1));
    }
    memcpy(below, result, 64);
  }
  uint64_t lanes[6], sum = 0;
  _mm_storeu_si128((__m128i *)lanes, sums);
  _mm_storeu_si128((__m128i *)(lanes + 2), greatest);
  _mm_storeu_si128((__m128i *)(lanes + 4), words);
  for (int i = 0; i < 6; i++) sum = fold(sum, lanes[i]);
  return sum;
}
