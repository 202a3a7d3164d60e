/* SPDX-License-Identifier: Apache-2.0 */
/* Commands in a namespace of their own. Needs root. */
#include "control/command.h"
#include "base/buf.h"
#include "control/netns.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct run {
	struct event_base *base;
	struct command *command;
	struct buf said[2];
	int status;
	bool done, pause;
	char netns[32];
	bool confined;
};

static void on_output(void *arg, int stream, const void *bytes, size_t len)
{
	struct run *r = arg;

	assert_false(r->done);
	buf_put(&r->said[stream - 1], bytes, len);
	if (r->pause)
		command_pause(r->command, true);
}

static void on_done(void *arg, int status)
{
	struct run *r = arg;

	r->done = true;
	r->status = status;
	event_base_loopbreak(r->base);
}

static void turn(struct run *r, int ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000 };

	event_base_loopexit(r->base, &tv);
	event_base_dispatch(r->base);
}

static void begin(struct run *r, const char *script, const void *input, size_t len)
{
	const char *argv[] = { "/bin/sh", "-c", script, NULL }, *env[] = { "COLOUR=red", NULL };
	struct command_conf conf = { .base = r->base, .netns = r->netns, .hostname = "h1",
				     .confined = r->confined, .argv = argv, .env = env, .input = input, .input_len = len,
				     .output = on_output, .done = on_done, .arg = r };
	struct err err = { { 0 } };

	buf_reset(&r->said[0]);
	buf_reset(&r->said[1]);
	r->done = false;
	assert_int_equal(command_start(&conf, &r->command, &err), 0);
}

static int run(struct run *r, const char *script, const void *input, size_t len)
{
	begin(r, script, input, len);
	turn(r, 20000);
	assert_true(r->done);
	buf_u8(&r->said[0], 0);
	buf_u8(&r->said[1], 0);
	return r->status;
}

static const char *said(struct run *r, int stream)
{
	return (const char *)r->said[stream - 1].data;
}

static void ends(void **state)
{
	struct run *r = *state;

	assert_int_equal(run(r, "exit 7", NULL, 0), 7);
	assert_int_equal(run(r, "kill -TERM $$", NULL, 0), 128 + 15);
	assert_int_equal(run(r, "exec /nowhere/at/all", NULL, 0), 127);
	assert_true(strstr(said(r, 2), "/nowhere/at/all"));
}

static void surroundings(void **state)
{
	struct run *r = *state;

	assert_int_equal(run(r, "echo $COLOUR $(uname -n) $(ls /sys/class/net); echo no >&2", NULL, 0), 0);
	assert_string_equal(said(r, 1), "red h1 lo\n");
	assert_string_equal(said(r, 2), "no\n");
	/* Nothing of weftd's is open in it: 3 is the directory that ls itself reads. */
	assert_int_equal(run(r, "ls /proc/self/fd", NULL, 0), 0);
	assert_string_equal(said(r, 1), "0\n1\n2\n3\n");
}

static void input(void **state)
{
	struct run *r = *state;
	size_t len = 3u << 20;
	char *bytes = malloc(len);

	memset(bytes, 'x', len);
	assert_int_equal(run(r, "wc -c", bytes, len), 0);
	assert_string_equal(said(r, 1), "3145728\n");
	assert_int_equal(run(r, "wc -c", "", 0), 0);
	assert_string_equal(said(r, 1), "0\n");
	/* It does not read: the pipe breaks, and that is no failure. */
	assert_int_equal(run(r, "exec <&-; sleep 0.1; echo ok", bytes, len), 0);
	assert_string_equal(said(r, 1), "ok\n");
	free(bytes);
}

static void much_output(void **state)
{
	struct run *r = *state;

	assert_int_equal(run(r, "head -c 5000000 /dev/zero", NULL, 0), 0);
	assert_int_equal(r->said[0].len, 5000001);
}

static void a_daemon_left_behind(void **state)
{
	struct run *r = *state;

	/* It holds the pipe and writes for ever; the command's end is the end. */
	assert_int_equal(run(r, "(trap '' PIPE; while echo y; do :; done) 2>/dev/null & exit 3", NULL, 0), 3);
}

static void pause_and_cancel(void **state)
{
	struct run *r = *state;
	size_t before;

	r->pause = true;
	begin(r, "exec cat /dev/zero", NULL, 0);
	while (!r->said[0].len)
		event_base_loop(r->base, EVLOOP_ONCE);
	before = r->said[0].len;
	turn(r, 50);
	assert_int_equal(r->said[0].len, before);
	r->pause = false;
	command_pause(r->command, false);
	while (r->said[0].len < before + 100000)
		event_base_loop(r->base, EVLOOP_ONCE);
	command_cancel(r->command);
	assert_false(r->done);
	turn(r, 10);
	assert_false(r->done);
}

static void a_namespace_that_is_not_there(void **state)
{
	struct run *r = *state;
	const char *argv[] = { "true", NULL };
	struct command_conf conf = { .base = r->base, .netns = "weft-control-nowhere",
				     .hostname = "h1", .argv = argv, .output = on_output,
				     .done = on_done, .arg = r };
	struct err err = { { 0 } };

	assert_true(command_start(&conf, NULL, &err) < 0);
	assert_true(err.text[0]);
}

static void a_namespace_takes_its_processes_along(void **state)
{
	struct run *r = *state;
	struct err err;

	assert_true(netns_exists(r->netns));
	assert_int_equal(netns_create(r->netns, 0, &err), -EEXIST);
	begin(r, "exec sleep 1000", NULL, 0);
	/* It has entered when it says so itself. */
	command_cancel(r->command);
	begin(r, "echo in; exec sleep 1000", NULL, 0);
	while (!r->said[0].len)
		event_base_loop(r->base, EVLOOP_ONCE);
	assert_int_equal(netns_destroy(r->netns, &err), 0);
	turn(r, 20000);
	assert_true(r->done);
	assert_int_equal(r->status, 128 + 9);
	assert_false(netns_exists(r->netns));
	assert_int_equal(netns_destroy(r->netns, &err), 0);
}

