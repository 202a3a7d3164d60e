/* SPDX-License-Identifier: Apache-2.0 */
#include "control/user.h"

#include "control/store.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#define PREFIX	    "weft_" /* so that scanners for secrets know one */
#define SECRET_SIZE 32

static void hex(const uint8_t *bytes, size_t len, char *out)
{
	for (size_t i = 0; i < len; i++)
		snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

bool user_name_ok(const char *name)
{
	size_t n = strlen(name);

	if (!n || n >= USER_NAME_MAX || !isalnum((unsigned char)*name))
		return false;
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("-_.", name[i]))
			return false;
	return true;
}

bool user_token_hash(const char *token, char hash[USER_HASH_MAX])
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	size_t n = strlen(token);

	if (n != USER_TOKEN_MAX - 1 || strncmp(token, PREFIX, strlen(PREFIX)) != 0 ||
	    strspn(token + strlen(PREFIX), "0123456789abcdef") != 2 * SECRET_SIZE ||
	    !SHA256((const uint8_t *)token, n, digest))
		return false;
	hex(digest, sizeof(digest), hash);
	return true;
}

int user_token_make(char token[USER_TOKEN_MAX], char hash[USER_HASH_MAX], struct err *err)
{
	uint8_t secret[SECRET_SIZE];

	if (getrandom(secret, sizeof(secret), 0) != sizeof(secret))
		return err_sys(err, -errno, "a token");
	strcpy(token, PREFIX);
	hex(secret, sizeof(secret), token + strlen(PREFIX));
	OPENSSL_cleanse(secret, sizeof(secret));
	return user_token_hash(token, hash) ? 0 : err_sys(err, -ENOMEM, "a token");
}

struct seeking {
	char hash[USER_HASH_MAX];
	struct principal *out;
	bool found;
};

static void compare(void *arg, const struct store_user *u)
{
	struct seeking *s = arg;

	if (CRYPTO_memcmp(s->hash, u->hash, sizeof(s->hash)) != 0)
		return;
	s->found = true;
	s->out->user = u->id;
	snprintf(s->out->name, sizeof(s->out->name), "%s", u->name);
}

bool user_by_token(struct store *s, const char *token, struct principal *out)
{
	struct seeking seeking = { .out = out };

	if (!token || !user_token_hash(token, seeking.hash))
		return false;
	return store_user_each(s, compare, &seeking, NULL) == 0 && seeking.found;
}

bool user_by_header(struct store *s, const char *value, struct principal *out)
{
	static const char scheme[] = "Bearer ";

	if (!value || strncasecmp(value, scheme, strlen(scheme)) != 0)
		return false;
	value += strlen(scheme);
	return user_by_token(s, value + strspn(value, " "), out);
}

bool user_find_header(const char *head, char value[USER_TOKEN_MAX + 16])
{
	static const char name[] = "Authorization:";
	bool found = false;

	for (const char *line = head; line; line = strstr(line, "\r\n"), line = line ? line + 2 : NULL) {
		const char *at = line + strlen(name), *end;

		if (strncasecmp(line, name, strlen(name)) != 0)
			continue;
		at += strspn(at, " \t");
		end = strstr(at, "\r\n");
		end = end ? end : at + strlen(at);
		while (end > at && strchr(" \t", end[-1]))
			end--;
		if (found || end - at >= USER_TOKEN_MAX + 16)
			return false;
		snprintf(value, USER_TOKEN_MAX + 16, "%.*s", (int)(end - at), at);
		found = true;
	}
	return found;
}
