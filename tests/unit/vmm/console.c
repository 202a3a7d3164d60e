/* SPDX-License-Identifier: Apache-2.0 */
/* What a guest says without end costs the host no more than a log and a client's buffer. */
#include "tests/unit/test.h"

#include "hv/vmm/console_priv.h"

#include <event2/event.h>
#include <event2/thread.h>
#include <linux/serial_reg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { SAYS = 20 << 20, LOG_MAX = 16 << 20, CLIENT_MAX = 1 << 20, TURN = 3000, BYTES = 10000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct kvm kvm; /* is not asked for interrupts */

/* As many bytes, with turns of the loop in between. */
static void say(struct event_base *base, struct console *c, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++) {
		serial_write(&c->serial, UART_TX, (uint8_t)i);
		if (i % TURN == 0)
			event_base_loop(base, EVLOOP_NONBLOCK);
	}
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static off_t size_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_size;
}

static void flood(void **state)
{
	struct event_base *base = event_base_new();
	char dir[] = "/tmp/weft-console-XXXXXX", path[64], bytes[65536];
	struct console c;
	int pair[2];
	size_t heard = 0;
	ssize_t n;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/log", dir);
	assert_int_equal(console_create(&c, base, &lock, &kvm, NULL, path, NULL), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(console_adopt(&c, pair[0]), 0); /* and the client does not read */
	say(base, &c, SAYS);
	assert_in_range(size_of(path), LOG_MAX - 65536, LOG_MAX);
	assert_in_range(c.said.cap, 1, 1 << 17);
	console_destroy(&c);
	while ((n = read(pair[1], bytes, sizeof(bytes))) > 0)
		heard += (size_t)n;
	assert_in_range(heard, 1, CLIENT_MAX);
	close(pair[1]);
	unlink(path);
	rmdir(dir);
	event_base_free(base);
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* The first byte is passed on at once, those after it every few milliseconds at most, and all of them. */
static void byte_by_byte(void **state)
{
	struct event_base *base = event_base_new();
	char dir[] = "/tmp/weft-console-XXXXXX", path[64];
	struct console c;
	double began = now_ms();
	off_t before = 0;
	unsigned writes = 0;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/log", dir);
	assert_int_equal(console_create(&c, base, &lock, &kvm, NULL, path, NULL), 0);
	for (unsigned i = 0; i < BYTES; i++) {
		serial_write(&c.serial, UART_TX, 'x');
		event_base_loop(base, EVLOOP_NONBLOCK);
		if (i == 0)
			assert_int_equal(size_of(path), 1);
		writes += size_of(path) != before;
		before = size_of(path);
	}
	assert_true(writes <= 1 + (now_ms() - began) / CONSOLE_TOGETHER_MS);
	assert_true(writes < BYTES);
	while (size_of(path) < BYTES)
		event_base_loop(base, EVLOOP_ONCE);
	serial_write(&c.serial, UART_TX, 'x');
	assert_int_equal(size_of(path), BYTES);
	console_flush(&c);
	assert_int_equal(size_of(path), BYTES + 1);
	console_destroy(&c);
	unlink(path);
	rmdir(dir);
	event_base_free(base);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(flood), cmocka_unit_test(byte_by_byte) };

	evthread_use_pthreads();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
