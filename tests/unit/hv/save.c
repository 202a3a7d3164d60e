/* SPDX-License-Identifier: Apache-2.0 */
/* Saved machines, with real QEMU processes that sit in the firmware. Their memory is read and
 * written through /proc/PID/mem. Needs root. */
#include "base/file.h"
#include "hv/hv.h"
#include "hv/ram_priv.h"
#include "hv/record_priv.h"
#include "hv/saved_priv.h"
#include "tests/unit/test.h"

#include <dirent.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { UID = 64133, WAIT_S = 20, MEMORY_MIB = 32, MEMORY = MEMORY_MIB << 20, PAGE = 4096 };

struct guest {
	struct bed *bed;
	char name[8], dir[100], local[120];
	struct hv_nic nic;
	struct hv_conf conf;
	struct hv_machine *m;
	unsigned seen[HV_NOT_SAVED + 1];
	char reason[512];
};

struct bed {
	char top[64], peer[100];
	struct event_base *base;
	struct guest a, b;
};

static void seen(struct hv_machine *m, enum hv_event ev, const char *reason, void *arg)
{
	struct guest *g = arg;

	assert_ptr_equal(m, g->m);
	if (ev == HV_STOPPED) /* nothing comes after it */
		assert_int_equal(g->seen[HV_STOPPED], 0);
	g->seen[ev]++;
	snprintf(g->reason, sizeof(g->reason), "%s", reason ? reason : "");
	event_base_loopbreak(g->bed->base);
}

static void too_late(evutil_socket_t fd, short what, void *arg)
{
	event_base_loopbreak(arg);
}

/* Runs the loop until the event, for WAIT_S at most, and forgets it. */
static void await(struct guest *g, enum hv_event ev)
{
	struct timeval tv = { .tv_sec = WAIT_S };
	struct event *timer = evtimer_new(g->bed->base, too_late, g->bed->base);

	evtimer_add(timer, &tv);
	while (!g->seen[ev] && evtimer_pending(timer, NULL))
		event_base_loop(g->bed->base, EVLOOP_ONCE);
	event_free(timer);
	if (!g->seen[ev])
		fail_msg("%s: no event %d; %s", g->name, ev, g->reason);
	g->seen[ev]--;
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void init_guest(struct bed *bed, struct guest *g, const char *name, uid_t uid)
{
	g->bed = bed;
	snprintf(g->name, sizeof(g->name), "%s", name);
	snprintf(g->dir, sizeof(g->dir), "%s/%s,1", bed->top, name);
	snprintf(g->local, sizeof(g->local), "%s/eth1.sock", g->dir);
	g->nic = (struct hv_nic){ .mac = { 2, 0, 0, 0, 0, 1 }, .mtu = 1500, .peer = bed->peer,
				  .local = g->local, .carrier = true };
	g->conf = (struct hv_conf){ .name = g->name, .dir = g->dir, .uid = uid, .cpus = 1,
				    .memory_mib = MEMORY_MIB, .nics = &g->nic };
}

static int set_up(void **state)
{
	struct bed *b = calloc(1, sizeof(*b));
	char peers[80];

	strcpy(b->top, "/tmp/weft-save-XXXXXX");
	assert_non_null(mkdtemp(b->top));
	snprintf(peers, sizeof(peers), "%s/peers", b->top);
	snprintf(b->peer, sizeof(b->peer), "%s/e1", peers);
	assert_int_equal(mkdir(peers, 0755), 0);
	b->base = event_base_new();
	init_guest(b, &b->a, "a", UID);
	init_guest(b, &b->b, "b", UID + 1);
	*state = b;
	return 0;
}

static void gone(struct guest *g)
{
	hv_detach(g->m);
	g->m = NULL;
	event_base_loop(g->bed->base, EVLOOP_NONBLOCK); /* libevent closes its sockets from the loop */
}

static void stop(struct guest *g)
{
	if (!g->m)
		return;
	hv_stop(g->m);
	await(g, HV_STOPPED);
	gone(g);
	memset(g->seen, 0, sizeof(g->seen));
}

static int tear_down(void **state)
{
	struct bed *b = *state;
	char full[100];

	stop(&b->a);
	stop(&b->b);
	event_base_free(b->base);
	snprintf(full, sizeof(full), "%s/full", b->top);
	umount(full);
	file_remove_tree(b->top, NULL);
	free(b);
	return 0;
}

static void start(struct guest *g, const char *from, bool paused)
{
	struct err err = { "" };
	double t0 = now_ms();

	g->conf.from = from;
	g->conf.paused = paused;
	if (hv_start(g->bed->base, &g->conf, seen, g, &g->m, &err) < 0)
		fail_msg("%s", err.text);
	await(g, HV_RUNNING);
	print_message("%s: running after %.0f ms\n", from ? "from saved" : "cold", now_ms() - t0);
}

static void pause_guest(struct guest *g)
{
	assert_int_equal(hv_pause(g->m), 0);
	await(g, HV_PAUSED);
}

static void save(struct guest *g, const char *dir, bool as_template)
{
	struct err err = { "" };
	double t0 = now_ms();

	if (hv_save(g->m, dir, as_template, &err) < 0)
		fail_msg("%s", err.text);
	await(g, HV_SAVED);
	assert_int_equal(g->seen[HV_NOT_SAVED], 0);
	print_message("saved after %.0f ms\n", now_ms() - t0);
}

/* A path below the bed's directory. */
static const char *below(const struct bed *b, const char *name)
{
	static char paths[4][160];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", b->top, name);
	return path;
}

static struct stat stat_of(const struct bed *b, const char *name)
{
	struct stat st = { 0 };

	if (lstat(below(b, name), &st) < 0)
		memset(&st, 0, sizeof(st));
	return st;
}

/* Nothing of an unfinished save is left. */
static void assert_no_leftovers(const struct bed *b, const char *where)
{
	DIR *d = opendir(where);
	struct dirent *e;

	while ((e = readdir(d)))
		assert_null(strstr(e->d_name, ".tmp-"));
	closedir(d);
}

static void busy_firmware(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 400 * 1000 * 1000 }, NULL);
}

