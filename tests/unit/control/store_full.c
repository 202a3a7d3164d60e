/* SPDX-License-Identifier: Apache-2.0 */
/* The store on a disk that is full: in a mount namespace of its own, on a tmpfs. Needs root. */
#include "control/store.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#define DIR "/tmp" /* of the namespace */
#define DISK (8 << 20)

static const char db[] = DIR "/weft.db", filler[] = DIR "/filler";
static unsigned told, well; /* that it cannot be written, that it can be again */

static void on_trouble(void *arg, const char *trouble)
{
	told += trouble != NULL;
	well += !trouble;
}

static struct store *open_store(void)
{
	struct store *s;
	struct err err;

	assert_int_equal(store_open(db, &s, &err), 0);
	store_on_trouble(s, on_trouble, NULL);
	return s;
}

static void fill(void)
{
	static const char page[4096];
	int fd = open(filler, O_WRONLY | O_CREAT | O_APPEND, 0600);

	assert_true(fd >= 0);
	while (write(fd, page, sizeof(page)) > 0)
		;
	assert_int_equal(errno, ENOSPC);
	close(fd);
}

static int put(struct store *s, uint32_t id, size_t len, struct err *err)
{
	char name[16], *text = malloc(len + 1);
	int code;

	memset(text, 'x', len);
	text[len] = 0;
	snprintf(name, sizeof(name), "v%u", id);
	code = store_vnet_put(s, id, name, "f", text, "{}", err);
	free(text);
	return code;
}

static void count(void *arg, const struct store_vnet *v)
{
	unsigned *n = arg;

	(*n)++;
	assert_int_equal(v->id, *n);
}

static unsigned vnets(struct store *s)
{
	unsigned n = 0;

	assert_int_equal(store_vnet_each(s, count, &n, NULL), 0);
	return n;
}

/* More of them than the log has room for. */
static void small_changes_go_on(struct store *s)
{
	for (int i = 0; i < 2000; i++) {
		assert_int_equal(store_link_set(s, STORE_LINK_DOWN, 1, "a,b", i % 2, NULL), 0);
		assert_int_equal(store_number_set(s, "epoch", i, NULL), 0);
	}
	assert_true(store_link_is(s, STORE_LINK_DOWN, 1, "a,b"));
	assert_null(store_trouble(s));
}

static void a_full_disk(void **state)
{
	struct store *s = open_store();
	struct err err;

	told = well = 0;
	assert_int_equal(put(s, 1, 1000, &err), 0);
	assert_int_equal(put(s, 2, 1000, &err), 0);
	fill();
	small_changes_go_on(s);

	/* What is too large is refused, and nothing of it stays. */
	assert_int_equal(put(s, 3, DISK / 2, &err), -ENOSPC);
	assert_string_equal(err.text, "state: database or disk is full");
	assert_string_equal(store_trouble(s), "database or disk is full");
	assert_int_equal(put(s, 3, DISK / 2, &err), -ENOSPC);
	assert_true(told == 1 && well == 0);
	assert_int_equal(vnets(s), 2);

	/* It is opened again, and a vnet can be ended. */
	store_close(s);
	fill(); /* what it gave back, if it did */
	s = open_store();
	assert_int_equal(vnets(s), 2);
	small_changes_go_on(s);
	assert_int_equal(store_vnet_end(s, "v2", &err), 0);
	assert_int_equal(store_vnet_forget_ending(s, &err), 0);
	assert_int_equal(vnets(s), 1);

	/* There is room: as if nothing had been. */
	assert_int_equal(put(s, 2, DISK / 2, &err), -ENOSPC);
	assert_non_null(store_trouble(s));
	assert_int_equal(unlink(filler), 0);
	assert_int_equal(put(s, 2, DISK / 4, &err), 0);
	assert_null(store_trouble(s));
	assert_true(told == 2 && well == 1);
	assert_int_equal(vnets(s), 2);
	store_close(s);
}

/* Of several changes none is stored when one cannot be, nor what is asked for behind it. */
static void a_transaction(void **state)
{
	struct store *s = open_store();
	struct err err;

	assert_int_equal(store_link_set(s, STORE_LINK_DOWN, 1, "c,d", true, &err), 0);
	fill();
	assert_int_equal(store_begin(s, &err), 0);
	for (unsigned i = 10; i < 200; i++) /* beyond SQLite's cache: it has to write in the middle */
		put(s, i, 100000, NULL);
	store_link_set(s, STORE_LINK_DOWN, 1, "c,d", false, NULL);
	assert_true(store_commit(s, &err) < 0);
	assert_true(store_link_is(s, STORE_LINK_DOWN, 1, "c,d"));
	assert_false(store_vnet_has(s, "v10"));
	assert_int_equal(unlink(filler), 0);
	assert_int_equal(store_link_set(s, STORE_LINK_DOWN, 1, "c,d", false, &err), 0);
	store_close(s);
}

static int setup(void **state)
{
	char options[32];

	if (unshare(CLONE_NEWNS) < 0 || mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return -1;
	snprintf(options, sizeof(options), "size=%d", DISK);
	return mount("tmpfs", DIR, "tmpfs", 0, options);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_full_disk),
		cmocka_unit_test(a_transaction),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
