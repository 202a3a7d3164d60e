/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens, and the headers that they come in. */
#include "control/user.h"
#include "base/file.h"
#include "control/store.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct place {
	char dir[64], db[96];
	struct store *store;
};

static void open_store(struct place *p)
{
	struct err err;

	assert_int_equal(store_open(p->db, &p->store, &err), 0);
}

static int setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	strcpy(p->dir, "/tmp/weft-user-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	snprintf(p->db, sizeof(p->db), "%s/db", p->dir);
	open_store(p);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;

	store_close(p->store);
	file_remove_tree(p->dir, NULL);
	free(p);
	return 0;
}

/* A user of that name; the token. */
static void put(struct place *p, const char *name, const struct quota *q, char token[USER_TOKEN_MAX])
{
	struct store_user u = { .quota = *q };

	snprintf(u.name, sizeof(u.name), "%s", name);
	assert_int_equal(user_token_make(token, u.hash, NULL), 0);
	assert_int_equal(store_user_put(p->store, &u, NULL), 0);
}

static void tokens_differ_and_are_not_stored(void **state)
{
	char a[USER_TOKEN_MAX], b[USER_TOKEN_MAX], hash[USER_HASH_MAX], again[USER_HASH_MAX];

	assert_int_equal(user_token_make(a, hash, NULL), 0);
	assert_true(user_token_hash(a, again));
	assert_string_equal(hash, again);
	assert_int_equal(strlen(hash), 64);
	assert_null(strstr(a, hash));
	assert_int_equal(user_token_make(b, hash, NULL), 0);
	assert_string_not_equal(a, b);
	assert_string_not_equal(hash, again);
	/* FIPS 180-4 SHA-256, as sha256sum(1) has it. */
	assert_true(user_token_hash("weft_0000000000000000000000000000000000000000000000000000000000000000", hash));
	assert_string_equal(hash, "c9bc625ca72920c7dfbd01a2a0a81cca1bbc203151ef179dd3e20f468a899b67");
}

static void what_is_no_token(void **state)
{
	char token[USER_TOKEN_MAX], wrong[USER_TOKEN_MAX + 8], hash[USER_HASH_MAX];

	assert_int_equal(user_token_make(token, hash, NULL), 0);
	assert_false(user_token_hash("", hash));
	assert_false(user_token_hash(token + 5, hash));
	snprintf(wrong, sizeof(wrong), "%s0", token);
	assert_false(user_token_hash(wrong, hash));
	strcpy(wrong, token);
	wrong[strlen(wrong) - 1] = 0;
	assert_false(user_token_hash(wrong, hash));
	strcpy(wrong, token);
	wrong[20] = 'G';
	assert_false(user_token_hash(wrong, hash));
	strcpy(wrong, token);
	wrong[0] = 'W';
	assert_false(user_token_hash(wrong, hash));
}