static void taps(void **state)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
	struct run *r = *state;
	struct err err;
	int fd = netns_tap(r->netns, "eth1", mac, 1400, &err);

	assert_true(fd >= 0);
	assert_int_equal(netns_tap(r->netns, "eth1", mac, 1400, &err), -EBUSY);
	assert_int_equal(run(r, "cat /sys/class/net/eth1/address /sys/class/net/eth1/mtu "
			     "/sys/class/net/eth1/carrier", NULL, 0), 0);
	assert_string_equal(said(r, 1), "02:00:00:00:00:01\n1400\n1\n");
	assert_int_equal(netns_tap_carrier(r->netns, "eth1", false, &err), 0);
	assert_int_equal(run(r, "cat /sys/class/net/eth1/carrier", NULL, 0), 0);
	assert_string_equal(said(r, 1), "0\n");
	close(fd);
	fd = netns_tap(r->netns, "eth1", mac, 1400, &err); /* it is persistent */
	assert_true(fd >= 0);
	close(fd);
	assert_true(netns_tap_carrier(r->netns, "eth9", false, &err) < 0);
}

/* Its root is a uid outside that is nobody: the network is its own, the machine is not. */
static void a_namespace_of_a_user(void **state)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
	struct run *r = *state;
	int fd;

	assert_true(netns_is_confined(r->netns));
	fd = netns_tap(r->netns, "eth1", mac, 1400, NULL);
	assert_true(fd >= 0);
	assert_int_equal(run(r, "id -u; id -G; read a b c </proc/self/uid_map; echo $a $b $c; echo $COLOUR $WEFT_TEST; "
			     "grep -o 'processes *1024' /proc/self/limits | tr -d ' '", NULL, 0), 0);
	assert_string_equal(said(r, 1), "0\n0\n0 805400000 1\nred\nprocesses1024\n");
	assert_int_equal(run(r, "ip addr add 10.0.0.1/24 dev eth1 && ip link set lo down && uname -n && ls "
			     "/sys/class/net", NULL, 0), 0);
	assert_string_equal(said(r, 1), "h1\neth1\nlo\n");
	assert_int_equal(run(r, "cat /proc/self/oom_score_adj; cat /etc/shadow || kill -0 1 || touch /etc/weft-here || "
			     "nsenter --net=/proc/1/ns/net true || mknod /tmp/weft-null c 1 3", NULL, 0), 1);
	assert_string_equal(said(r, 1), "1000\n");
	close(fd);
}

/* What leaves the namespace for one of its own is found by whom it runs as. */
static void a_user_takes_its_processes_along(void **state)
{
	struct run *r = *state;

	begin(r, "echo in; exec unshare -n sleep 1000", NULL, 0);
	while (!r->said[0].len)
		event_base_loop(r->base, EVLOOP_ONCE);
	netns_kill_user(805400000);
	turn(r, 20000);
	assert_true(r->done);
	assert_int_equal(r->status, 128 + 9);
	netns_kill_user(0); /* nobody */
}

static void confined_or_not_at_all(void **state)
{
	struct run *r = *state;
	const char *argv[] = { "true", NULL };
	struct command_conf conf = { .base = r->base, .netns = r->netns, .hostname = "h1", .argv = argv,
				     .confined = true, .output = on_output, .done = on_done, .arg = r };

	assert_false(netns_is_confined(r->netns));
	assert_int_equal(command_start(&conf, NULL, NULL), -EPERM);
}

static int begin_in(void **state, uid_t uid)
{
	struct run *r = calloc(1, sizeof(*r));
	struct err err;

	r->base = event_base_new();
	r->confined = uid;
	snprintf(r->netns, sizeof(r->netns), "weft-control-%d", getpid());
	*state = r;
	return netns_create(r->netns, uid, &err);
}

static int setup(void **state)
{
	return begin_in(state, 0);
}

static int setup_confined(void **state)
{
	setenv("WEFT_TEST", "secret", 1);
	return begin_in(state, 805400000);
}

static int teardown(void **state)
{
	struct run *r = *state;
	int code = netns_destroy(r->netns, NULL);

	buf_free(&r->said[0]);
	buf_free(&r->said[1]);
	event_base_free(r->base);
	free(r);
	return code;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ends, setup, teardown),
		cmocka_unit_test_setup_teardown(surroundings, setup, teardown),
		cmocka_unit_test_setup_teardown(input, setup, teardown),
		cmocka_unit_test_setup_teardown(much_output, setup, teardown),
		cmocka_unit_test_setup_teardown(a_daemon_left_behind, setup, teardown),
		cmocka_unit_test_setup_teardown(pause_and_cancel, setup, teardown),
		cmocka_unit_test_setup_teardown(a_namespace_that_is_not_there, setup, teardown),
		cmocka_unit_test_setup_teardown(a_namespace_takes_its_processes_along, setup, teardown),
		cmocka_unit_test_setup_teardown(taps, setup, teardown),
		cmocka_unit_test_setup_teardown(a_namespace_of_a_user, setup_confined, teardown),
		cmocka_unit_test_setup_teardown(a_user_takes_its_processes_along, setup_confined, teardown),
		cmocka_unit_test_setup_teardown(confined_or_not_at_all, setup, teardown),
	};

	signal(SIGPIPE, SIG_IGN); /* as in weftd */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
