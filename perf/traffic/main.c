/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weft-bench-traffic: the other end of two devices of an engine, net_memif with the ids 0 (frames
 * go in there) and 1 (and come out here). For each line "WINDOWS WARM SECONDS RATE..." on
 * stdin, frames a second of each sender, it sends so many times for that long and answers with a
 * line of JSON about the SECONDS. Between the windows it sleeps: a thread that goes before all
 * others (SCHED_FIFO) is stopped by the kernel if it never does.
 */
#include "perf/traffic/traffic.h"

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	RING = 512, /* overridden by the client's rsize= */
	BUFFERS = 65535,
	MEMORY_MIB = 256,
	LATE_MS = 20,    /* until what has not come counts as lost */
	PAUSE_MS = 200,  /* for the others on this machine */
	LINK_MS = 10000, /* for the engine to connect */
};

static const double parts[] = {0.5, 0.99, 0.999};

static int fail(const char *why)
{
	fprintf(stderr, "weft-bench-traffic: %s\n", why);
	return 1;
}

static int eal(const char *cpu, const char *socket)
{
	char dev[2][200], memory[16];
	char *argv[] = {"weft-bench-traffic",
			"--in-memory",
			"--no-pci",
			"--no-telemetry",
			"-l",
			(char *)cpu,
			"-m",
			memory,
			"--log-level=4",
			"--vdev",
			dev[0],
			"--vdev",
			dev[1]};

	snprintf(memory, sizeof(memory), "%d", MEMORY_MIB);
	for (int i = 0; i < 2; i++)
		snprintf(dev[i], sizeof(dev[i]),
			 "net_memif%d,role=server,id=%d,socket=%s,socket-abstract=no", i, i,
			 socket);
	return rte_eal_init((int)RTE_DIM(argv), argv);
}

static int device(uint16_t port, struct rte_mempool *pool)
{
	struct rte_eth_conf conf = {0};
	int rc = rte_eth_dev_configure(port, 1, 1, &conf);

	if (!rc)
		rc = rte_eth_rx_queue_setup(port, 0, RING, SOCKET_ID_ANY, NULL, pool);
	if (!rc)
		rc = rte_eth_tx_queue_setup(port, 0, RING, SOCKET_ID_ANY, NULL);
	return rc ? rc : rte_eth_dev_start(port);
}

static bool connected(const struct traffic *t)
{
	struct rte_eth_link out = {0}, in = {0};

	for (unsigned ms = 0; ms < LINK_MS; ms++) {
		rte_eth_link_get_nowait(t->out, &out);
		rte_eth_link_get_nowait(t->in, &in);
		if (out.link_status && in.link_status)
			return true;
		rte_delay_us_sleep(1000);
	}
	return false;
}

/* A frame in hexadecimal, with room for a stamp. */
static bool sender_parse(struct sender *s, const char *hex)
{
	size_t len = strlen(hex) / 2;

	if (len > FRAME_MAX || len < STAMP_AT + sizeof(struct stamp))
		return false;
	for (size_t i = 0; i < len; i++)
		if (sscanf(hex + 2 * i, "%2hhx", &s->frame[i]) != 1)
			return false;
	s->len = (unsigned)len;
	return true;
}

static void send_for(struct traffic *t, double seconds)
{
	uint64_t end = rte_rdtsc() + (uint64_t)(seconds * (double)t->hz);

	while (rte_rdtsc() < end)
		traffic_round(t);
}

static void reset(struct traffic *t)
{
	t->gap_ticks = t->uncertain = 0;
	for (unsigned i = 0; i < t->sender_count; i++) {
		struct sender *s = &t->senders[i];

		s->sent = s->refused = s->stalled = s->came = s->disordered = 0;
		memset(&s->delays, 0, sizeof(s->delays));
	}
}

static void window(struct traffic *t, double warm, double seconds)
{
	t->run++;
	t->quiet = false;
	t->stalled = 0;
	t->began = t->last = t->came_at = rte_rdtsc();
	for (unsigned i = 0; i < t->sender_count; i++) {
		struct sender *s = &t->senders[i];

		s->next = s->interval * i / t->sender_count; /* not all at once */
		s->seq = s->expected = 0;
	}
	send_for(t, warm);
	t->counts = true;
	send_for(t, seconds);
	t->counts = false;
	send_for(t, LATE_MS / 1e3); /* the load stays, for what is still under way */
	t->quiet = true;
	send_for(t, LATE_MS / 1e3);
}

static void answer(const struct traffic *t)
{
	printf("{\"away\": %.6f, \"uncertain\": %lu, \"senders\": [",
	       (double)t->gap_ticks / (double)t->hz, t->uncertain);
	for (unsigned i = 0; i < t->sender_count; i++) {
		const struct sender *s = &t->senders[i];

		printf("%s{\"sent\": %lu, \"refused\": %lu, \"stalled\": %lu, \"came\": %lu, "
		       "\"disordered\": %lu, \"delay_us\": [",
		       i ? ", " : "", s->sent, s->refused, s->stalled, s->came, s->disordered);
		for (unsigned k = 0; k < RTE_DIM(parts); k++)
			printf("%s%.3f", k ? ", " : "",
			       (double)delays_at(&s->delays, parts[k]) * 1e6 / (double)t->hz);
		printf("]}");
	}
	printf("]}\n");
	fflush(stdout);
}

/* One line; false at the end of them. */
static bool order(struct traffic *t)
{
	double warm, seconds, rate;
	unsigned windows;

	if (scanf("%u %lf %lf", &windows, &warm, &seconds) != 3)
		return false;
	for (unsigned i = 0; i < t->sender_count; i++) {
		if (scanf("%lf", &rate) != 1)
			return false;
		t->senders[i].interval = rate > 0 ? (double)t->hz / rate : 0;
	}
	reset(t);
	for (unsigned i = 0; i < windows; i++) {
		window(t, warm, seconds);
		rte_delay_us_sleep(PAUSE_MS * 1000);
	}
	answer(t);
	return true;
}

int main(int argc, char **argv)
{
	struct traffic t = {.out = 0, .in = 1};

	if (argc < 4 || argc - 3 > SENDERS_MAX)
		return fail("usage: weft-bench-traffic CPU SOCKET FRAME...");
	t.sender_count = (unsigned)argc - 3;
	t.senders = calloc(t.sender_count, sizeof(*t.senders));
	for (unsigned i = 0; t.senders && i < t.sender_count; i++)
		if (!sender_parse(&t.senders[i], argv[3 + i]))
			return fail(
				"a frame is not hexadecimal, too long, or has no room for a stamp");
	if (!t.senders || eal(argv[1], argv[2]) < 0)
		return fail("DPDK does not start");
	t.hz = rte_get_tsc_hz();
	t.pool = rte_pktmbuf_pool_create("frames", BUFFERS, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
					 SOCKET_ID_ANY);
	if (!t.pool || device(t.out, t.pool) || device(t.in, t.pool))
		return fail("the devices do not start");
	if (!connected(&t))
		return fail("the engine does not connect");
	while (order(&t))
		;
	free(t.senders);
	return 0;
}