static void whose_a_token_is(void **state)
{
	struct place *p = *state;
	char alice[USER_TOKEN_MAX], bob[USER_TOKEN_MAX], newer[USER_TOKEN_MAX];
	struct principal who = { .user = 0 };
	struct store_user u;
	uint32_t id;
	struct stat st;

	put(p, "alice", &quota_none, alice);
	put(p, "bob", &quota_none, bob);
	assert_true(user_by_token(p->store, alice, &who) && who.user);
	assert_string_equal(who.name, "alice");
	id = who.user;
	assert_true(user_by_token(p->store, bob, &who) && who.user != id);
	assert_false(user_by_token(p->store, NULL, &who));
	alice[10] = alice[10] == '0' ? '1' : '0';
	assert_false(user_by_token(p->store, alice, &who));
	/* Another token, and the one of before is none. */
	put(p, "bob", &quota_none, newer);
	assert_false(user_by_token(p->store, bob, &who));
	store_close(p->store);
	open_store(p);
	assert_true(user_by_token(p->store, newer, &who));
	assert_int_equal(stat(p->db, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* Who comes again is somebody else. */
	assert_true(store_user_by_name(p->store, "bob", &u));
	assert_int_equal(store_user_del(p->store, u.id, NULL), 0);
	assert_false(user_by_token(p->store, newer, &who));
	put(p, "bob", &quota_none, newer);
	assert_true(user_by_token(p->store, newer, &who) && who.user > u.id);
}

static void quotas_and_owners_are_kept(void **state)
{
	struct place *p = *state;
	struct quota q = quota_none;
	char token[USER_TOKEN_MAX];
	struct store_user u;
	uint32_t owner = 9;

	q.most[QUOTA_GUESTS] = 0;
	q.most[QUOTA_CORES] = 1500;
	put(p, "alice", &q, token);
	assert_true(store_user_by_name(p->store, "alice", &u));
	assert_int_equal(store_vnet_put(p->store, 7, "red", "f", "t", "{}", NULL), 0);
	assert_true(store_vnet_owner(p->store, "red", &owner));
	assert_int_equal(owner, 0);
	assert_false(store_vnet_owner(p->store, "blue", &owner));
	assert_int_equal(store_owner_put(p->store, 7, u.id, NULL), 0);
	store_close(p->store);
	open_store(p);
	assert_true(store_user_by_id(p->store, u.id, &u));
	assert_memory_equal(&u.quota, &q, sizeof(q));
	assert_true(store_vnet_owner(p->store, "red", &owner) && owner == u.id);
	assert_int_equal(store_owner(p->store, 7), u.id);
	assert_true(store_owner_has(p->store, u.id));
	/* It goes with the vnet. */
	assert_int_equal(store_vnet_end(p->store, "red", NULL), 0);
	assert_int_equal(store_vnet_forget_ending(p->store, NULL), 0);
	assert_false(store_owner_has(p->store, u.id));
	assert_int_equal(store_owner(p->store, 7), 0);
}

static void headers(void **state)
{
	struct place *p = *state;
	char token[USER_TOKEN_MAX], text[512], value[USER_TOKEN_MAX + 16];
	struct principal who;

	put(p, "alice", &quota_none, token);
	snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nX-Authorization: no\r\naUTHORIZATION: \tbearer  %s \r\nA: b",
		 token);
	assert_true(user_find_header(text, value));
	assert_true(user_by_header(p->store, value, &who));
	snprintf(text, sizeof(text), "Basic %s", token);
	assert_false(user_by_header(p->store, text, &who));
	assert_false(user_by_header(p->store, token, &who));
	assert_false(user_by_header(p->store, "Bearer ", &who));
	assert_false(user_by_header(p->store, NULL, &who));
	snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nAuthorization: Bearer %s", token);
	assert_true(user_find_header(text, value));
	/* Which one a server believes should not be a question. */
	snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nAuthorization: Bearer %s\r\nAuthorization: b", token);
	assert_false(user_find_header(text, value));
	assert_false(user_find_header("GET /Authorization: Bearer x HTTP/1.1\r\n", value));
	assert_false(user_find_header("", value));
	memset(text, 'a', sizeof(text));
	memcpy(text, "Authorization: ", 15);
	text[sizeof(text) - 1] = 0;
	assert_false(user_find_header(text, value));
}

static void names(void **state)
{
	assert_true(user_name_ok("a") && user_name_ok("Alice-1_b.c"));
	assert_false(user_name_ok("") || user_name_ok("-a") || user_name_ok("a/b") || user_name_ok("a b"));
	assert_false(user_name_ok("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_differ_and_are_not_stored),
		cmocka_unit_test(what_is_no_token),
		cmocka_unit_test_setup_teardown(whose_a_token_is, setup, teardown),
		cmocka_unit_test_setup_teardown(quotas_and_owners_are_kept, setup, teardown),
		cmocka_unit_test_setup_teardown(headers, setup, teardown),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
