/* SPDX-License-Identifier: Apache-2.0 */
#include "control/base64.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* RFC 4648, section 10. */
static void the_rfc_s_vectors(void **state)
{
	static const char *const vectors[][2] = {
		{ "", "" },	     { "f", "Zg==" },	     { "fo", "Zm8=" },	     { "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" }, { "foobar", "Zm9vYmFy" },
	};

	for (unsigned i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		char *text = base64_encode(vectors[i][0], strlen(vectors[i][0]));
		void *bytes;
		size_t len;

		assert_string_equal(text, vectors[i][1]);
		assert_int_equal(base64_decode(text, &bytes, &len), 0);
		assert_int_equal(len, strlen(vectors[i][0]));
		assert_memory_equal(bytes, vectors[i][0], len);
		free(bytes);
		free(text);
	}
}

static void refuses_what_is_none(void **state)
{
	static const char *const bad[] = { "A", "AA", "AAA", "A===", "Zg=a", "Z\x80==", "Zm9v\n" };
	void *bytes;
	size_t len;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(base64_decode(bad[i], &bytes, &len), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rfc_s_vectors),
		cmocka_unit_test(refuses_what_is_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
