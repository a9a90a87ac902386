/* Unrolls networks over a horizon, a block of rows at a time; compiled once for each instruction set.
 *
 * The name of the functions ends in CRL_SET. A block goes through all steps and all layers before the next one begins,
 * so that its state and its hidden layers never leave the nearest caches. */
#include "layers.h"

#include <stdlib.h>

#define JOIN_(a, b) a##_##b
#define JOIN(a, b) JOIN_(a, b)
#define NAMED(name) JOIN(name, CRL_SET)

static const int32_t FEATURES[] = {1, 2, 2, 9};
static const int32_t NUMBERS[] = {1, 1, 1, 4};
static const int32_t CHANGES[] = {1, 1, 1, 3};

/* Where number `n` of vector `v` of a block stands. */
#define AT(block, n) (*(vec *)((block) + (int64_t)(n) * ROWS + v * W))

/* The nine entries of the rotation matrices of unit quaternions (w, x, y, z). */
INLINE void rotation(const float *state, int v, float *features) {
    vec w = AT(state, 0), x = AT(state, 1), y = AT(state, 2), z = AT(state, 3);
    AT(features, 0) = 1.0f - 2.0f * (y * y + z * z);
    AT(features, 1) = 2.0f * (x * y - w * z);
    AT(features, 2) = 2.0f * (x * z + w * y);
    AT(features, 3) = 2.0f * (x * y + w * z);
    AT(features, 4) = 1.0f - 2.0f * (x * x + z * z);
    AT(features, 5) = 2.0f * (y * z - w * x);
    AT(features, 6) = 2.0f * (x * z - w * y);
    AT(features, 7) = 2.0f * (y * z + w * x);
    AT(features, 8) = 1.0f - 2.0f * (x * x + y * y);
}

INLINE vec root(vec x) {
    vec found;
    for (int i = 0; i < W; i++) found[i] = sqrtf(x[i]);
    return found;
}

/* Turns unit quaternions by rotation vectors (rad) from the right, and makes them unit again. */
INLINE void turn(float *state, int v, const float *change) {
    vec a = AT(change, 0), b = AT(change, 1), c = AT(change, 2);
    vec angle = root(a * a + b * b + c * c), w, sine;
    circle(0.5f * angle, &w, &sine);
    vec factor = choose(angle > 1e-7f, sine / angle, splat(0.5f));
    vec x = factor * a, y = factor * b, z = factor * c;
    vec pw = AT(state, 0), px = AT(state, 1), py = AT(state, 2), pz = AT(state, 3);
    vec qw = pw * w - px * x - py * y - pz * z;
    vec qx = pw * x + px * w + py * z - pz * y;
    vec qy = pw * y - px * z + py * w + pz * x;
    vec qz = pw * z + px * y - py * x + pz * w;
    vec size = root(qw * qw + qx * qx + qy * qy + qz * qz);
    AT(state, 0) = qw / size;
    AT(state, 1) = qx / size;
    AT(state, 2) = qy / size;
    AT(state, 3) = qz / size;
}

/* What the networks read of states, without the drives. */
static void encode(const crl_model *model, int vectors, const float *state, float *features) {
    for (int field = 0; field < model->fields; field++) {
        int kind = model->kinds[field];
        for (int v = 0; v < vectors; v++) {
            if (kind == CRL_LINEAR) {
                AT(features, 0) = AT(state, 0);
            } else if (kind == CRL_QUATERNION) {
                rotation(state, v, features);
            } else {
                vec cosine, sine;
                circle(AT(state, 0), &cosine, &sine);
                AT(features, 0) = cosine;
                AT(features, 1) = sine;
            }
        }
        state += NUMBERS[kind] * ROWS;
        features += FEATURES[kind] * ROWS;
    }
}

/* Moves states by their changes, inside their bounds. */
static void move(const crl_model *model, int vectors, float *state, const float *change) {
    float *all = state;
    for (int field = 0; field < model->fields; field++) {
        int kind = model->kinds[field];
        for (int v = 0; v < vectors; v++) {
            if (kind == CRL_QUATERNION) {
                turn(state, v, change);
                continue;
            }
            vec moved = AT(state, 0) + AT(change, 0);
            AT(state, 0) = kind == CRL_ANGLE ? wrap(moved) : moved;
        }
        state += NUMBERS[kind] * ROWS;
        change += CHANGES[kind] * ROWS;
    }
    for (int n = 0; n < model->states; n++)
        for (int v = 0; v < vectors; v++)
            AT(all, n) = at_most(splat(model->high[n]), at_least(splat(model->low[n]), AT(all, n)));
}

/* Changes [D][ROWS] of one step: the sum over the networks. */
static void predict(const crl_model *model, int vectors, const float *read, float *hidden[2], float *own,
                    float *change) {
    const float *weights = model->weights;
    int last = model->layers - 1;
    for (int member = 0; member < model->members; member++) {
        const float *in = read;
        for (int l = 0; l < last; l++) {
            int reads = model->halves && l > 0, gives = model->halves && l + 1 < last;
            weights = layer(weights, model->widths[l], model->widths[l + 1], vectors, model->activation, reads, gives,
                            in, hidden[l % 2]);
            in = hidden[l % 2];
        }
        weights = layer(weights, model->widths[last], model->changes, vectors, CRL_NONE, 0, 0, in,
                        member ? own : change);
        if (member)
            for (int n = 0; n < model->changes; n++)
                for (int v = 0; v < vectors; v++) AT(change, n) += AT(own, n);
    }
}

