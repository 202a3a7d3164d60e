/* SPDX-License-Identifier: Apache-2.0 */
#include "control/store.h"
#include "base/file.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char dir[64], path[128];

static struct store *open_store(void)
{
	struct store *s;
	struct err err;

	assert_int_equal(store_open(path, &s, &err), 0);
	return s;
}

static int setup(void **state)
{
	strcpy(dir, "/tmp/weft-store-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/db", dir);
	return 0;
}

static int teardown(void **state)
{
	return file_remove_tree(dir, NULL);
}

static void see(void *arg, const struct store_vnet *v)
{
	snprintf(arg, 128, "%u %s %s %s %s", v->id, v->name, v->file, v->topology, v->files);
}

static void ids_outlive_a_restart(void **state)
{
	struct store *s = open_store();
	uint32_t red = store_id(s, STORE_VNET, 0, "red"), blue = store_id(s, STORE_VNET, 0, "blue");
	uint32_t r1 = store_id(s, STORE_NODE, red, "r1"), other = store_id(s, STORE_NODE, blue, "r1");

	assert_true(red && blue && red != blue);
	assert_true(r1 && other && r1 != other);
	store_close(s);
	s = open_store();
	assert_int_equal(store_id(s, STORE_NODE, red, "r1"), r1);
	assert_int_equal(store_id(s, STORE_NODE, blue, "r1"), other);
	store_id_del(s, STORE_NODE, red, "r1");
	assert_int_not_equal(store_id(s, STORE_NODE, red, "r2"), other);
	store_close(s);
}

static void a_vnet_is_kept_and_forgotten(void **state)
{
	struct store *s = open_store();
	char said[128] = "";

	assert_int_equal(store_vnet_put(s, 7, "red", "f", "t", "{}", NULL), 0);
	assert_int_equal(store_vnet_put(s, 7, "red", "f", "t2", "{}", NULL), 0);
	assert_int_equal(store_link_set(s, STORE_LINK_DOWN, 7, "a,b", true, NULL), 0);
	store_close(s);
	s = open_store();
	assert_int_equal(store_vnet_each(s, see, said, NULL), 0);
	assert_string_equal(said, "7 red f t2 {}");
	assert_true(store_link_is(s, STORE_LINK_DOWN, 7, "a,b"));
	assert_false(store_link_is(s, STORE_LINK_RISEN, 7, "a,b"));
	assert_int_equal(store_link_set(s, STORE_LINK_RISEN, 7, "a,b", true, NULL), 0);
	assert_true(store_link_is(s, STORE_LINK_RISEN, 7, "a,b"));
	assert_false(store_link_is(s, STORE_LINK_DOWN, 7, "a,c"));
	assert_false(store_link_is(s, STORE_LINK_DOWN, 8, "a,b"));
	assert_int_equal(store_vnet_end(s, "red", NULL), 0);
	assert_int_equal(store_vnet_forget_ending(s, NULL), 0);
	assert_false(store_link_is(s, STORE_LINK_DOWN, 7, "a,b"));
	assert_false(store_link_is(s, STORE_LINK_RISEN, 7, "a,b"));
	said[0] = 0;
	assert_int_equal(store_vnet_each(s, see, said, NULL), 0);
	assert_string_equal(said, "");
	store_close(s);
}

static void machine_ids_stay(void **state)
{
	struct store *s = open_store();
	uint8_t r1[16], r2[16], again[16];

	assert_int_equal(store_machine_id(s, 7, "r1", r1, NULL), 0);
	assert_int_equal(store_machine_id(s, 7, "r2", r2, NULL), 0);
	assert_memory_not_equal(r1, r2, 16);
	store_close(s);
	s = open_store();
	assert_int_equal(store_machine_id(s, 7, "r1", again, NULL), 0);
	assert_memory_equal(r1, again, 16);
	assert_int_equal(store_machine_id(s, 8, "r1", again, NULL), 0);
	assert_memory_not_equal(r1, again, 16);
	store_close(s);
}