/* Where the guest's memory lies in its process: the only mapping of this size. */
static off_t memory_of(struct guest *g)
{
	char path[64], line[512];
	unsigned long from, to, found = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)hv_pid(g->m));
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%lx-%lx", &from, &to) == 2 && to - from == MEMORY)
			found = from;
	fclose(f);
	assert_int_not_equal(found, 0);
	return (off_t)found;
}

static void peek(struct guest *g, size_t at, void *bytes, size_t len, bool poke)
{
	char path[64];
	off_t where = memory_of(g) + (off_t)at;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", (int)hv_pid(g->m));
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	assert_int_equal(poke ? pwrite(fd, bytes, len, where) : pread(fd, bytes, len, where), len);
	close(fd);
}

static uint8_t *read_memory(struct guest *g)
{
	uint8_t *bytes = malloc(MEMORY);

	peek(g, 0, bytes, MEMORY, false);
	return bytes;
}

static void assert_memory(struct guest *g, const uint8_t *want)
{
	uint8_t *is = read_memory(g);

	for (size_t i = 0; i < MEMORY; i += PAGE)
		if (memcmp(is + i, want + i, PAGE) != 0)
			fail_msg("page 0x%zx differs", i);
	free(is);
}

/* a becomes a template "t" with some bytes that are known, and goes away. */
static uint8_t *make_template(struct bed *b)
{
	uint8_t page[PAGE], *bytes;

	start(&b->a, NULL, false);
	busy_firmware();
	pause_guest(&b->a);
	memset(page, 7, sizeof(page));
	peek(&b->a, 20 << 20, page, PAGE, true);
	peek(&b->a, 21 << 20, page, PAGE, true);
	bytes = read_memory(&b->a);
	save(&b->a, below(b, "t"), true);
	stop(&b->a);
	return bytes;
}