/* Blocks of rows by number, out of rows [.., numbers] that are `step` apart. */
static void gather(const float *from, int64_t step, int rows, int numbers, float *block) {
    for (int row = 0; row < rows; row++)
        for (int n = 0; n < numbers; n++) block[n * ROWS + row] = from[row * step + n];
}

static void scatter(const float *block, int64_t step, int rows, int numbers, float *to) {
    for (int row = 0; row < rows; row++)
        for (int n = 0; n < numbers; n++) to[row * step + n] = block[n * ROWS + row];
}

static void unroll(const crl_model *model, const crl_paths *paths, int64_t first, int rows, float *state, float *read,
                   float *hidden[2], float *own, float *change) {
    int vectors = (rows + W - 1) / W, features = model->widths[0] - model->drives - model->fed_back;
    int64_t horizon = paths->horizon, step = (horizon + 1) * model->states;
    float *states = paths->states + first * step;
    float *fed = read + (int64_t)(features + model->drives) * ROWS;
    gather(paths->start + first * paths->start_step, paths->start_step, rows, model->states, state);
    scatter(state, step, rows, model->states, states);
    for (int n = 0; n < model->fed_back; n++)
        for (int v = 0; v < vectors; v++) AT(fed, n) = splat(paths->before ? paths->before[n] : 0.0f);
    for (int64_t h = 0; h < horizon; h++) {
        encode(model, vectors, state, read);
        gather(paths->drives + (first * horizon + h) * model->drives, horizon * model->drives, rows, model->drives,
               read + (int64_t)features * ROWS);
        predict(model, vectors, read, hidden, own, change);
        if (paths->offset)
            for (int n = 0; n < model->changes; n++)
                for (int v = 0; v < vectors; v++) AT(change, n) += paths->offset[n];
        if (model->fed_back) memcpy(fed, change, (size_t)model->changes * ROWS * sizeof(float));
        move(model, vectors, state, change + (int64_t)model->first_change * ROWS);
        scatter(state, step, rows, model->states, states + (h + 1) * model->states);
        if (paths->changes)
            scatter(change, horizon * model->changes, rows, model->changes,
                    paths->changes + (first * horizon + h) * model->changes);
    }
}

/* Unrolls all paths; returns 0, or 1 if there is no memory. */
int NAMED(crl_unroll)(const crl_model *model, const crl_paths *paths) {
    int64_t widest = 0;
    for (int l = 1; l < model->layers; l++) widest = model->widths[l] > widest ? model->widths[l] : widest;
    int64_t parts[] = {model->states, model->widths[0], widest, widest, model->changes, model->changes};
    int64_t total = 0;
    for (int i = 0; i < 6; i++) total += parts[i] * ROWS;
    if (total == 0) return 0;
    float *memory = aligned_alloc(64, (size_t)total * sizeof(float));
    if (!memory) return 1;
    memset(memory, 0, (size_t)total * sizeof(float));  /* rows that are not there count as zeros */
    float *at[6], *next = memory;
    for (int i = 0; i < 6; i++) {
        at[i] = next;
        next += parts[i] * ROWS;
    }
    float *hidden[2] = {at[2], at[3]};
    for (int64_t first = 0; first < paths->samples; first += ROWS) {
        int rows = paths->samples - first < ROWS ? (int)(paths->samples - first) : ROWS;
        unroll(model, paths, first, rows, at[0], at[1], hidden, at[4], at[5]);
    }
    free(memory);
    return 0;
}

/* Packs a matrix [inputs, outputs], row after row, and its bias; returns where the next ones go. With `halves`, weights
 * that share places fill the first part of the matrix's place. */
float *NAMED(crl_pack)(const float *matrix, const float *bias, int64_t inputs, int64_t outputs, int halves, float *to) {
    float *after = to + inputs * outputs;
    for (int64_t from = 0; from < outputs; from += BLOCK) {
        int64_t count = outputs - from < BLOCK ? outputs - from : BLOCK;
#if defined(__AVX512BF16__)
        for (int64_t i = 0; halves && i < inputs; i += 2, to += count)
            for (int64_t j = from; j < from + count; j++)
                to[j - from] = pair(matrix[i * outputs + j], i + 1 < inputs ? matrix[(i + 1) * outputs + j] : 0.0f);
        if (halves) continue;
#else
        (void)halves;
#endif
        for (int64_t i = 0; i < inputs; i++, to += count)
            memcpy(to, matrix + i * outputs + from, (size_t)count * sizeof(float));
    }
    memcpy(after, bias, (size_t)outputs * sizeof(float));
    return after + outputs;
}

/* Multiplies and adds `repeats` times in 12 registers: 2 * 12 * W * repeats operations. What the units can do. */
float NAMED(crl_multiply)(int64_t repeats) {
    vec sums[12], factor = splat(0.9999f), part = splat(1e-4f);
    __asm__ volatile("" : "+m"(factor), "+m"(part));
    for (int i = 0; i < 12; i++) sums[i] = splat(1.0f + 1e-3f * (float)i);
    vec a = factor, b = part;
    for (int64_t k = 0; k < repeats; k++)
#pragma GCC unroll 12
        for (int i = 0; i < 12; i++) sums[i] = sums[i] * a + b;
    vec total = sums[0];
    for (int i = 1; i < 12; i++) total += sums[i];
    return total[0];
}
