/* SPDX-License-Identifier: Apache-2.0 */
/* Real weft-vmm processes with the payload bed's guests, on whatever /dev/kvm there is. Needs root. */
#include "tests/unit/hv/weft_vmm_guest.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void it_starts_in_a_jail(void **state)
{
	static const char *const files[] = { "control.sock", "agent.sock",  "console.sock", "gdb.sock",
					     "eth1.sock",    "console.log", "machine.json" };
	static const char *const hidden[] = { "dev/kvm", "fd", "kernel", "proc" };
	struct one *b = *state;
	struct hv_machine *second;
	char path[200];
	struct err err;

	one_start(b);
	assert_string_equal(hv_name(b->m), "weft-vmm");
	assert_string_equal(hv_accel(b->m), "kvm");
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		assert_true(one_has(b, files[i]));
	one_assert_jailed(b);
	assert_filtered(hv_pid(b->m));
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		snprintf(path, sizeof(path), "/proc/%d/root/%s", (int)hv_pid(b->m), hidden[i]);
		assert_int_not_equal(access(path, F_OK), 0);
	}
	assert_int_equal(hv_start(b->base, &b->conf, one_seen, b, &second, &err), -EBUSY);
}

static void it_waits_when_it_is_to(void **state)
{
	struct one *b = *state;
	int fd;

	b->conf.paused = true;
	one_start(b);
	assert_false(said(b, "loop"));
	fd = one_connect(b, "console.sock");
	assert_int_equal(hv_resume(b->m), 0);
	assert_true(one_await(b, &b->resumed));
	one_hear(fd, "loop\n");
	close(fd);
}

static void it_stands_still_and_goes_on(void **state)
{
	struct one *b = *state;
	struct timeval now;
	int64_t stood, us;
	int fd;

	one_start(b);
	fd = one_connect(b, "console.sock");
	one_say(fd, "a\n");
	one_hear(fd, "a\n");
	assert_int_equal(hv_pause(b->m), 0);
	assert_true(one_await(b, &b->paused));
	stood = hv_instant(b->m);
	gettimeofday(&now, NULL);
	us = now.tv_sec * 1000000ll + now.tv_usec - stood;
	assert_in_range(us, 0, 20 * 1000000);
	one_say(fd, "b\n"); /* waits for the guest */
	assert_int_equal(hv_resume(b->m), 0);
	assert_true(one_await(b, &b->resumed));
	assert_true(hv_instant(b->m) > stood);
	one_hear(fd, "b\n");
	close(fd);
}

/* A frame to the NIC; what the machine counts then. */
static uint64_t dropped(struct one *b)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int nic = socket(AF_UNIX, SOCK_DGRAM, 0), control = one_connect(b, "control.sock");
	unsigned long long count = 0;
	char frame[60] = { 0 };

	snprintf(to.sun_path, sizeof(to.sun_path), "%s", b->local);
	assert_int_equal(sendto(nic, frame, sizeof(frame), 0, (struct sockaddr *)&to, sizeof(to)),
			 sizeof(frame));
	/* Frames are looked at in the loop's next turn: by the second answer at the latest. */
	for (int i = 0; i < 2; i++) {
		const char *at;

		one_say(control, "{\"id\": 1, \"command\": \"status\"}\n");
		at = strstr(one_hear(control, "\n"), "\"rx_no_carrier\":");
		assert_non_null(at);
		assert_int_equal(sscanf(at, "\"rx_no_carrier\":%llu", &count), 1);
	}
	close(control);
	close(nic);
	return count;
}

static void its_nic_has_the_carrier_it_is_given(void **state)
{
	struct one *b = *state;

	one_start(b);
	assert_int_equal(dropped(b), 1);
	assert_int_equal(hv_set_carrier(b->m, 0, true), 0);
	assert_int_equal(hv_set_carrier(b->m, 1, true), -EINVAL);
	b->paused = false;
	hv_pause(b->m); /* behind it, in the same channel */
	assert_true(one_await(b, &b->paused));
	assert_int_equal(dropped(b), 1);
}

/* From its jail, and again: a back end is answered to, dies, and its successor is found. */
static void its_nic_finds_its_back_end(void **state)
{
	const struct timeval limit = { .tv_sec = 10 };
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	struct one *b = *state;

	b->nic.vhost_user = true;
	b->nic.local = NULL;
	one_start(b);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", b->peer);
	for (int i = 0; i < 2; i++) {
		int listener = socket(AF_UNIX, SOCK_STREAM, 0), fd;
		uint32_t asked[3];

		assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
		assert_int_equal(chown(at.sun_path, UID, UID), 0);
		assert_int_equal(listen(listener, 1), 0);
		setsockopt(listener, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
		fd = accept(listener, NULL, NULL);
		assert_true(fd >= 0);
		assert_int_equal(recv(fd, asked, sizeof(asked), MSG_WAITALL), sizeof(asked));
		assert_int_equal(asked[0], 1); /* VHOST_USER_GET_FEATURES */
		close(fd);
		close(listener);
		unlink(at.sun_path);
	}
	assert_filtered(hv_pid(b->m));
}

static bool has_huge_pages(unsigned long pages)
{
	FILE *f = fopen("/proc/meminfo", "r");
	unsigned long free_pages = 0, reserved = 0, kib = 0;
	char line[128];

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		sscanf(line, "HugePages_Free: %lu", &free_pages);
		sscanf(line, "HugePages_Rsvd: %lu", &reserved);
		sscanf(line, "Hugepagesize: %lu", &kib);
	}
	fclose(f);
	return kib == 2048 && free_pages - reserved >= pages;
}