static void machines_start_from_a_template(void **state)
{
	struct bed *b = *state;
	uint8_t *was = make_template(b), byte = 99;
	struct stat ram = stat_of(b, "t/ram");

	assert_int_equal(ram.st_size, MEMORY);
	assert_in_range(ram.st_blocks * 512, 8192, MEMORY / 4);
	assert_in_range(stat_of(b, "t/state").st_size, 10000, 2 << 20);
	assert_int_equal(stat_of(b, "t").st_mode & 0777, 0700);
	assert_no_leftovers(b, b->top);
	b->a.conf.nic_count = b->b.conf.nic_count = 1; /* which the template had not */
	start(&b->a, below(b, "t"), true);
	assert_memory(&b->a, was);
	assert_int_equal(file_remove_tree(below(b, "t"), NULL), 0);
	hv_resume(b->a.m);
	await(&b->a, HV_RESUMED);
	peek(&b->a, 22 << 20, &byte, 1, true);
	pause_guest(&b->a);
	free(was);
}

/* The jail's /fd is the machine's own descriptors, and there only where it needs them. */
static void descriptors_are_named_in_the_jail(void **state)
{
	struct bed *b = *state;
	char path[80], to[64] = "", *end;
	struct stat st, want;
	DIR *d;

	free(make_template(b));
	start(&b->a, NULL, true);
	snprintf(path, sizeof(path), "/proc/%d/root/fd", (int)hv_pid(b->a.m));
	assert_int_not_equal(access(path, F_OK), 0);
	start(&b->b, below(b, "t"), true);
	snprintf(path, sizeof(path), "/proc/%d/root/fd/4", (int)hv_pid(b->b.m));
	assert_true(readlink(path, to, sizeof(to) - 1) > 0);
	assert_memory_equal(to, "/memfd:weft-ram", 15);
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)hv_pid(b->b.m));
	assert_int_equal(stat(path, &want), 0);
	snprintf(path, sizeof(path), "/proc/%d/root/fd", (int)hv_pid(b->b.m));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_ino, want.st_ino);
	d = opendir(path); /* and none of ours */
	for (struct dirent *e; (e = readdir(d));) {
		char link[PATH_MAX], file[PATH_MAX] = "";

		if (strtol(e->d_name, &end, 10) < 3 || *end)
			continue;
		snprintf(link, sizeof(link), "%s/%s", path, e->d_name);
		if (readlink(link, file, sizeof(file) - 1) > 0 && file[0] == '/' &&
		    strncmp(file, "/memfd:weft-ram", 15) != 0 && !strstr(file, "/t/state") &&
		    !strstr(file, "/b,1/"))
			fail_msg("%s is open", file);
	}
	closedir(d);
}

static void clones_do_not_see_each_other(void **state)
{
	struct bed *b = *state;
	uint8_t *was = make_template(b), byte = 99, other;

	start(&b->a, below(b, "t"), true);
	start(&b->b, below(b, "t"), false);
	busy_firmware();
	pause_guest(&b->b);
	peek(&b->b, 20 << 20, &byte, 1, true);
	peek(&b->a, 20 << 20, &other, 1, false);
	assert_int_equal(other, 7);
	assert_memory(&b->a, was);
	free(was);
}

/* Pages of all kinds: changed, new, zeroed. Returns all of g's memory. */
static uint8_t *change(struct guest *g)
{
	uint8_t page[PAGE];

	memset(page, 8, sizeof(page));
	peek(g, 20 << 20, page, PAGE, true);
	peek(g, 25 << 20, page, PAGE, true);
	memset(page, 0, sizeof(page));
	peek(g, 21 << 20, page, PAGE, true);
	return read_memory(g);
}

static void only_the_difference_is_saved(void **state)
{
	struct bed *b = *state;
	uint8_t *was;
	struct saved t, d;

	free(make_template(b));
	b->a.conf.nic_count = 1;
	start(&b->a, below(b, "t"), true);
	was = change(&b->a);
	save(&b->a, below(b, "d"), false);
	stop(&b->a);
	assert_int_equal(stat_of(b, "d/ram").st_ino, stat_of(b, "t/ram").st_ino);
	assert_in_range(stat_of(b, "d/state").st_size, 2 * PAGE,
			stat_of(b, "t/state").st_size + 20 * PAGE);
	assert_int_equal(saved_read(below(b, "t"), &t, NULL), 0);
	assert_int_equal(saved_read(below(b, "d"), &d, NULL), 0);
	assert_string_equal(t.id, d.id);
	file_remove_tree(below(b, "t"), NULL);
	start(&b->a, below(b, "d"), true);
	assert_memory(&b->a, was);
	free(was);
	was = change(&b->a); /* and so on, from what was saved itself */
	save(&b->a, below(b, "d2"), false);
	stop(&b->a);
	assert_int_equal(stat_of(b, "d2/ram").st_nlink, 2);
	start(&b->a, below(b, "d2"), true);
	assert_memory(&b->a, was);
	free(was);
}

