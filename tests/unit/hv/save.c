/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"
#include "hv/record_priv.h"
#include "hv/saved_priv.h"
#include "tests/unit/hv/bed.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_BED(only_the_difference_is_saved),
		WITH_BED(all_is_saved_without_a_base),
		WITH_BED(an_adopted_machine_finds_its_base),
		WITH_BED(a_full_disk_is_a_reason),
		WITH_BED(a_death_is_a_reason),
		WITH_BED(one_may_let_go_of_it_meanwhile),
		WITH_BED(what_is_attached_by_vhost_user_is_refused),
	};

	return bed_possible() ? cmocka_run_group_tests(tests, NULL, NULL) : 77;
}
