/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/fib_bench/bench.h"

#include <rte_malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static unsigned items;

void fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(1);
}

void progress(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

void *alloc(size_t bytes)
{
	void *p = rte_zmalloc(NULL, bytes, 64);

	if (!p)
		fatal("no huge pages left for %zu bytes", bytes);
	return p;
}

void out_begin(const char *name)
{
	printf("{\"case\": \"%s\",\n \"figures\": [", name);
}

void out_figures(const char *metric, const char *side, const double *values, unsigned n)
{
	printf("%s\n  {\"metric\": \"%s\", \"side\": \"%s\", \"values\": [", items++ ? "," : "",
	       metric, side);
	for (unsigned i = 0; i < n; i++)
		printf("%s%.9g", i ? ", " : "", values[i]);
	printf("]}");
}

void out_figure(const char *metric, const char *side, double value)
{
	out_figures(metric, side, &value, 1);
}

void out_end(const char *isa, const char *isa_of_peer)
{
	printf("],\n \"isa\": \"%s\", \"peer_isa\": \"%s\"}\n", isa, isa_of_peer);
	if (fflush(stdout) || ferror(stdout))
		fatal("standard output cannot be written");
}
