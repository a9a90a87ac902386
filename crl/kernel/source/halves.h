/* Numbers in bfloat16: what hidden layers read and multiply with, where a model asks for it.
 *
 * With the instructions for it (AVX512_BF16), two features of a row share a place: the even one in its low half, the
 * odd one in its high half. One instruction multiplies and adds both, into a float. Without them, each number keeps a
 * place of its own, rounded to bfloat16: the results differ only by the rounding of sums. */
#ifndef CRL_HALVES_H
#define CRL_HALVES_H

#include "vector.h"

#define ROWS CRL_ROWS
#define BLOCK CRL_BLOCK

#if defined(__AVX512BF16__)

/* Places that n numbers take. */
#define HALVED(n) (((n) + 1) / 2)

INLINE __m512i half_of(vec x) { return _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh((__m512)x)); }

/* Rounds numbers [count][ROWS] of a block. */
static void halve(int count, int vectors, const float *restrict from, float *restrict to) {
    for (int j = 0; j < count; j += 2)
        for (int v = 0; v < vectors; v++) {
            const float *at = from + j * ROWS + v * W;
            __m512i pairs = half_of(*(const vec *)at);
            if (j + 1 < count) pairs = _mm512_or_si512(pairs, _mm512_slli_epi32(half_of(*(const vec *)(at + ROWS)), 16));
            _mm512_store_si512(to + j / 2 * ROWS + v * W, pairs);
        }
}

/* sum + the products of two numbers of each row with two weights. */
INLINE vec add_pairs(vec sum, const float *weights, vec read) {
    int32_t both;
    memcpy(&both, weights, sizeof both);
    return (vec)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32(both), (__m512bh)read);
}

/* Packs two weights that are bfloat16 numbers already. */
INLINE float pair(float low, float high) {
    uint32_t first, second;
    memcpy(&first, &low, sizeof first);
    memcpy(&second, &high, sizeof second);
    second = (second & 0xffff0000u) | first >> 16;
    float both;
    memcpy(&both, &second, sizeof both);
    return both;
}

#else

#define HALVED(n) (n)

INLINE vec add_pairs(vec sum, const float *weight, vec read) { return sum + *weight * read; }

/* To the nearest number of bfloat16, of two the even one; a NaN stays one. */
INLINE vec half_of(vec x) {
    ivec bits = (ivec)x;
    ivec rounded = (bits + 0x7fff + ((bits >> 16) & 1)) & (ivec)(~0xffff + (ivec){0});
    return choose(x == x, (vec)rounded, x);
}

static void halve(int count, int vectors, const float *restrict from, float *restrict to) {
    for (int j = 0; j < count; j++)
        for (int v = 0; v < vectors; v++) {
            int64_t at = j * ROWS + v * W;
            *(vec *)(to + at) = half_of(*(const vec *)(from + at));
        }
}

#endif

#endif
