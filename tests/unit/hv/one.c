/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hv/one.h"

#include "base/file.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_S = 20 };

void one_seen(struct hv_machine *m, enum hv_event ev, const char *reason, void *arg)
{
	struct one *b = arg;

	assert_ptr_equal(m, b->m);
	if (ev == HV_RUNNING)
		b->running = true;
	if (ev == HV_PAUSED)
		b->paused = true;
	if (ev == HV_RESUMED)
		b->resumed = true;
	if (ev == HV_SAVED)
		b->saved = true;
	if (ev == HV_NOT_SAVED) {
		b->not_saved = true;
		snprintf(b->why_not, sizeof(b->why_not), "%s", reason);
	}
	if (ev == HV_STOPPED) {
		b->stopped = true;
		snprintf(b->reason, sizeof(b->reason), "%s", reason);
	}
	event_base_loopbreak(b->base);
}

static void too_late(evutil_socket_t fd, short what, void *arg)
{
	event_base_loopbreak(arg);
}

bool one_await(struct one *b, const bool *flag)
{
	struct timeval tv = { .tv_sec = WAIT_S };
	struct event *timer = evtimer_new(b->base, too_late, b->base);

	evtimer_add(timer, &tv);
	while (!*flag && evtimer_pending(timer, NULL))
		event_base_loop(b->base, EVLOOP_ONCE);
	event_free(timer);
	return *flag;
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

void one_place(struct one *b, const char *name)
{
	snprintf(b->dir, sizeof(b->dir), "%s/%s", b->top, name);
	snprintf(b->local, sizeof(b->local), "%s/eth1.sock", b->dir);
}

int one_set_up(void **state)
{
	struct one *b = calloc(1, sizeof(*b));

	strcpy(b->top, "/tmp/weft-hv-XXXXXX");
	assert_non_null(mkdtemp(b->top));
	one_place(b, "r,1"); /* a comma, as QEMU's options dislike */
	snprintf(b->peers, sizeof(b->peers), "%s/peers", b->top);
	snprintf(b->peer, sizeof(b->peer), "%s/e1", b->peers);
	assert_int_equal(mkdir(b->peers, 0755), 0);
	b->base = event_base_new();
	b->nic = (struct hv_nic){ .mac = { 2, 0, 0, 0, 0, 1 }, .mtu = 9000, .peer = b->peer,
				  .local = b->local };
	b->conf = (struct hv_conf){ .name = "red/r1", .dir = b->dir, .uid = UID, .memory_mib = 32,
				    .cpus = 1, .nic_count = 1, .nics = &b->nic };
	*state = b;
	return 0;
}

int one_tear_down(void **state)
{
	struct one *b = *state;

	if (b->m) {
		b->stopped = false;
		hv_stop(b->m);
		one_await(b, &b->stopped);
		hv_detach(b->m);
	}
	event_base_free(b->base);
	file_remove_tree(b->top, NULL);
	free(b);
	return 0;
}

void one_start(struct one *b)
{
	struct err err = { "" };
	double t0 = now_ms(), t1;

	if (hv_start(b->base, &b->conf, one_seen, b, &b->m, &err) < 0)
		fail_msg("%s", err.text);
	t1 = now_ms();
	if (!one_await(b, &b->running))
		fail_msg("not running: %s", b->reason);
	print_message("started: call %.1f ms, control up after %.0f ms\n", t1 - t0, now_ms() - t0);
}

void one_gone(struct one *b)
{
	hv_detach(b->m);
	b->m = NULL;
	event_base_loop(b->base, EVLOOP_NONBLOCK); /* libevent closes its sockets from the loop */
}

void one_assert_reason(struct one *b, const char *word)
{
	struct err err;

	b->conf.kernel = "/etc/hostname";
	assert_int_equal(hv_start(b->base, &b->conf, one_seen, b, &b->m, &err), 0);
	assert_true(one_await(b, &b->stopped));
	assert_memory_equal(b->reason, "exit status 1: ", 15);
	assert_non_null(strstr(b->reason, word));
	one_gone(b);
}

bool one_has(const struct one *b, const char *name)
{
	char path[200];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", b->dir, name);
	return lstat(path, &st) == 0;
}

const char *of_process(pid_t pid, const char *name)
{
	static struct buf text;
	char path[64];

	buf_free(&text);
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	assert_int_equal(file_read(path, 1 << 20, &text, NULL), 0);
	buf_u8(&text, 0);
	return (const char *)text.data;
}

static bool same_namespace(pid_t pid, const char *name)
{
	char path[64], a[64] = "", c[64] = "";

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", (int)pid, name);
	assert_true(readlink(path, a, sizeof(a) - 1) > 0);
	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	assert_true(readlink(path, c, sizeof(c) - 1) > 0);
	return strcmp(a, c) == 0;
}

void one_assert_jailed(struct one *b)
{
	pid_t pid = hv_pid(b->m);
	char root[64], entry[200];

	assert_non_null(strstr(of_process(pid, "status"), "\nUid:\t64123\t64123\t64123\t64123\n"));
	assert_non_null(strstr(of_process(pid, "status"), "\nGid:\t64123\t64123\t64123\t64123\n"));
	assert_non_null(strstr(of_process(pid, "status"), "\nGroups:\t \n"));
	assert_non_null(strstr(of_process(pid, "status"), "\nCapEff:\t0000000000000000\n"));
	assert_non_null(strstr(of_process(pid, "status"), "\nNoNewPrivs:\t1\n"));
	assert_non_null(strstr(of_process(pid, "status"), "\nSeccomp:\t2\n"));
	assert_non_null(strstr(of_process(pid, "limits"), "Max core file size        0 "));
	assert_false(same_namespace(pid, "net"));
	assert_false(same_namespace(pid, "mnt"));
	assert_false(same_namespace(pid, "ipc"));
	assert_false(same_namespace(pid, "pid"));
	assert_int_equal(getsid(pid), pid);
	snprintf(root, sizeof(root), "/proc/%d/root", (int)pid);
	snprintf(entry, sizeof(entry), "%s/etc", root);
	assert_int_not_equal(access(entry, F_OK), 0);
	snprintf(entry, sizeof(entry), "%s%s/agent.sock", root, b->dir);
	assert_int_equal(access(entry, F_OK), 0);
}

int one_connect(const struct one *b, const char *name)
{
	const struct timeval limit = { .tv_sec = 10 };
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(to.sun_path, sizeof(to.sun_path), "%s/%s", b->dir, name);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	return fd;
}

const char *one_hear(int fd, const char *end)
{
	static char text[8192];
	size_t len = 0;

	text[0] = 0;
	while (!strstr(text, end)) {
		ssize_t n = read(fd, text + len, sizeof(text) - 1 - len);

		if (n <= 0)
			fail_msg("no \"%s\" in \"%s\"", end, text);
		len += (size_t)n;
		text[len] = 0;
	}
	return text;
}

void one_say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

void one_assert_gdb(struct one *b)
{
	int fd = one_connect(b, "gdb.sock");

	one_say(fd, "$?#3f");
	assert_non_null(strstr(one_hear(fd, "#"), "$T"));
	close(fd);
}