static void its_shared_memory_is_of_huge_pages(void **state)
{
	struct one *b = *state;

	b->nic.vhost_user = true;
	b->nic.local = NULL;
	b->nic.pairs = 2;
	b->conf.huge_pages = true;
	if (!has_huge_pages(b->conf.memory_mib / 2))
		skip();
	one_start(b);
	assert_non_null(strstr(of_process(hv_pid(b->m), "smaps"), "KernelPageSize:     2048 kB"));
}

static void a_kill_is_a_reason(void **state)
{
	struct one *b = *state;

	one_start(b);
	kill(hv_pid(b->m), SIGKILL);
	assert_true(one_await(b, &b->stopped));
	assert_string_equal(b->reason, "killed by signal 9");
	one_gone(b);
}

static void stop_cleans_up(void **state)
{
	static const char *const files[] = { "control.sock", "agent.sock", "console.sock",
					     "gdb.sock",     "eth1.sock",  "machine.json", "root" };
	struct one *b = *state;
	pid_t pid;

	one_start(b);
	pid = hv_pid(b->m);
	hv_stop(b->m);
	assert_true(one_await(b, &b->stopped));
	assert_string_equal(b->reason, "stopped");
	assert_int_equal(kill(pid, 0), -1);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		assert_false(one_has(b, files[i]));
	one_gone(b);
}

static void ends_as(struct one *b, const char *reason)
{
	one_start(b);
	hv_resume(b->m);
	assert_true(one_await(b, &b->stopped));
	assert_string_equal(b->reason, reason);
	one_gone(b);
}

/* Each waits for the control channel, by which it says why it ends. */
static void a_guests_end_is_the_reason(void **state)
{
	static const char *const ends[][2] = { { "hello", "guest powered off" },
					       { "reset", "guest rebooted" },
					       { "triple", "guest rebooted" },
					       { "panic", "guest panicked" } };
	struct one *b = *state;

	b->conf.paused = true;
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		guest(b, ends[i][0]);
		b->running = b->stopped = false;
		ends_as(b, ends[i][1]);
	}
}

static void what_it_says_is_the_reason(void **state)
{
	one_assert_reason(*state, "neither a bzImage nor an ELF file");
}

/* In a process of its own, as a daemon after a restart. */
static int adopter(struct one *b)
{
	struct err err;

	b->base = event_base_new();
	b->running = b->stopped = b->paused = false;
	if (hv_adopt(b->base, b->dir, NULL, one_seen, b, &b->m, &err) < 0)
		return 1;
	if (strcmp(hv_name(b->m), "weft-vmm") != 0)
		return 2;
	if (hv_pause(b->m) < 0 || !one_await(b, &b->paused) || !b->running)
		return 3;
	kill(hv_pid(b->m), SIGTERM); /* nobody's child: it says itself how it ends */
	if (!one_await(b, &b->stopped))
		return 4;
	return strcmp(b->reason, "stopped by its control socket or a signal") == 0 ? 0 : 5;
}

static void another_process_adopts_it(void **state)
{
	struct one *b = *state;
	struct err err;
	pid_t machine, child;
	int status;

	one_start(b);
	machine = hv_pid(b->m);
	one_gone(b);
	assert_int_equal(kill(machine, 0), 0);
	child = fork();
	if (child == 0)
		_exit(adopter(b));
	assert_int_equal(waitpid(child, &status, 0), child);
	kill(machine, SIGKILL);
	assert_int_equal(waitpid(machine, NULL, 0), machine);
	assert_int_equal(status, 0);
	assert_int_equal(hv_adopt(b->base, b->dir, NULL, one_seen, b, &b->m, &err), -ENOENT);
}

static void gdb_is_answered(void **state)
{
	struct one *b = *state;

	one_start(b);
	one_assert_gdb(b);
	assert_filtered(hv_pid(b->m));
}

static void what_it_lacks_is_refused(void **state)
{
	struct one *b = *state;
	struct err err;

	b->conf.cpus = 9;
	assert_int_equal(hv_start(b->base, &b->conf, one_seen, b, &b->m, &err), -ENOTSUP);
	b->conf.cpus = 1;
	b->conf.manage = true;
	assert_int_equal(hv_start(b->base, &b->conf, one_seen, b, &b->m, &err), -ENOTSUP);
	assert_non_null(strstr(err.text, "no NIC for management"));
	b->conf.manage = false;
	b->nic.vhost_user = true;
	one_start(b);
	assert_int_equal(hv_save(b->m, "/tmp/weft-none", false, &err), -ENOTSUP);
}

static void an_unknown_name_is_refused(void **state)
{
	struct err err;

	assert_int_equal(hv_use("bochs", &err), -EINVAL);
	assert_non_null(strstr(err.text, "bochs"));
	assert_int_equal(hv_use("weft-vmm", &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_GUEST(it_starts_in_a_jail),
		WITH_GUEST(it_waits_when_it_is_to),
		WITH_GUEST(it_stands_still_and_goes_on),
		WITH_GUEST(its_nic_has_the_carrier_it_is_given),
		WITH_GUEST(its_nic_finds_its_back_end),
		WITH_GUEST(its_shared_memory_is_of_huge_pages),
		WITH_GUEST(a_kill_is_a_reason),
		WITH_GUEST(stop_cleans_up),
		WITH_GUEST(a_guests_end_is_the_reason),
		WITH_GUEST(what_it_says_is_the_reason),
		WITH_GUEST(another_process_adopts_it),
		WITH_GUEST(gdb_is_answered),
		WITH_GUEST(what_it_lacks_is_refused),
		cmocka_unit_test(an_unknown_name_is_refused),
	};

	if (!weft_vmm_works())
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
