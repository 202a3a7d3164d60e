/* SPDX-License-Identifier: Apache-2.0 */
/* Real QEMU processes without a bootable kernel: they sit in the firmware, which is all that the
 * backend's own duties need. Needs root. */
#include "base/file.h"
#include "hv/hv.h"
#include "hv/proc_priv.h"
#include "hv/record_priv.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { UID = 64123, WAIT_S = 20 };

struct bed {
	char top[64], dir[80], peers[80], peer[100], local[100];
	struct event_base *base;
	struct hv_nic nic;
	struct hv_conf conf;
	struct hv_machine *m;
	bool running, stopped;
	char reason[256];
};

static void seen(struct hv_machine *m, enum hv_event ev, const char *reason, void *arg)
{
	struct bed *b = arg;

	assert_ptr_equal(m, b->m);
	if (ev == HV_RUNNING)
		b->running = true;
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

/* Runs the loop until *flag, for WAIT_S at most. */
static bool await(struct bed *b, const bool *flag)
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

static int set_up(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));

	strcpy(b->top, "/tmp/weft-hv-XXXXXX");
	assert_non_null(mkdtemp(b->top));
	snprintf(b->dir, sizeof(b->dir), "%s/r,1", b->top); /* a comma, as QEMU's options dislike */
	snprintf(b->peers, sizeof(b->peers), "%s/peers", b->top);
	snprintf(b->peer, sizeof(b->peer), "%s/e1", b->peers);
	snprintf(b->local, sizeof(b->local), "%s/eth1.sock", b->dir);
	assert_int_equal(mkdir(b->peers, 0755), 0);
	b->base = event_base_new();
	b->nic = (struct hv_nic){ .mac = { 2, 0, 0, 0, 0, 1 }, .mtu = 9000, .peer = b->peer,
				  .local = b->local };
	b->conf = (struct hv_conf){ .name = "red/r1", .dir = b->dir, .uid = UID, .memory_mib = 32,
				    .cpus = 1, .nic_count = 1, .nics = &b->nic };
	*state = b;
	return 0;
}

static int tear_down(void **state)
{
	struct bed *b = *state;

	if (b->m) {
		b->stopped = false;
		hv_stop(b->m);
		await(b, &b->stopped);
		hv_detach(b->m);
	}
	event_base_free(b->base);
	file_remove_tree(b->top, NULL);
	free(b);
	return 0;
}

static void start(struct bed *b)
{
	struct err err = { "" };
	double t0 = now_ms(), t1;

	if (hv_start(b->base, &b->conf, seen, b, &b->m, &err) < 0)
		fail_msg("%s", err.text);
	t1 = now_ms();
	if (!await(b, &b->running))
		fail_msg("not running: %s", b->reason);
	print_message("started: call %.1f ms, QMP up after %.0f ms\n", t1 - t0, now_ms() - t0);
}

static void gone(struct bed *b)
{
	hv_detach(b->m);
	b->m = NULL;
	event_base_loop(b->base, EVLOOP_NONBLOCK); /* libevent closes its sockets from the loop */
}

static bool exists(const struct bed *b, const char *name)
{
	char path[200];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", b->dir, name);
	return lstat(path, &st) == 0;
}

/* The text of /proc/PID/NAME. */
static const char *of_proc(pid_t pid, const char *name)
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

static void it_starts_in_a_jail(void **state)
{
	static const char *const sockets[] = { "qmp.sock", "agent.sock", "console.sock",
					       "eth1.sock", "console.log", "machine.json" };
	struct bed *b = *state;
	char path[64], entry[200];
	struct hv_machine *second;
	struct err err;
	pid_t pid;

	start(b);
	pid = hv_pid(b->m);
	for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++)
		assert_true(exists(b, sockets[i]));
	assert_non_null(strstr(of_proc(pid, "status"), "\nUid:\t64123\t64123\t64123\t64123\n"));
	assert_non_null(strstr(of_proc(pid, "status"), "\nGid:\t64123\t64123\t64123\t64123\n"));
	assert_non_null(strstr(of_proc(pid, "status"), "\nGroups:\t \n"));
	assert_non_null(strstr(of_proc(pid, "status"), "\nCapEff:\t0000000000000000\n"));
	assert_non_null(strstr(of_proc(pid, "status"), "\nNoNewPrivs:\t1\n"));
	assert_non_null(strstr(of_proc(pid, "status"), "\nSeccomp:\t2\n"));
	assert_non_null(strstr(of_proc(pid, "limits"), "Max core file size        0 "));
	assert_false(same_namespace(pid, "net"));
	assert_false(same_namespace(pid, "mnt"));
	assert_false(same_namespace(pid, "ipc"));
	assert_false(same_namespace(pid, "pid"));
	assert_int_equal(getsid(pid), pid);
	snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	snprintf(entry, sizeof(entry), "%s/etc", path);
	assert_int_not_equal(access(entry, F_OK), 0);
	snprintf(entry, sizeof(entry), "%s%s/qmp.sock", path, b->dir);
	assert_int_equal(access(entry, F_OK), 0);
	assert_int_equal(hv_start(b->base, &b->conf, seen, b, &second, &err), -EBUSY);
}