static void all_is_saved_without_a_base(void **state)
{
	struct bed *b = *state;
	uint8_t *was;

	start(&b->a, NULL, false);
	busy_firmware();
	pause_guest(&b->a);
	was = change(&b->a);
	save(&b->a, below(b, "d"), false);
	stop(&b->a);
	assert_int_equal(stat_of(b, "d/ram").st_ino, 0);
	assert_in_range(stat_of(b, "d/state").st_size, 100000, 8 << 20);
	start(&b->a, below(b, "d"), true);
	assert_memory(&b->a, was);
	free(was);
}

static void an_adopted_machine_finds_its_base(void **state)
{
	struct bed *b = *state;
	struct err err = { "" };
	uint8_t *was;

	free(make_template(b));
	start(&b->b, NULL, false);
	pause_guest(&b->b);
	save(&b->b, below(b, "other"), true);
	start(&b->a, below(b, "t"), true);
	gone(&b->a);
	assert_int_equal(hv_adopt(b->base, b->a.dir, below(b, "other"), seen, &b->a, &b->a.m, &err), 0);
	await(&b->a, HV_RUNNING);
	was = change(&b->a);
	save(&b->a, below(b, "whole"), false);
	assert_int_equal(stat_of(b, "whole/ram").st_ino, 0);
	hv_stop(b->a.m);
	await(&b->a, HV_STOPPED);
	gone(&b->a);
	memset(b->a.seen, 0, sizeof(b->a.seen));
	start(&b->a, below(b, "t"), true);
	free(was);
	was = change(&b->a);
	gone(&b->a);
	assert_int_equal(hv_adopt(b->base, b->a.dir, below(b, "t"), seen, &b->a, &b->a.m, &err), 0);
	await(&b->a, HV_RUNNING);
	save(&b->a, below(b, "d"), false);
	assert_int_equal(stat_of(b, "d/ram").st_ino, stat_of(b, "t/ram").st_ino);
	stop(&b->a);
	start(&b->a, below(b, "d"), true);
	assert_memory(&b->a, was);
	free(was);
}

static void pause_and_resume_answer_each_time(void **state)
{
	struct bed *b = *state;
	struct err err = { "" };
	int64_t paused, now = (int64_t)time(NULL) * 1000000;

	b->a.conf.paused = false;
	assert_int_equal(hv_start(b->base, &b->a.conf, seen, &b->a, &b->a.m, &err), 0);
	assert_int_equal(hv_instant(b->a.m), 0);
	for (unsigned i = 0; i < 2; i++) { /* before it is up */
		hv_pause(b->a.m);
		hv_resume(b->a.m);
	}
	hv_pause(b->a.m);
	hv_pause(b->a.m);
	await(&b->a, HV_RUNNING);
	for (unsigned i = 0; i < 2; i++)
		await(&b->a, HV_RESUMED);
	for (unsigned i = 0; i < 4; i++)
		await(&b->a, HV_PAUSED);
	paused = hv_instant(b->a.m);
	assert_in_range(paused, now - 1000000, now + 60000000);
	pause_guest(&b->a); /* it stands already */
	assert_int_equal(hv_instant(b->a.m), paused);
	hv_resume(b->a.m);
	await(&b->a, HV_RESUMED);
	assert_true(hv_instant(b->a.m) > paused);
	/* Nothing is written of one that runs. */
	assert_int_equal(hv_save(b->a.m, below(b, "d"), false, &err), 0);
	await(&b->a, HV_NOT_SAVED);
	assert_non_null(strstr(b->a.reason, "not paused"));
	assert_int_equal(stat_of(b, "d").st_ino, 0);
	pause_guest(&b->a);
	assert_int_equal(hv_save(b->a.m, below(b, "d"), false, &err), 0);
	assert_int_equal(hv_save(b->a.m, below(b, "e"), false, &err), -EBUSY);
	await(&b->a, HV_SAVED);
	assert_int_equal(hv_save(b->a.m, b->top, false, &err), -EEXIST);
}

