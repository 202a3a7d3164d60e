/* SPDX-License-Identifier: Apache-2.0 */
/* The sockets of the console and of the agent's port: each side holds the other one back. */
#include "tests/unit/test.h"

#include "hv/vmm/stream_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct event_base *base;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct stream *s;
static char path[] = "/tmp/weft-stream-XXXXXX", sock[64];
static char taken[1 << 20];
static size_t taken_len, room;
static unsigned opened, closed, drained;

static size_t input(void *arg, const void *bytes, size_t len)
{
	size_t n = len < room ? len : room;

	memcpy(taken + taken_len, bytes, n);
	taken_len += n;
	room -= n;
	return n;
}

static void on_opened(void *arg, bool open)
{
	opened += open;
	closed += !open;
}

static void on_drained(void *arg)
{
	drained++;
}

static int set_up(void **state)
{
	const struct stream_ops ops = { input, on_opened, on_drained, NULL };

	base = event_base_new();
	strcpy(path, "/tmp/weft-stream-XXXXXX");
	assert_non_null(mkdtemp(path));
	snprintf(sock, sizeof(sock), "%s/s", path);
	taken_len = opened = closed = drained = 0;
	room = sizeof(taken);
	assert_int_equal(stream_create(base, &lock, sock, &ops, &s, NULL), 0);
	return 0;
}

static int tear_down(void **state)
{
	stream_destroy(s);
	event_base_free(base);
	assert_int_equal(access(sock, F_OK), -1);
	return rmdir(path);
}

static void loop(void)
{
	for (unsigned i = 0; i < 20; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

static int client(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

	strcpy(sun.sun_path, sock);
	assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	loop();
	return fd;
}

static size_t write_locked(const void *bytes, size_t len)
{
	size_t n;

	pthread_mutex_lock(&lock);
	n = stream_write(s, bytes, len);
	pthread_mutex_unlock(&lock);
	return n;
}

static void both_ways(void **state)
{
	char got[16];
	int fd = client();

	assert_int_equal(opened, 1);
	assert_int_equal(write(fd, "to the guest", 12), 12);
	loop();
	assert_int_equal(taken_len, 12);
	assert_memory_equal(taken, "to the guest", 12);
	assert_int_equal(write_locked("from it", 7), 7);
	loop();
	assert_int_equal(read(fd, got, sizeof(got)), 7);
	assert_memory_equal(got, "from it", 7);
	close(fd);
	loop();
	assert_int_equal(closed, 1);
	assert_int_equal(write_locked("nobody", 6), 6); /* is lost */
}

/* A client that does not read: what is taken has a bound, and drained comes once there is room. */
static void a_slow_client(void **state)
{
	static char block[1 << 16], got[1 << 16];
	size_t accepted = 0, received = 0, n;
	ssize_t k;
	int fd = client();

	do {
		n = write_locked(block, sizeof(block));
		accepted += n;
		loop();
		assert_true(accepted < 8 << 20);
	} while (n == sizeof(block));
	assert_int_equal(drained, 0);
	for (unsigned i = 0; i < 1000 && received < accepted; i++) {
		while ((k = read(fd, got, sizeof(got))) > 0)
			received += (size_t)k;
		loop();
	}
	assert_int_equal(received, accepted);
	assert_int_equal(drained, 1);
	close(fd);
}

/* A guest that does not take: the client is held back, and nothing is lost, doubled or reordered. */
static void a_slow_guest(void **state)
{
	size_t sent = 0;
	uint8_t block[1000];
	int fd = client();
	ssize_t k;

	room = 0;
	for (unsigned round = 0; round < 2000; round++) {
		for (unsigned i = 0; i < sizeof(block); i++)
			block[i] = (uint8_t)((sent + i) / 7);
		k = write(fd, block, sizeof(block));
		if (k < 0)
			break;
		sent += (size_t)k;
		loop();
	}
	assert_int_equal(errno, EAGAIN);
	assert_int_equal(taken_len, 0);
	for (unsigned i = 0; i < 100000 && taken_len < sent; i++) {
		room = 777;
		pthread_mutex_lock(&lock);
		stream_go_on(s);
		pthread_mutex_unlock(&lock);
		loop();
	}
	assert_int_equal(taken_len, sent);
	for (size_t i = 0; i < sent; i++)
		assert_int_equal((uint8_t)taken[i], (uint8_t)(i / 7));
	close(fd);
}

/* One client at a time: the second one waits until the first has gone. */
static void one_after_the_other(void **state)
{
	int first = client(), second = client();

	assert_int_equal(opened, 1);
	assert_int_equal(write(second, "b", 1), 1);
	assert_int_equal(write(first, "a", 1), 1);
	loop();
	assert_int_equal(taken_len, 1);
	close(first);
	loop();
	assert_int_equal(opened, 2);
	assert_memory_equal(taken, "ab", 2);
	close(second);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = { TEST(both_ways), TEST(a_slow_client), TEST(a_slow_guest),
					    TEST(one_after_the_other) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
