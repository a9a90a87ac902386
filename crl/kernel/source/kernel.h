/* What the kernel unrolls. Python fills these structures (crl/kernel/structures.py): the two must agree. */
#ifndef CRL_KERNEL_H
#define CRL_KERNEL_H

#include <stdint.h>

enum { CRL_NONE = 0, CRL_SILU = 1, CRL_RELU = 2, CRL_ELU = 3, CRL_TANH = 4 };

/* Kinds of fields of a state. A free angle is read as an angle and added up without being wrapped. */
enum { CRL_LINEAR = 0, CRL_ANGLE = 1, CRL_FREE_ANGLE = 2, CRL_QUATERNION = 3 };

typedef struct {
    int32_t members;       /* networks whose changes are added */
    int32_t layers;        /* of each, the last one included */
    int32_t activation;    /* of all layers but the last */
    int32_t fields;        /* of a state */
    int32_t states;        /* N: numbers of a state */
    int32_t drives;        /* A: numbers that are read beside the state */
    int32_t changes;       /* D: outputs */
    int32_t fed_back;      /* D or 0: changes of the step before, read last */
    int32_t first_change;  /* where in the changes those of the state begin */
    int32_t halves;        /* whether layers between the first and the last multiply in bfloat16 */
    const int32_t *widths; /* [layers + 1]: inputs, hidden layers, D */
    const int32_t *kinds;  /* [fields] */
    const float *low;      /* [N]: bounds of the state */
    const float *high;     /* [N] */
    const float *weights;  /* packed: of each member, of each layer matrix and bias */
} crl_model;

typedef struct {
    int64_t samples;      /* K */
    int64_t horizon;      /* H */
    const float *start;   /* [N], or [K, N] */
    int64_t start_step;   /* 0, or N */
    const float *offset;  /* [D], added to the changes of every step; may be NULL */
    const float *before;  /* [D], changes of the step before the first, if they are read; NULL: zeros */
    const float *drives;  /* [K, H, A] */
    float *states;        /* [K, H + 1, N]: the start, then the state after each step */
    float *changes;       /* [K, H, D]; may be NULL */
} crl_paths;

#endif
