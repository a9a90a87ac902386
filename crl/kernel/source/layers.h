/* Layers of a network for a block of rows.
 *
 * Numbers of a block stand by feature: [features][ROWS]. So a vector holds one feature of W rows, whatever the number
 * of features, and a weight meets a vector of rows. Weights are packed by blocks of CRL_BLOCK outputs, [in][block], in
 * the order in which they are read. */
#ifndef CRL_LAYERS_H
#define CRL_LAYERS_H

#include "kernel.h"
#include "vector.h"

/* Rows that pass through all layers together: their numbers stay in the nearest caches. */
#define ROWS CRL_ROWS
#define BLOCK CRL_BLOCK

/* Sums of `outputs` outputs for 1 or 2 vectors of rows, all in registers; added to what is in `out`, or to the bias. */
INLINE void product(const int outputs, const int vectors, const float *restrict weights, const float *restrict bias,
                    const float *restrict in, int64_t inputs, float *restrict out) {
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
            for (int v = 0; v < vectors; v++) sums[j][v] += weights[j] * read[v];
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
        for (; v + 1 < vectors; v += 2) product(n, 2, weights, bias, in + v * W, inputs, out + v * W); \
        if (v < vectors) product(n, 1, weights, bias, in + v * W, inputs, out + v * W); \
        break;

static void products(int outputs, int vectors, const float *weights, const float *bias, const float *in,
                     int64_t inputs, float *out) {
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

/* One layer of a block: out [outputs][ROWS] of in [inputs][ROWS]; returns where the next layer's weights begin. */
static const float *layer(const float *weights, int inputs, int outputs, int vectors, int activation, const float *in,
                          float *out) {
    const float *bias = weights + (int64_t)inputs * outputs;
    for (int from = 0; from < outputs; from += BLOCK) {
        int count = outputs - from < BLOCK ? outputs - from : BLOCK;
        products(count, vectors, weights, bias + from, in, inputs, out + (int64_t)from * ROWS);
        activate(activation, count, vectors, out + (int64_t)from * ROWS);
        weights += (int64_t)inputs * count;
    }
    return bias + outputs;
}

#endif
