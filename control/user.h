/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_USER_H
#define CONTROL_USER_H

/*
 * Users of the API, the tenants, beside the operator, who is whoever may open weftd's own socket.
 * A user is known by a token, 256 random bits that are told once: the store has their SHA-256 alone.
 * As nobody can guess them, a hash that takes long would only cost time.
 */

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

struct store;

#define USER_NAME_MAX  32 /* as a vnet's, topology.h; with the 0 */
#define USER_TOKEN_MAX 70 /* "weft_" and 64 digits of hex; with the 0 */
#define USER_HASH_MAX  65 /* 64 digits of hex; with the 0 */

/* Who asks. */
struct principal {
	uint32_t user; /* 0: the operator */
	char name[USER_NAME_MAX];
};

bool user_name_ok(const char *name);

/* A new token, and its hash. */
int user_token_make(char token[USER_TOKEN_MAX], char hash[USER_HASH_MAX], struct err *err);
/* False: this is no token. */
bool user_token_hash(const char *token, char hash[USER_HASH_MAX]);

/* Whose token this is; it may be NULL, or anything. False: nobody's. How long it takes does not tell
 * how much of it is right. */
bool user_by_token(struct store *s, const char *token, struct principal *out);
/* The same of what an Authorization header says: "Bearer TOKEN" (RFC 6750, 2.1). */
bool user_by_header(struct store *s, const char *value, struct principal *out);

/* The value of the Authorization header in the head of a request, lines that end in CRLF, into
 * value; false when there is none, more than one, or one that is too long for a token. */
bool user_find_header(const char *head, char value[USER_TOKEN_MAX + 16]);

#endif
