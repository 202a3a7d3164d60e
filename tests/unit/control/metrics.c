/* SPDX-License-Identifier: Apache-2.0 */
/* Metrics part by part, of rows made here, and over the API of a weftd with a thousand nodes. */
#include "control/metrics_priv.h"
#include "tests/unit/control/daemon.h"
#include "tests/unit/test.h"

#include <event2/event.h>
#include <fcntl.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { NODES = 1000 };

static void *row(struct metrics *m, enum metrics_table t, const char *labels)
{
	size_t where = m->labels.len;
	void *at = buf_reserve(&m->rows[t], metrics_row[t]);

	buf_put(&m->labels, labels, strlen(labels) + 1);
	memcpy(at, &where, sizeof(where));
	return at;
}

static struct metrics *some_rows(void)
{
	struct metrics *m = calloc(1, sizeof(*m));
	struct metrics_daemon *d = row(m, METRICS_DAEMON, "");
	struct metrics_router *r = row(m, METRICS_ROUTER, "vnet=\"red\",node=\"r1\"");
	struct metrics_queue *q;

	d->self.pid = getpid();
	d->info[0] = 1;
	r->boot_s = NAN;
	r->messages = UINT64_MAX;
	for (unsigned i = 0; i < 300; i++) {
		char labels[64];
		struct metrics_port *p;

		snprintf(labels, sizeof(labels), "vnet=\"red\",node=\"r1\",port=\"eth%u\"", i);
		p = row(m, METRICS_PORT, labels);
		p->rx_bytes = i;
		p->drops[DP_DROP_RUNT] = i == 7 ? 9 : 0;
	}
	q = row(m, METRICS_QUEUE, "vnet=\"red\",node=\"p\",port=\"eth1\"");
	q->packets = 3;
	q->delay_s[DP_DELAY_P99] = 0.25;
	return m;
}

/* Whatever the parts are, they are one text; and each is some lines. */
static void parts_are_the_whole(void **state)
{
	struct metrics *m = some_rows();
	struct buf whole = { 0 };

	assert_false(metrics_text(m, SIZE_MAX, &whole));
	buf_u8(&whole, 0);
	metrics_free(m);
	for (size_t most = 1; most < 2 * whole.len; most = most * 3 + 1) {
		struct buf all = { 0 }, part = { 0 };
		bool more = true;

		m = some_rows();
		while (more) {
			more = metrics_text(m, most, &part);
			assert_true(part.len < most + 512);
			assert_true(!more || part.len >= most);
			assert_true(!part.len || part.data[part.len - 1] == '\n');
			buf_put(&all, part.data, part.len);
			buf_reset(&part);
		}
		assert_int_equal(all.len + 1, whole.len);
		assert_memory_equal(all.data, whole.data, all.len);
		metrics_free(m);
		buf_free(&all);
		buf_free(&part);
	}
	buf_free(&whole);
}

static bool has(const struct buf *b, const char *line)
{
	return strstr((const char *)b->data, line);
}

static void values(void **state)
{
	struct metrics *m = some_rows();
	struct buf b = { 0 };

	while (metrics_measure(m, 1))
		;
	assert_false(metrics_text(m, SIZE_MAX, &b));
	buf_u8(&b, 0);
	assert_true(has(&b, "\nweft_intake_messages_total{vnet=\"red\",node=\"r1\"} 18446744073709551615\n"));
	assert_true(has(&b, "# HELP weft_port_receive_bytes_total "));
	assert_true(has(&b, "# TYPE weft_port_receive_bytes_total counter\n"
			    "weft_port_receive_bytes_total{vnet=\"red\",node=\"r1\",port=\"eth0\"} 0\n"));
	assert_true(has(&b, "\nweft_queue_delay_seconds{vnet=\"red\",node=\"p\",port=\"eth1\","
			    "share=\"0.99\"} 0.25\n"));
	assert_true(has(&b, "\nweft_info{version=\"" WEFT_VERSION "\"} 1\n"));
	assert_true(has(&b, "\nprocess_resident_memory_bytes "));
	/* What has not happened, and what is not known. */
	assert_true(has(&b, "\nweft_port_dropped_packets_total{vnet=\"red\",node=\"r1\",port=\"eth7\","
			    "reason=\"runt\"} 9\n# HELP"));
	assert_false(has(&b, "\nweft_guest_boot_seconds{") || has(&b, "\nweft_guest_cpu_seconds_total{"));
	assert_true(has(&b, "\n# TYPE weft_guest_boot_seconds gauge\n"));
	metrics_free(m);
	buf_free(&b);
}

