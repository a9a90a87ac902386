/* Chooses among the instruction sets that the kernel was compiled for and that this processor has. */
#include "kernel.h"

#define DECLARED(set) \
    int crl_unroll_##set(const crl_model *, const crl_paths *); \
    float *crl_pack_##set(const float *, const float *, int64_t, int64_t, int, float *); \
    float crl_multiply_##set(int64_t);

DECLARED(portable)
#ifdef CRL_HAS_avx2
DECLARED(avx2)
DECLARED(avx512)
#endif
#ifdef CRL_HAS_avx512_bf16
DECLARED(avx512_bf16)
#endif

typedef struct {
    int (*unroll)(const crl_model *, const crl_paths *);
    float *(*pack)(const float *, const float *, int64_t, int64_t, int, float *);
    float (*multiply)(int64_t);
    int64_t width; /* floats in a register */
} crl_set;

#define ENTRY(set, width) {crl_unroll_##set, crl_pack_##set, crl_multiply_##set, width}

static const crl_set SETS[] = {
    ENTRY(portable, 4),
#ifdef CRL_HAS_avx2
    ENTRY(avx2, 8),
    ENTRY(avx512, 16),
#endif
#ifdef CRL_HAS_avx512_bf16
    ENTRY(avx512_bf16, 16),
#endif
};

/* What tells versions of the sources apart, so that no library is loaded that does not fit its Python. */
const char *crl_sources(void) { return CRL_SOURCES; }

/* The best set that this processor has: 0 portable, 1 AVX2 with FMA, 2 AVX-512, 3 AVX-512 with products of bfloat16. */
int crl_best(void) {
#ifdef CRL_HAS_avx2
    __builtin_cpu_init();
#ifdef CRL_HAS_avx512_bf16
    if (__builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512dq")) return 3;
#endif
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) return 2;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 1;
#endif
    return 0;
}

int crl_unroll(int set, const crl_model *model, const crl_paths *paths) { return SETS[set].unroll(model, paths); }

/* Packs a member's layers, which follow each other in `from` as matrix and bias. With `halves`, those between the first
 * and the last are bfloat16 numbers. */
void crl_pack(int set, int layers, const int32_t *widths, int halves, const float *from, float *to) {
    for (int l = 0; l < layers; l++) {
        int64_t inputs = widths[l], outputs = widths[l + 1];
        to = SETS[set].pack(from, from + inputs * outputs, inputs, outputs, halves && l > 0 && l + 1 < layers, to);
        from += inputs * outputs + outputs;
    }
}

/* Does 24 * width * repeats floating point operations in registers, and returns that number. */
int64_t crl_multiply(int set, int64_t repeats) {
    volatile float kept = SETS[set].multiply(repeats);
    (void)kept;
    return 24 * SETS[set].width * repeats;
}
