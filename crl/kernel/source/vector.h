/* Vectors of W floats, and the functions of them that a rollout needs.
 *
 * Compiled once for each instruction set, with CRL_WIDTH = W floats in a register. GCC and Clang turn these vectors
 * into registers. A NaN stays a NaN everywhere: no comparison may hide one. */
#ifndef CRL_VECTOR_H
#define CRL_VECTOR_H

#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#define W CRL_WIDTH

typedef float vec __attribute__((vector_size(4 * W), may_alias));
typedef int32_t ivec __attribute__((vector_size(4 * W), may_alias));

#define INLINE static inline __attribute__((always_inline))

/* Rounds to the nearest whole number when it is added and taken away again, up to 2^22. */
#define ROUNDER 12582912.0f

INLINE vec splat(float value) { return value + (vec){0.0f}; }

/* a where the mask is set, else b. */
INLINE vec choose(ivec mask, vec a, vec b) { return (vec)((mask & (ivec)a) | (~mask & (ivec)b)); }

/* The larger and the smaller of a bound and x; x if it is a NaN. */
#if defined(__AVX512F__)
INLINE vec at_least(vec bound, vec x) { return (vec)_mm512_max_ps((__m512)bound, (__m512)x); }
INLINE vec at_most(vec bound, vec x) { return (vec)_mm512_min_ps((__m512)bound, (__m512)x); }
#elif defined(__AVX2__)
INLINE vec at_least(vec bound, vec x) { return (vec)_mm256_max_ps((__m256)bound, (__m256)x); }
INLINE vec at_most(vec bound, vec x) { return (vec)_mm256_min_ps((__m256)bound, (__m256)x); }
#else
INLINE vec at_least(vec bound, vec x) { return choose(x < bound, bound, x); }
INLINE vec at_most(vec bound, vec x) { return choose(x > bound, bound, x); }
#endif

/* 1 / x for x in [1, 2^64], to the last bits. */
#if defined(__AVX512F__)
INLINE vec inverse(vec x) {
    vec guess = (vec)_mm512_rcp14_ps((__m512)x); /* 14 bits; a step of Newton doubles them */
    return guess * (2.0f - x * guess);
}
#else
INLINE vec inverse(vec x) { return 1.0f / x; }
#endif

/* exp(x) with a relative error of about 1e-7 (1 + |x|), for x in [-60, 43]; others count as the nearer end. */
INLINE vec exponential(vec x) {
    x = at_most(splat(43.0f), at_least(splat(-60.0f), x));
    vec shifted = x * 1.44269504f + ROUNDER;
    vec part = x * 1.44269504f - (shifted - ROUNDER);
    /* 2^part on [-0.5, 0.5] by the polynomial with the least relative error. */
    vec sum = splat(0.001327647129073739f);
    sum = sum * part + 0.009675540961325169f;
    sum = sum * part + 0.05550713092088699f;
    sum = sum * part + 0.24022120237350464f;
    sum = sum * part + 0.6931469440460205f;
    sum = sum * part + 1.0000001192092896f;
    /* The whole number stands in the low bits of `shifted`; it becomes the exponent of a float. */
    return sum * (vec)(((ivec)shifted << 23) + (ivec)splat(1.0f));
}

INLINE vec silu(vec x) { return x * inverse(1.0f + exponential(-x)); }

INLINE vec relu(vec x) { return (vec)((ivec)x & ~(x < 0.0f)); }

INLINE vec elu(vec x) { return choose(x > 0.0f, x, exponential(x) - 1.0f); }

INLINE vec hyperbolic(vec x) {
    vec far = 1.0f - 2.0f * inverse(exponential(2.0f * x) + 1.0f);
    /* Near 0 the difference above loses digits; the series of tanh does not. */
    vec square = x * x;
    vec sum = splat(62.0f / 2835.0f);
    sum = sum * square - 17.0f / 315.0f;
    sum = sum * square + 2.0f / 15.0f;
    sum = sum * square - 1.0f / 3.0f;
    sum = x + x * square * sum;
    return choose(square < 0.09f, sum, far);
}

/* Angles beyond this are turned back by the library, one by one. */
#define FAR_ANGLE 8192.0f

INLINE int any_far(vec x) {
    ivec far = (x > FAR_ANGLE) | (x < -FAR_ANGLE);
#if defined(__AVX512F__)
    return _mm512_movepi32_mask((__m512i)far) != 0;
#elif defined(__AVX2__)
    return _mm256_movemask_ps((__m256)far) != 0;
#else
    return far[0] | far[1] | far[2] | far[3];
#endif
}

static __attribute__((noinline, cold)) void far_circle(const float *x, float *cosine, float *sine) {
    for (int i = 0; i < W; i++) {
        cosine[i] = cosf(x[i]);
        sine[i] = sinf(x[i]);
    }
}

static __attribute__((noinline, cold)) void far_rest(float *x, float divisor) {
    for (int i = 0; i < W; i++) x[i] = fmodf(x[i], divisor);
}

/* Cosine and sine of angles in rad, to about 2e-7. */
INLINE void circle(vec x, vec *cosine, vec *sine) {
    if (__builtin_expect(any_far(x), 0)) {
        vec from = x, first, second;
        far_circle((const float *)&from, (float *)&first, (float *)&second);
        *cosine = first;
        *sine = second;
        return;
    }
    vec shifted = x * 0.636619772f + ROUNDER;
    vec quarters = shifted - ROUNDER;
    /* pi / 2 in three parts, the first two of few bits. */
    vec rest = x - quarters * 1.5703125f;
    rest = rest - quarters * 4.83751296997e-4f;
    rest = rest - quarters * 7.54978995489e-8f;
    vec square = rest * rest;
    vec odd = splat(1.0f / 362880.0f);
    odd = odd * square - 1.0f / 5040.0f;
    odd = odd * square + 1.0f / 120.0f;
    odd = odd * square - 1.0f / 6.0f;
    odd = rest + rest * square * odd;
    vec even = splat(1.0f / 40320.0f);
    even = even * square - 1.0f / 720.0f;
    even = even * square + 1.0f / 24.0f;
    even = even * square - 0.5f;
    even = even * square + 1.0f;
    ivec whole = (ivec)shifted - (ivec)splat(ROUNDER);
    ivec swap = (whole & 1) != 0;
    vec first = choose(swap, odd, even), second = choose(swap, even, odd);
    /* Signs of the four quarters: cosine + - - +, sine + + - -. */
    *cosine = (vec)((ivec)first ^ (((whole + 1) & 2) << 30));
    *sine = (vec)((ivec)second ^ ((whole & 2) << 30));
}

#define PI 3.14159265358979f
#define TURN 6.28318530717959f

/* Angles in rad, wrapped to [-pi, pi). */
INLINE vec wrap(vec angle) {
    vec from = angle + PI, left = from;
    if (__builtin_expect(any_far(from), 0)) {
        far_rest((float *)&left, TURN);
    } else {
        left = from - (from * (1.0f / TURN) + ROUNDER - ROUNDER) * TURN;
    }
    left = choose(left < 0.0f, left + TURN, left);
    left = choose(left >= TURN, left - TURN, left);
    return left - PI;
}

#endif