static void modes_outlive_a_restart(void **state)
{
	struct store *s = open_store();
	uint32_t red = store_id(s, STORE_VNET, 0, "red"), r1 = store_id(s, STORE_NODE, red, "r1");

	assert_int_equal(store_vnet_put(s, red, "red", "f", "t", "{}", NULL), 0);
	assert_int_equal(store_mode(s, red), STORE_RUNNING);
	assert_int_equal(store_mode_set(s, red, STORE_PAUSED, NULL), 0);
	assert_false(store_node_hibernates(s, r1));
	assert_int_equal(store_mode_set(s, red, STORE_HIBERNATED, NULL), 0);
	store_close(s);
	s = open_store();
	assert_int_equal(store_mode(s, red), STORE_HIBERNATED);
	assert_int_equal(store_mode(s, red + 1), STORE_RUNNING);
	assert_true(store_node_hibernates(s, r1));
	assert_false(store_node_hibernates(s, r1 + 1));
	assert_int_equal(store_vnet_end(s, "red", NULL), 0);
	assert_int_equal(store_vnet_forget_ending(s, NULL), 0);
	assert_int_equal(store_mode(s, red), STORE_RUNNING);
	assert_false(store_node_hibernates(s, r1));
	store_close(s);
}

static void links_keep_what_was_set(void **state)
{
	struct store *s = open_store();
	struct err err;
	char *text;

	assert_int_equal(store_vnet_put(s, 1, "red", "f", "t", "{}", &err), 0);
	assert_null(store_link_impair(s, 1, "a:1,b:1", 0));
	assert_int_equal(store_link_impair_put(s, 1, "a:1,b:1", 0, "{}", &err), 0);
	assert_int_equal(store_link_impair_put(s, 1, "a:1,b:1", 1, "one", &err), 0);
	assert_int_equal(store_link_impair_put(s, 1, "a:1,b:1", 1, "two", &err), 0);
	store_close(s);
	s = open_store();
	text = store_link_impair(s, 1, "a:1,b:1", 1);
	assert_string_equal(text, "two");
	free(text);
	assert_int_equal(store_link_impair_put(s, 1, "a:1,b:1", 1, NULL, &err), 0);
	assert_null(store_link_impair(s, 1, "a:1,b:1", 1));
	assert_int_equal(store_vnet_end(s, "red", &err), 0);
	assert_int_equal(store_vnet_forget_ending(s, &err), 0);
	assert_null(store_link_impair(s, 1, "a:1,b:1", 0));
	store_close(s);
}

static void nics_outlive_a_restart(void **state)
{
	struct nics nics = { .count = 2, .nic = { { .port = "eth1", .hw = { 2, 0, 0, 0, 0, 1 }, .mtu = 9000,
						    .told = true },
						  { .hw = { 6, 0, 0, 0, 0, 1 }, .mtu = 1500 } } }, back;
	struct store *s = open_store();
	uint32_t red = store_id(s, STORE_VNET, 0, "red");

	assert_false(store_nics_get(s, red, "r1", &back));
	assert_int_equal(store_vnet_put(s, red, "red", "f", "t", "{}", NULL), 0);
	assert_int_equal(store_nics_put(s, red, "r1", &nics, NULL), 0);
	assert_int_equal(store_nics_put(s, red, "r2", &nics, NULL), 0);
	store_nics_del(s, red, "r2");
	store_close(s);
	s = open_store();
	assert_true(store_nics_get(s, red, "r1", &back));
	assert_memory_equal(&nics, &back, sizeof(nics));
	assert_false(store_nics_get(s, red, "r2", &back));
	assert_int_equal(store_vnet_end(s, "red", NULL), 0);
	assert_int_equal(store_vnet_forget_ending(s, NULL), 0);
	assert_false(store_nics_get(s, red, "r1", &back));
	store_close(s);
}

static void numbers(void **state)
{
	struct store *s = open_store();

	assert_int_equal(store_number(s, "epoch"), 0);
	assert_int_equal(store_number_set(s, "epoch", 3, NULL), 0);
	assert_int_equal(store_number_set(s, "epoch", 4, NULL), 0);
	store_close(s);
	s = open_store();
	assert_int_equal(store_number(s, "epoch"), 4);
	store_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ids_outlive_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(a_vnet_is_kept_and_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(machine_ids_stay, setup, teardown),
		cmocka_unit_test_setup_teardown(modes_outlive_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(links_keep_what_was_set, setup, teardown),
		cmocka_unit_test_setup_teardown(nics_outlive_a_restart, setup, teardown),
		cmocka_unit_test_setup_teardown(numbers, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