/* A row of bridges, which cost nothing but weftd's own. */
static void deploy(struct daemon *w)
{
	struct buf body = { 0 };

	buf_printf(&body, "{\"file\": \"t.yml\", \"files\": {}, \"topology\": \"name: red\\ntopology:\\n"
		   "  nodes:\\n");
	for (unsigned i = 0; i < NODES; i++)
		buf_printf(&body, "    n%u: {kind: bridge}\\n", i);
	buf_printf(&body, "  links:\\n");
	for (unsigned i = 1; i < NODES; i++)
		buf_printf(&body, "    - endpoints: [n%u:a, n%u:b]\\n", i - 1, i);
	buf_printf(&body, "\"}");
	buf_u8(&body, 0);
	assert_int_equal(daemon_call(w, "PUT", "/v1/vnets/red", (const char *)body.data), 202);
	buf_free(&body);
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static unsigned lines(const char *text, const char *begin)
{
	unsigned n = 0;

	for (; (text = strstr(text, begin)); text++)
		n++;
	return n;
}

static void a_thousand_nodes(void **state)
{
	struct daemon *w = *state;
	double longest = 0, began;
	unsigned turns = 0;
	size_t len = 0;
	ssize_t n = -1;
	int fd;

	deploy(w);
	began = now_ms();
	fd = daemon_dial(w, "GET", "/metrics", "");
	while (n && now_ms() - began < 30000) {
		double before = now_ms(), took;

		event_base_loop(w->d.base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
		took = now_ms() - before;
		longest = took > longest ? took : longest;
		turns++;
		n = read(fd, w->said + len, sizeof(w->said) - 1 - len);
		len += n > 0 ? (size_t)n : 0;
		w->said[len] = 0;
	}
	close(fd);
	print_message("%zu bytes, %.1f ms, in %u turns of the loop, the longest %.1f ms\n", len,
		      now_ms() - began, turns, longest);
	assert_int_equal(lines(w->said, "\nweft_node_state{"), NODES);
	assert_int_equal(lines(w->said, "\nweft_port_receive_bytes_total{"), 2 * (NODES - 1));
	assert_non_null(strstr(w->said, "\nweft_vnet_nodes{vnet=\"red\",state=\"ready\"} 1000\n"));
}

static void clients_that_leave(void **state)
{
	struct daemon *w = *state;
	int fds[8];

	deploy(w);
	/* Before, at, and in the midst of the answer. */
	close(daemon_dial(w, "GET", "/metrics", ""));
	for (unsigned i = 0; i < 8; i++) {
		fds[i] = daemon_dial(w, "GET", "/metrics", "");
		assert_int_equal(daemon_hear(w, fds[i], "# HELP"), 200);
	}
	/* Those who do not read on hold no more than their copies, and there are no more of them. */
	assert_int_equal(daemon_call(w, "GET", "/metrics", ""), 503);
	for (unsigned i = 1; i < 8; i++)
		close(fds[i]);
	assert_int_equal(daemon_call(w, "GET", "/v1/version", ""), 200);
	assert_int_equal(daemon_call(w, "GET", "/metrics", ""), 200);
	assert_int_equal(daemon_call(w, "POST", "/metrics", "{}"), 405);
	/* One whom the end of weftd meets. */
	daemon_stop(w);
	close(fds[0]);
	daemon_start(w);
	assert_int_equal(store_vnet_end(w->d.store, NULL, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_are_the_whole),
		cmocka_unit_test(values),
		cmocka_unit_test_setup_teardown(a_thousand_nodes, daemon_setup, daemon_teardown),
		cmocka_unit_test_setup_teardown(clients_that_leave, daemon_setup, daemon_teardown),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
