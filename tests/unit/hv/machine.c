/* SPDX-License-Identifier: Apache-2.0 */
/* Real QEMU processes without a bootable kernel: they sit in the firmware, which is all that the
 * backend's own duties need. Needs root. */
#include "hv/proc_priv.h"
#include "hv/record_priv.h"
#include "tests/unit/hv/one.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PORT = 2620 };

static void it_starts_in_a_jail(void **state)
{
	static const char *const sockets[] = { "qmp.sock", "agent.sock", "console.sock",
					       "eth1.sock", "console.log", "machine.json" };
	struct one *b = *state;
	struct hv_machine *second;
	struct err err;

	one_start(b);
	for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++)
		assert_true(one_has(b, sockets[i]));
	one_assert_jailed(b);
	assert_int_equal(hv_start(b->base, &b->conf, one_seen, b, &second, &err), -EBUSY);
}

static void frames_cross_its_network_namespace(void **state)
{
	struct one *b = *state;
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0), n = 0;
	char frame[60] = { 0 };

	one_start(b);
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

static int dial_fpm(void)
{
	const struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(PORT),
					.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int code = connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0 ? -errno : 0;

	close(fd);
	return code;
}

/* In its network there is lo, and who is there may connect; nobody else can. */
static void a_socket_in_its_network(void **state)
{
	struct one *b = *state;
	int own = open("/proc/self/ns/net", O_RDONLY), its, fd;
	char path[64];
	struct err err;

	b->conf.manage = true;
	one_start(b);
	fd = hv_listen(b->m, PORT, &err);
	assert_true(fd >= 0);
	assert_int_equal(dial_fpm(), -ECONNREFUSED);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)hv_pid(b->m));
	its = open(path, O_RDONLY);
	assert_int_equal(setns(its, CLONE_NEWNET), 0);
	assert_int_equal(dial_fpm(), 0);
	assert_int_equal(setns(own, CLONE_NEWNET), 0);
	assert_int_equal(hv_listen(b->m, PORT, &err), -EADDRINUSE);
	close(fd);
	close(its);
	close(own);
}

static void gdb_is_answered(void **state)
{
	one_start(*state);
	one_assert_gdb(*state);
}

static void a_kill_is_a_reason(void **state)
{
	struct one *b = *state;

	one_start(b);
	assert_int_equal(hv_set_carrier(b->m, 0, true), 0);
	assert_int_equal(hv_set_carrier(b->m, 1, true), -EINVAL);
	kill(hv_pid(b->m), SIGKILL);
	assert_true(one_await(b, &b->stopped));
	assert_string_equal(b->reason, "killed by signal 9");
	one_gone(b);
}

static void stop_cleans_up(void **state)
{
	struct one *b = *state;
	pid_t pid;

	one_start(b);
	pid = hv_pid(b->m);
	hv_stop(b->m);
	assert_true(one_await(b, &b->stopped));
	assert_string_equal(b->reason, "stopped");
	assert_int_equal(kill(pid, 0), -1);
	assert_false(one_has(b, "qmp.sock"));
	assert_false(one_has(b, "agent.sock"));
	assert_false(one_has(b, "eth1.sock"));
	assert_false(one_has(b, "machine.json"));
	one_gone(b);
}

static void what_qemu_says_is_the_reason(void **state)
{
	one_assert_reason(*state, "qemu");
}

/* In a process of its own, as a daemon after a restart. */
static int adopter(struct one *b)
{
	struct err err;

	b->base = event_base_new();
	b->running = b->stopped = false;
	if (hv_adopt(b->base, b->dir, NULL, one_seen, b, &b->m, &err) < 0)
		return 1;
	if (hv_set_carrier(b->m, 0, true) < 0 || !one_await(b, &b->running))
		return 2;
	kill(hv_pid(b->m), SIGKILL);
	if (!one_await(b, &b->stopped))
		return 3;
	return strncmp(b->reason, "ended", 5) == 0 ? 0 : 4;
}

static void another_process_adopts_it(void **state)
{
	struct one *b = *state;
	struct hv_record rec;
	struct err err;
	pid_t machine, child;
	int status;

	one_start(b);
	machine = hv_pid(b->m);
	one_gone(b);
	assert_int_equal(kill(machine, 0), 0);
	assert_int_equal(hv_record_read(b->dir, &rec, &err), 0);
	rec.start_time++; /* the pid came back as somebody else */
	hv_record_write(b->dir, &rec, &err);
	assert_int_equal(hv_adopt(b->base, b->dir, NULL, one_seen, b, &b->m, &err), -ENOENT);
	rec.start_time--;
	hv_record_write(b->dir, &rec, &err);
	child = fork();
	if (child == 0)
		_exit(adopter(b));
	assert_int_equal(waitpid(child, &status, 0), child);
	kill(machine, SIGKILL);
	assert_int_equal(waitpid(machine, NULL, 0), machine);
	assert_int_equal(status, 0);
	assert_int_equal(hv_adopt(b->base, b->dir, NULL, one_seen, b, &b->m, &err), -ENOENT);
}

static void another_users_process_is_not_believed(void **state)
{
	struct one *b = *state;
	struct hv_record rec = { .backend = "qemu", .accel = "tcg", .pid = getpid(),
				 .memory_mib = 32, .cpus = 1 };
	struct proc_stat st;
	struct err err;

	assert_int_equal(mkdir(b->dir, 0700), 0);
	assert_int_equal(chown(b->dir, UID, UID), 0);
	assert_int_equal(proc_stat(getpid(), &st), 0);
	rec.start_time = st.start_time;
	assert_int_equal(hv_record_write(b->dir, &rec, &err), 0);
	assert_int_equal(hv_adopt(b->base, b->dir, NULL, one_seen, b, &b->m, &err), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ONE(it_starts_in_a_jail),
		WITH_ONE(frames_cross_its_network_namespace),
		WITH_ONE(a_socket_in_its_network),
		WITH_ONE(gdb_is_answered),
		WITH_ONE(a_kill_is_a_reason),
		WITH_ONE(stop_cleans_up),
		WITH_ONE(what_qemu_says_is_the_reason),
		WITH_ONE(another_process_adopts_it),
		WITH_ONE(another_users_process_is_not_believed),
	};

	if (geteuid() != 0)
		return 77;
	signal(SIGPIPE, SIG_IGN); /* as weftd: a machine may be gone before it is told something */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