static void frames_cross_its_network_namespace(void **state)
{
	struct bed *b = *state;
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0), n = 0;
	char frame[60] = { 0 };

	start(b);
	snprintf(to.sun_path, sizeof(to.sun_path), "%s", b->local);
	/* With the machine stopped, only its socket's backlog takes them: 512 and one. */
	kill(hv_pid(b->m), SIGSTOP);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	while (n < 2000 && send(fd, frame, sizeof(frame), 0) == sizeof(frame))
		n++;
	kill(hv_pid(b->m), SIGCONT);
	close(fd);
	assert_in_range(n, 100, 520);
}

static void a_kill_is_a_reason(void **state)
{
	struct bed *b = *state;

	start(b);
	assert_int_equal(hv_set_carrier(b->m, 0, true), 0);
	assert_int_equal(hv_set_carrier(b->m, 1, true), -EINVAL);
	kill(hv_pid(b->m), SIGKILL);
	assert_true(await(b, &b->stopped));
	assert_string_equal(b->reason, "killed by signal 9");
	gone(b);
}

static void stop_cleans_up(void **state)
{
	struct bed *b = *state;
	pid_t pid;

	start(b);
	pid = hv_pid(b->m);
	hv_stop(b->m);
	assert_true(await(b, &b->stopped));
	assert_string_equal(b->reason, "stopped");
	assert_int_equal(kill(pid, 0), -1);
	assert_false(exists(b, "qmp.sock"));
	assert_false(exists(b, "agent.sock"));
	assert_false(exists(b, "eth1.sock"));
	assert_false(exists(b, "machine.json"));
	gone(b);
}

static void what_qemu_says_is_the_reason(void **state)
{
	struct bed *b = *state;
	struct err err;

	b->conf.kernel = "/etc/hostname";
	assert_int_equal(hv_start(b->base, &b->conf, seen, b, &b->m, &err), 0);
	assert_true(await(b, &b->stopped));
	assert_memory_equal(b->reason, "exit status 1: ", 15);
	assert_non_null(strstr(b->reason, "qemu"));
	gone(b);
}

/* In a process of its own, as a daemon after a restart. */
static int adopter(struct bed *b)
{
	struct err err;

	b->base = event_base_new();
	b->running = b->stopped = false;
	if (hv_adopt(b->base, b->dir, NULL, seen, b, &b->m, &err) < 0)
		return 1;
	if (hv_set_carrier(b->m, 0, true) < 0 || !await(b, &b->running))
		return 2;
	kill(hv_pid(b->m), SIGKILL);
	if (!await(b, &b->stopped))
		return 3;
	return strncmp(b->reason, "ended", 5) == 0 ? 0 : 4;
}

static void another_process_adopts_it(void **state)
{
	struct bed *b = *state;
	struct hv_record rec;
	struct err err;
	pid_t machine, child;
	int status;

	start(b);
	machine = hv_pid(b->m);
	gone(b);
	assert_int_equal(kill(machine, 0), 0);
	assert_int_equal(hv_record_read(b->dir, &rec, &err), 0);
	rec.start_time++; /* the pid came back as somebody else */
	hv_record_write(b->dir, &rec, &err);
	assert_int_equal(hv_adopt(b->base, b->dir, NULL, seen, b, &b->m, &err), -ENOENT);
	rec.start_time--;
	hv_record_write(b->dir, &rec, &err);
	child = fork();
	if (child == 0)
		_exit(adopter(b));
	assert_int_equal(waitpid(child, &status, 0), child);
	kill(machine, SIGKILL);
	assert_int_equal(waitpid(machine, NULL, 0), machine);
	assert_int_equal(status, 0);
	assert_int_equal(hv_adopt(b->base, b->dir, NULL, seen, b, &b->m, &err), -ENOENT);
}

static void another_users_process_is_not_believed(void **state)
{
	struct bed *b = *state;
	struct hv_record rec = { .backend = "qemu", .accel = "tcg", .pid = getpid(),
				 .memory_mib = 32, .cpus = 1 };
	struct proc_stat st;
	struct err err;

	assert_int_equal(mkdir(b->dir, 0700), 0);
	assert_int_equal(chown(b->dir, UID, UID), 0);
	assert_int_equal(proc_stat(getpid(), &st), 0);
	rec.start_time = st.start_time;
	assert_int_equal(hv_record_write(b->dir, &rec, &err), 0);
	assert_int_equal(hv_adopt(b->base, b->dir, NULL, seen, b, &b->m, &err), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_starts_in_a_jail, set_up, tear_down),
		cmocka_unit_test_setup_teardown(frames_cross_its_network_namespace, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_kill_is_a_reason, set_up, tear_down),
		cmocka_unit_test_setup_teardown(stop_cleans_up, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_qemu_says_is_the_reason, set_up, tear_down),
		cmocka_unit_test_setup_teardown(another_process_adopts_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(another_users_process_is_not_believed, set_up, tear_down),
	};

	if (geteuid() != 0)
		return 77;
	signal(SIGPIPE, SIG_IGN); /* as weftd: a machine may be gone before it is told something */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