static void a_full_disk_is_a_reason(void **state)
{
	struct bed *b = *state;
	struct err err = { "" };

	assert_int_equal(mkdir(below(b, "full"), 0700), 0);
	assert_int_equal(mount("t", below(b, "full"), "tmpfs", 0, "size=64k"), 0);
	start(&b->a, NULL, false);
	busy_firmware();
	pause_guest(&b->a);
	assert_int_equal(hv_save(b->a.m, below(b, "full/t"), true, &err), 0);
	await(&b->a, HV_NOT_SAVED);
	print_message("%s\n", b->a.reason);
	assert_non_null(strstr(b->a.reason, "No space left"));
	assert_no_leftovers(b, below(b, "full"));
	hv_resume(b->a.m);
	await(&b->a, HV_RESUMED);
	pause_guest(&b->a);
	save(&b->a, below(b, "t"), true);
	hv_resume(b->a.m);
	await(&b->a, HV_RESUMED);
}

static void a_death_is_a_reason(void **state)
{
	struct bed *b = *state;
	struct err err = { "" };

	start(&b->a, NULL, false);
	pause_guest(&b->a);
	kill(hv_pid(b->a.m), SIGSTOP);
	assert_int_equal(hv_save(b->a.m, below(b, "t"), true, &err), 0);
	event_base_loop(b->base, EVLOOP_NONBLOCK);
	kill(hv_pid(b->a.m), SIGKILL);
	await(&b->a, HV_NOT_SAVED);
	print_message("%s\n", b->a.reason);
	await(&b->a, HV_STOPPED);
	assert_string_equal(b->a.reason, "killed by signal 9");
	gone(&b->a);
	assert_int_equal(stat_of(b, "t").st_ino, 0);
	assert_no_leftovers(b, b->top);
	start(&b->a, NULL, true);
	assert_int_equal(hv_save(b->a.m, below(b, "t"), true, &err), 0);
	hv_stop(b->a.m);
	await(&b->a, HV_STOPPED);
	gone(&b->a);
	assert_int_equal(b->a.seen[HV_SAVED] + b->a.seen[HV_NOT_SAVED], 1);
	assert_no_leftovers(b, b->top);
}

static void one_may_let_go_of_it_meanwhile(void **state)
{
	struct bed *b = *state;
	struct err err = { "" };

	start(&b->a, NULL, true);
	assert_int_equal(hv_save(b->a.m, below(b, "t"), true, &err), 0);
	event_base_loop(b->base, EVLOOP_NONBLOCK);
	gone(&b->a);
	assert_int_equal(hv_adopt(b->base, b->a.dir, NULL, seen, &b->a, &b->a.m, &err), 0);
	await(&b->a, HV_RUNNING);
	hv_resume(b->a.m);
	await(&b->a, HV_RESUMED);
}

static void what_is_attached_by_vhost_user_is_refused(void **state)
{
	struct bed *b = *state;
	struct err err = { "" };
	struct hv_record rec;

	b->a.conf.nic_count = 1;
	start(&b->a, NULL, true);
	gone(&b->a);
	assert_int_equal(hv_record_read(b->a.dir, &rec, &err), 0);
	rec.sockets[0][0] = 0; /* so it says */
	assert_int_equal(hv_record_write(b->a.dir, &rec, &err), 0);
	assert_int_equal(hv_adopt(b->base, b->a.dir, NULL, seen, &b->a, &b->a.m, &err), 0);
	assert_int_equal(hv_save(b->a.m, below(b, "t"), true, &err), -ENOTSUP);
	assert_non_null(strstr(err.text, "vhost-user"));
}

