/* Layers of a network for a block of rows.
 *
 * Numbers of a block stand by feature: [features][ROWS]. So a vector holds one feature of W rows, whatever the number
 * of features, and a weight meets a vector of rows. Weights are packed by blocks of CRL_BLOCK outputs, [in][block], in
 * the order in which they are read. */
#ifndef CRL_LAYERS_H
#define CRL_LAYERS_H

#include "halves.h"
#include "kernel.h"
#include "vector.h"

/* A sum and the product of a weight, or of the two that share a place, with what was read. */
INLINE vec added(const int halves, vec sum, const float *weight, vec read) {
    if (halves) return add_pairs(sum, weight, read);
    return sum + *weight * read;
}

/* Sums of `outputs` outputs for 1 or 2 vectors of rows, all in registers, beginning with the bias; `inputs` counts
 * places of what is read. */
INLINE void product(const int halves, const int outputs, const int vectors, const float *restrict weights,
                    const float *restrict bias, const float *restrict in, int64_t inputs, float *restrict out) {
    vec sums[BLOCK][2];
#pragma GCC unroll 16
    for (int j = 0; j < outputs; j++)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) sums[j][v] = splat(bias[j]);
    for (int64_t i = 0; i < inputs; i++) {
        vec read[2];
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) read[v] = *(const vec *)(in + v * W);
#pragma GCC unroll 16
        for (int j = 0; j < outputs; j++)
#pragma GCC unroll 2
            for (int v = 0; v < vectors; v++) sums[j][v] = added(halves, sums[j][v], weights + j, read[v]);
        in += ROWS;
        weights += outputs;
    }
#pragma GCC unroll 16
    for (int j = 0; j < outputs; j++)
#pragma GCC unroll 2
        for (int v = 0; v < vectors; v++) *(vec *)(out + j * ROWS + v * W) = sums[j][v];
}

#define CASE(n) \
    case n: \
        for (; v + 1 < vectors; v += 2) product(halves, n, 2, weights, bias, in + v * W, inputs, out + v * W); \
        if (v < vectors) product(halves, n, 1, weights, bias, in + v * W, inputs, out + v * W); \
        break;

INLINE void products_of(const int halves, int outputs, int vectors, const float *weights, const float *bias,
                        const float *in, int64_t inputs, float *out) {
    int v = 0;
    switch (outputs) {
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
#if BLOCK > 4
        CASE(5)
        CASE(6)
#endif
#if BLOCK > 6
        CASE(7)
        CASE(8)
#endif
#if BLOCK > 8
        CASE(9)
        CASE(10)
        CASE(11)
        CASE(12)
#endif
    }
}

static void products(int outputs, int vectors, const float *weights, const float *bias, const float *in,
                     int64_t inputs, float *out) {
    products_of(0, outputs, vectors, weights, bias, in, inputs, out);
}

static void half_products(int outputs, int vectors, const float *weights, const float *bias, const float *in,
                          int64_t inputs, float *out) {
    products_of(1, outputs, vectors, weights, bias, in, HALVED(inputs), out);
}

#define EACH(function) \
    for (int j = 0; j < outputs; j++) \
        for (int v = 0; v < vectors; v++) { \
            vec *at = (vec *)(values + j * ROWS + v * W); \
            *at = function(*at); \
        } \
    break

static void activate(int activation, int outputs, int vectors, float *values) {
    switch (activation) {
        case CRL_SILU: EACH(silu);
        case CRL_RELU: EACH(relu);
        case CRL_ELU: EACH(elu);
        case CRL_TANH: EACH(hyperbolic);
    }
}

/* One layer of a block: out [outputs][ROWS] of in [inputs][ROWS]; returns where the next layer's weights begin.
 *
 * If it `reads` bfloat16, so are its weights; if it `gives` bfloat16, so is what it writes. */
static const float *layer(const float *weights, int inputs, int outputs, int vectors, int activation, int reads,
                          int gives, const float *in, float *out) {
    const float *bias = weights + (int64_t)inputs * outputs;
    float block[BLOCK * ROWS] __attribute__((aligned(64)));
    for (int from = 0; from < outputs; from += BLOCK) {
        int count = outputs - from < BLOCK ? outputs - from : BLOCK;
        float *to = gives ? block : out + (int64_t)from * ROWS;
        (reads ? half_products : products)(count, vectors, weights, bias + from, in, inputs, to);
        activate(activation, count, vectors, to);
        if (gives) halve(count, vectors, block, out + (int64_t)HALVED(from) * ROWS);
        weights += (int64_t)(reads ? HALVED(inputs) : inputs) * count;
    }
    return bias + outputs;
}

#endif
