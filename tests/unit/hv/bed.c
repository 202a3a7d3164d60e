/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hv/bed.h"

#include "base/file.h"

#include <dirent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

enum { WAIT_S = 20 };

void seen(struct hv_machine *m, enum hv_event ev, const char *reason, void *arg)
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

void await(struct guest *g, enum hv_event ev)
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

int set_up(void **state)
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

void gone(struct guest *g)
{
	hv_detach(g->m);
	g->m = NULL;
	event_base_loop(g->bed->base, EVLOOP_NONBLOCK); /* libevent closes its sockets from the loop */
}

void stop(struct guest *g)
{
	if (!g->m)
		return;
	hv_stop(g->m);
	await(g, HV_STOPPED);
	gone(g);
	memset(g->seen, 0, sizeof(g->seen));
}

int tear_down(void **state)
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

void start(struct guest *g, const char *from, bool paused)
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

void pause_guest(struct guest *g)
{
	assert_int_equal(hv_pause(g->m), 0);
	await(g, HV_PAUSED);
}

void save(struct guest *g, const char *dir, bool as_template)
{
	struct err err = { "" };
	double t0 = now_ms();

	if (hv_save(g->m, dir, as_template, &err) < 0)
		fail_msg("%s", err.text);
	await(g, HV_SAVED);
	assert_int_equal(g->seen[HV_NOT_SAVED], 0);
	print_message("saved after %.0f ms\n", now_ms() - t0);
}

const char *below(const struct bed *b, const char *name)
{
	static char paths[4][160];
	static unsigned next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", b->top, name);
	return path;
}

struct stat stat_of(const struct bed *b, const char *name)
{
	struct stat st = { 0 };

	if (lstat(below(b, name), &st) < 0)
		memset(&st, 0, sizeof(st));
	return st;
}

void assert_no_leftovers(const struct bed *b, const char *where)
{
	DIR *d = opendir(where);
	struct dirent *e;

	while ((e = readdir(d)))
		assert_null(strstr(e->d_name, ".tmp-"));
	closedir(d);
}

void busy_firmware(void)
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

void peek(struct guest *g, size_t at, void *bytes, size_t len, bool poke)
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

uint8_t *read_memory(struct guest *g)
{
	uint8_t *bytes = malloc(MEMORY);

	peek(g, 0, bytes, MEMORY, false);
	return bytes;
}

void assert_memory(struct guest *g, const uint8_t *want)
{
	uint8_t *is = read_memory(g);

	for (size_t i = 0; i < MEMORY; i += PAGE)
		if (memcmp(is + i, want + i, PAGE) != 0)
			fail_msg("page 0x%zx differs", i);
	free(is);
}

uint8_t *make_template(struct bed *b)
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

uint8_t *change(struct guest *g)
{
	uint8_t page[PAGE];

	memset(page, 8, sizeof(page));
	peek(g, 20 << 20, page, PAGE, true);
	peek(g, 25 << 20, page, PAGE, true);
	memset(page, 0, sizeof(page));
	peek(g, 21 << 20, page, PAGE, true);
	return read_memory(g);
}

bool bed_possible(void)
{
	signal(SIGPIPE, SIG_IGN); /* as weftd: a machine may be gone before it is told something */
	return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}
