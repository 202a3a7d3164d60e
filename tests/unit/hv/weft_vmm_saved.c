/* SPDX-License-Identifier: Apache-2.0 */
/* Machines of weft-vmm's that are saved, and go on. Needs root and /dev/kvm. */
#include "base/file.h"
#include "tests/unit/hv/weft_vmm_guest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void stand(struct one *b)
{
	b->paused = false;
	assert_int_equal(hv_pause(b->m), 0);
	assert_true(one_await(b, &b->paused));
}

static void resume(struct one *b)
{
	b->resumed = false;
	assert_int_equal(hv_resume(b->m), 0);
	assert_true(one_await(b, &b->resumed));
}

/* The machine stands; b->top/name. */
static void save(struct one *b, const char *name, bool as_template)
{
	char dir[100];
	struct err err;

	snprintf(dir, sizeof(dir), "%s/%s", b->top, name);
	b->saved = b->not_saved = false;
	assert_int_equal(hv_save(b->m, dir, as_template, &err), 0);
	assert_int_equal(hv_save(b->m, dir, as_template, &err), -EBUSY);
	if (!one_await(b, &b->saved))
		fail_msg("not saved: %s", b->why_not);
	assert_int_equal(hv_save(b->m, dir, as_template, &err), -EEXIST);
}

static void stop(struct one *b)
{
	b->stopped = false;
	hv_stop(b->m);
	assert_true(one_await(b, &b->stopped));
	one_gone(b);
}

/* Another machine goes on from b->top/name. */
static void go_on(struct one *b, const char *place, const char *name)
{
	static char from[100];

	snprintf(from, sizeof(from), "%s/%s", b->top, name);
	one_place(b, place);
	b->conf.from = from;
	b->running = false;
	one_start(b);
}

static struct stat stat_of(const struct one *b, const char *name)
{
	struct stat st;
	char path[200];

	snprintf(path, sizeof(path), "%s/%s", b->top, name);
	assert_int_equal(stat(path, &st), 0);
	return st;
}

static void assert_echoes(struct one *b)
{
	int fd = one_connect(b, "console.sock");

	one_say(fd, "a\n");
	one_hear(fd, "a\n");
	close(fd);
}

/* A template, a clone of it, and that clone, which shares its memory and is left alone with it. */
static void machines_go_on_from_saved_ones(void **state)
{
	struct one *b = *state;
	char path[120];

	one_start(b);
	assert_echoes(b); /* it has said all that it says by itself */
	stand(b);
	save(b, "template", true);
	assert_int_equal(stat_of(b, "template/ram").st_size, 32 << 20);
	assert_in_range(stat_of(b, "template/ram").st_blocks * 512, 4096, 4 << 20);
	assert_in_range(stat_of(b, "template/state").st_size, 1000, 100000);
	assert_int_equal(stat_of(b, "template").st_mode & 0777, 0700);
	stop(b);

	go_on(b, "r2", "template");
	one_assert_jailed(b);
	assert_filtered(hv_pid(b->m));
	assert_false(said(b, "loop")); /* it goes on, and does not begin */
	assert_echoes(b);
	stand(b);
	save(b, "clone", false);
	assert_int_equal(stat_of(b, "clone/ram").st_ino, stat_of(b, "template/ram").st_ino);
	assert_in_range(stat_of(b, "clone/state").st_size, 1000, 1 << 20);
	resume(b);
	assert_echoes(b); /* who is saved goes on, too */
	stop(b);

	snprintf(path, sizeof(path), "%s/template", b->top);
	assert_int_equal(file_remove_tree(path, NULL), 0);
	b->conf.paused = true;
	go_on(b, "r3", "clone");
	resume(b);
	assert_echoes(b);
}

/* Without memory to share all of it is in the state. */
static void a_machine_that_booted_is_saved(void **state)
{
	struct one *b = *state;
	char path[120];

	one_start(b);
	stand(b);
	save(b, "booted", false);
	snprintf(path, sizeof(path), "%s/booted/ram", b->top);
	assert_int_not_equal(access(path, F_OK), 0);
	stop(b);
	go_on(b, "r2", "booted");
	assert_echoes(b);
}

/* Its memory's file is gone: nothing is left to share, and all of it is written. */
static void a_machine_without_its_template_is_saved(void **state)
{
	struct one *b = *state;
	char path[120];

	one_start(b);
	stand(b);
	save(b, "template", true);
	stop(b);
	go_on(b, "r2", "template");
	snprintf(path, sizeof(path), "%s/template", b->top);
	assert_int_equal(file_remove_tree(path, NULL), 0);
	stand(b);
	save(b, "clone", false);
	assert_int_equal(stat_of(b, "clone/ram").st_nlink, 1);
	stop(b);
	go_on(b, "r3", "clone");
	assert_echoes(b);
}

static void assert_not_saved(struct one *b, const char *why)
{
	char path[120];

	assert_true(one_await(b, &b->not_saved));
	if (!strstr(b->why_not, why))
		fail_msg("\"%s\"", b->why_not);
	snprintf(path, sizeof(path), "%s/none", b->top);
	assert_int_not_equal(access(path, F_OK), 0);
	b->not_saved = false;
}

static void nothing_is_left_of_what_is_not_saved(void **state)
{
	struct one *b = *state;
	char dir[100];
	struct err err;

	snprintf(dir, sizeof(dir), "%s/none", b->top);
	one_start(b);
	assert_int_equal(hv_save(b->m, dir, false, &err), 0);
	assert_not_saved(b, "only a machine that is paused");
	stand(b);
	assert_int_equal(hv_save(b->m, dir, true, &err), 0);
	hv_stop(b->m);
	assert_true(one_await(b, &b->stopped));
	if (!b->saved) /* it was quicker */
		assert_not_saved(b, "ended");
	one_gone(b);
}

static void what_saved_machines_need_has_a_fingerprint(void **state)
{
	struct one *b = *state;
	struct buf first = { 0 }, same = { 0 }, other = { 0 };

	assert_int_equal(hv_fingerprint(&b->conf, &first, NULL), 0);
	b->conf.nic_count = 0;
	b->conf.dir = "/elsewhere";
	assert_int_equal(hv_fingerprint(&b->conf, &same, NULL), 0);
	assert_int_equal(first.len, same.len);
	assert_memory_equal(first.data, same.data, same.len);
	b->conf.memory_mib++;
	assert_int_equal(hv_fingerprint(&b->conf, &other, NULL), 0);
	assert_true(other.len != first.len || memcmp(other.data, first.data, first.len) != 0);
	buf_free(&first);
	buf_free(&same);
	buf_free(&other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_GUEST(machines_go_on_from_saved_ones),
		WITH_GUEST(a_machine_that_booted_is_saved),
		WITH_GUEST(a_machine_without_its_template_is_saved),
		WITH_GUEST(nothing_is_left_of_what_is_not_saved),
		WITH_GUEST(what_saved_machines_need_has_a_fingerprint),
	};

	return weft_vmm_works() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
