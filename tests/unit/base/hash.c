/* SPDX-License-Identifier: Apache-2.0 */
#include "base/hash.h"
#include "tests/unit/test.h"

#include <stdlib.h>

/* Against a flat array: every key below KEYS is in the map exactly when it is in the array. */
static void against_an_array(void **state)
{
	enum { KEYS = 500, STEPS = 100000 };
	static void *want[KEYS];
	struct hash_map *m = hash_map_create(sizeof(uint32_t));
	size_t count = 0;

	srandom(1);
	for (int i = 0; i < STEPS; i++) {
		uint32_t key = (uint32_t)random() % KEYS;

		if (random() % 2) {
			count += !want[key];
			want[key] = &want[(uint32_t)random() % KEYS];
			assert_int_equal(hash_map_set(m, &key, want[key]), 0);
		} else {
			count -= !!want[key];
			assert_ptr_equal(hash_map_del(m, &key), want[key]);
			want[key] = NULL;
		}
		assert_int_equal(hash_map_count(m), count);
		key = (uint32_t)random() % KEYS;
		assert_ptr_equal(hash_map_find(m, &key), want[key]);
	}

	size_t at = 0, seen = 0;
	const void *key;
	void *value;

	while (hash_map_next(m, &at, &key, &value)) {
		assert_ptr_equal(value, want[*(const uint32_t *)key]);
		seen++;
	}
	assert_int_equal(seen, count);
	hash_map_destroy(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(against_an_array) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
