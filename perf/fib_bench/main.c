/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/fib_bench/bench.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int reader_cpu = -1;

static const struct bench_case {
	const char *name;
	unsigned family;
	void (*run)(struct routes *t);
} cases[] = {
	{"ip4", 4, case_ip4},
	{"ip4-500-hops", 4, case_ip4_hops},
	{"ip4-grown", 4, case_ip4_grown},
	{"ip6", 6, case_ip6},
	{"many-full", 4, case_many_full},
	{"many-small", 4, case_many_small},
	{"ip4-updates", 4, case_updates},
	{"ip6-updates", 6, case_updates},
	{"ip4-load", 4, case_load},
	{"ip6-load", 6, case_load},
};

static const char usage[] =
	"Usage: weft-bench-fib CASE TABLE\n"
	"\n"
	"Measures Weft's FIB beside DPDK's; TABLE holds a line `prefix originAS nextHop x` a\n"
	"route. Writes raw figures as JSON. Needs root and 1024 MiB of free huge pages;\n"
	"perf/run fib runs it with all that is needed.\n"
	"\n"
	"Cases:";

static const struct bench_case *case_find(const char *name)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (!strcmp(cases[i].name, name))
			return &cases[i];
	return NULL;
}

/* We run on the last CPU that we may use, which has the fewest interrupts of the kernel's; a
 * reader on the first. */
static int choose_cpus(void)
{
	int first = -1, last = -1;
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		fatal("sched_getaffinity fails");
	for (int i = 0; i < CPU_SETSIZE; i++)
		if (CPU_ISSET(i, &cpus)) {
			first = first < 0 ? i : first;
			last = i;
		}
	reader_cpu = first == last ? -1 : first;
	return last;
}

static void start_eal(void)
{
	char cpu[16];
	char *argv[] = {"weft-bench-fib",
			"-l",
			cpu,
			"--in-memory",
			"--no-pci",
			"--iova-mode=va",
			"--no-telemetry",
			"--log-level=error",
			"--force-max-simd-bitwidth=512"};

	snprintf(cpu, sizeof(cpu), "%d", choose_cpus());
	if (rte_eal_init(sizeof(argv) / sizeof(argv[0]), argv) < 0)
		fatal("DPDK does not start: %s", rte_strerror(rte_errno));
}

int main(int argc, char **argv)
{
	const struct bench_case *c = argc == 3 ? case_find(argv[1]) : NULL;
	struct routes t;

	if (!c) {
		fputs(usage, stderr);
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
			fprintf(stderr, " %s", cases[i].name);
		fputc('\n', stderr);
		return 2;
	}
	progress("reading the table");
	table_read(&t, c->family, argv[2]);
	start_eal();
	out_begin(c->name);
	c->run(&t);
	out_end(fib_isa_name(fib_isa()), peer_isa);
	return 0;
}