static void another_size_is_refused(void **state)
{
	struct bed *b = *state;
	struct err err = { "" };

	free(make_template(b));
	b->a.conf.from = below(b, "t");
	b->a.conf.memory_mib = 48;
	assert_int_equal(hv_start(b->base, &b->a.conf, seen, &b->a, &b->a.m, &err), -EINVAL);
	b->a.conf.memory_mib = MEMORY_MIB;
	assert_int_equal(truncate(below(b, "t/ram"), 4096), 0);
	assert_int_equal(hv_start(b->base, &b->a.conf, seen, &b->a, &b->a.m, &err), -EBADMSG);
	b->a.conf.from = below(b, "none");
	assert_int_equal(hv_start(b->base, &b->a.conf, seen, &b->a, &b->a.m, &err), -ENOENT);
}

static void shared_memory_is_sealed(void **state)
{
	struct bed *b = *state;
	struct ram *one, *two;
	struct stat st;
	struct err err;
	int fd = open(below(b, "ram"), O_RDWR | O_CREAT, 0600), path_fd;
	char path[64], byte = 0;

	assert_int_equal(ftruncate(fd, MEMORY), 0);
	assert_int_equal(pwrite(fd, "x", 1, 5 << 20), 1);
	assert_int_equal(ram_get(fd, MEMORY, &one, &err), 0);
	assert_int_equal(ram_get(fd, MEMORY, &two, &err), 0);
	assert_ptr_equal(one, two);
	assert_int_equal(fstat(ram_fd(one), &st), 0);
	assert_true(st.st_blocks * 512 <= 4 * PAGE);
	assert_int_equal(pread(ram_fd(one), &byte, 1, 5 << 20), 1);
	assert_int_equal(byte, 'x');
	snprintf(path, sizeof(path), "/proc/self/fd/%d", ram_fd(one));
	path_fd = open(path, O_RDWR);
	assert_true(path_fd >= 0);
	assert_int_equal(pwrite(path_fd, "y", 1, 0), -1);
	assert_ptr_equal(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, path_fd, 0), MAP_FAILED);
	assert_int_equal(ftruncate(path_fd, 0), -1);
	close(path_fd);
	ram_put(one);
	assert_int_equal(fcntl(ram_fd(two), F_GET_SEALS),
			 F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
	ram_put(two);
	close(fd);
}

static void only_what_matters_is_in_the_fingerprint(void **state)
{
	struct bed *b = *state;
	struct buf one = { 0 }, two = { 0 }, three = { 0 };
	struct err err;

	b->b.conf.nic_count = 1;
	b->b.conf.from = "/t";
	b->b.conf.paused = true;
	b->b.conf.initrd = "/i";
	assert_int_equal(hv_fingerprint(&b->a.conf, &one, &err), 0);
	assert_int_equal(hv_fingerprint(&b->b.conf, &two, &err), 0);
	assert_int_equal(one.len, two.len);
	assert_memory_equal(one.data, two.data, one.len);
	b->b.conf.kernel = "/k";
	b->b.conf.cmdline = "quiet";
	assert_int_equal(hv_fingerprint(&b->b.conf, &three, &err), 0);
	buf_u8(&three, 0);
	assert_non_null(strstr((char *)three.data, "\nquiet\n"));
	buf_free(&one);
	buf_free(&two);
	buf_free(&three);
}

#define WITH_BED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_BED(machines_start_from_a_template),
		WITH_BED(descriptors_are_named_in_the_jail),
		WITH_BED(clones_do_not_see_each_other),
		WITH_BED(only_the_difference_is_saved),
		WITH_BED(all_is_saved_without_a_base),
		WITH_BED(an_adopted_machine_finds_its_base),
		WITH_BED(pause_and_resume_answer_each_time),
		WITH_BED(a_full_disk_is_a_reason),
		WITH_BED(a_death_is_a_reason),
		WITH_BED(one_may_let_go_of_it_meanwhile),
		WITH_BED(what_is_attached_by_vhost_user_is_refused),
		WITH_BED(another_size_is_refused),
		WITH_BED(shared_memory_is_sealed),
		WITH_BED(only_what_matters_is_in_the_fingerprint),
	};

	if (geteuid() != 0)
		return 77;
	signal(SIGPIPE, SIG_IGN); /* as weftd: a machine may be gone before it is told something */
	/* Its mounts are nobody else's. */
	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return 77;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
