/* SPDX-License-Identifier: Apache-2.0 */
/* Which body of the lookups is in use, and the bursts that it is given. */
#include "fib/fib_priv.h"

#include <errno.h>

static const struct lookup_body *const bodies[FIB_ISA_COUNT] = {
	[FIB_ISA_SCALAR] = &lookup_scalar,
#ifdef __x86_64__
	[FIB_ISA_AVX2] = &lookup_avx2,
	[FIB_ISA_AVX512] = &lookup_avx512,
#endif
};

static enum fib_isa in_use = FIB_ISA_COUNT;

static bool has(enum fib_isa isa)
{
#ifdef __x86_64__
	switch (isa) {
	case FIB_ISA_AVX512:
		return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
		       __builtin_cpu_supports("avx512vpopcntdq");
	case FIB_ISA_AVX2:
		return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
	default:
		break;
	}
#endif
	return isa == FIB_ISA_SCALAR;
}

enum fib_isa fib_isa(void)
{
	if (in_use == FIB_ISA_COUNT) {
		enum fib_isa best = FIB_ISA_AVX512;

		while (!has(best))
			best--;
		in_use = best; /* the same, whoever comes first */
	}
	return in_use;
}

int fib_isa_use(enum fib_isa isa)
{
	if (isa >= FIB_ISA_COUNT || !has(isa))
		return -ENOTSUP;
	in_use = isa;
	return 0;
}

const char *fib_isa_name(enum fib_isa isa)
{
	static const char *const names[FIB_ISA_COUNT] = { "scalar", "avx2", "avx512" };

	return isa < FIB_ISA_COUNT ? names[isa] : "none";
}

void fib_lookup4_bulk(const struct fib *const *fibs, const uint32_t *dst, uint32_t *values,
		      unsigned n)
{
	const struct lookup_body *body = bodies[fib_isa()];

	for (unsigned i = 0; i < n; i += LANES)
		body->lookup4(fibs + i, (const uint8_t *)(dst + i), values + i,
			      n - i < LANES ? n - i : LANES);
}

void fib_lookup6_bulk(const struct fib *const *fibs, const uint8_t (*dst)[16], uint32_t *values,
		      unsigned n)
{
	const struct lookup_body *body = bodies[fib_isa()];

	for (unsigned i = 0; i < n; i += LANES)
		body->lookup6(fibs + i, dst[i], values + i, n - i < LANES ? n - i : LANES);
}
