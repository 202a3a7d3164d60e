/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/eal_priv.h"

#include "base/log.h"

#include <errno.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_log.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

enum { ARGS_MAX = 12 + 2 * DP_PCI_MAX };

static ssize_t eal_log_write(void *cookie, const char *text, size_t len)
{
	while (len && (text[len - 1] == '\n' || text[len - 1] == ' '))
		len--;
	if (len)
		log_info("dpdk: %.*s", (int)len, text);
	return (ssize_t)len;
}

/* DPDK binds the thread that starts it, and all threads made after it, to its first lcore: that
 * lcore is therefore every CPU we may run on. */
static void eal_lcores(char *text, size_t size)
{
	size_t at = (size_t)snprintf(text, size, "--lcores=0@(");
	cpu_set_t cpus;
	const char *comma = "";

	CPU_ZERO(&cpus);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	for (int i = 0; i < CPU_SETSIZE && at + 8 < size; i++) {
		if (!CPU_ISSET(i, &cpus))
			continue;
		at += (size_t)snprintf(text + at, size - at, "%s%d", comma, i);
		comma = ",";
	}
	snprintf(text + at, size - at, ")");
}

static unsigned huge_free_mib(void)
{
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "re");
	unsigned pages = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%u", &pages) != 1)
		pages = 0;
	fclose(f);
	return pages * 2;
}

int eal_start(const struct eal_conf *conf, bool *huge, struct err *err)
{
	static const cookie_io_functions_t functions = { .write = eal_log_write };
	FILE *stream = fopencookie(NULL, "w", functions);
	char lcores[1024], memory[16], pci[DP_PCI_MAX][32];
	char *argv[ARGS_MAX] = { "weft-dp", lcores, "--no-telemetry", "--log-level=warning" };
	int argc = 4;

	if (stream) {
		setvbuf(stream, NULL, _IOLBF, 0);
		rte_openlog_stream(stream);
	}
	eal_lcores(lcores, sizeof(lcores));
	snprintf(memory, sizeof(memory), "%u", conf->memory_mib);
	argv[argc++] = "-m";
	argv[argc++] = memory;
	*huge = !conf->no_huge && huge_free_mib() >= conf->memory_mib;
	if (*huge) {
		argv[argc++] = "--in-memory";
	} else { /* which DPDK does not take together with --in-memory */
		argv[argc++] = "--no-huge";
		argv[argc++] = "--no-shconf";
	}
	if (!*huge && !conf->no_huge)
		log_warn("%u MiB of huge pages are free, %u are needed: running without, at about "
			 "half the speed", huge_free_mib(), conf->memory_mib);
	for (unsigned i = 0; i < conf->pci_count; i++) {
		snprintf(pci[i], sizeof(pci[i]), "%s", conf->pci[i]);
		argv[argc++] = "-a";
		argv[argc++] = pci[i];
	}
	if (!conf->pci_count) {
		argv[argc++] = "--no-pci";
		argv[argc++] = "--iova-mode=va";
	}
	if (rte_eal_init(argc, argv) < 0)
		return err_sys(err, -rte_errno, "DPDK does not start");
	return 0;
}
