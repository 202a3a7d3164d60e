/* SPDX-License-Identifier: Apache-2.0 */
/* The head of a request as anybody may send it to the gate, and what it says in place of a token. */
#include "base/file.h"
#include "control/store.h"
#include "control/user.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char dir[] = "/tmp/weft-fuzz-user-XXXXXX";
static struct store *store;

static void clean_up(void)
{
	store_close(store);
	file_remove_tree(dir, NULL);
}

static void make_store(const char *token)
{
	struct store_user u = { .name = "alice", .quota = quota_none };
	char path[64];

	if (!mkdtemp(dir))
		abort();
	atexit(clean_up);
	snprintf(path, sizeof(path), "%s/db", dir);
	if (store_open(path, &store, NULL) < 0 || !user_token_hash(token, u.hash) ||
	    store_user_put(store, &u, NULL) < 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char token[] = "weft_0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
	char value[USER_TOKEN_MAX + 16], hash[USER_HASH_MAX], *head = strndup((const char *)data, size);
	struct principal who;

	if (!store)
		make_store(token);
	if (!head)
		abort();
	/* Whoever is let in has said the token. */
	if (user_find_header(head, value)) {
		if (strlen(value) >= sizeof(value) || !strstr(head, value))
			abort();
		if (user_by_header(store, value, &who) && !strstr(head, token))
			abort();
	}
	if (user_token_hash(head, hash) && (strlen(hash) != 64 || strlen(head) != strlen(token)))
		abort();
	user_name_ok(head);
	free(head);
	return 0;
}
