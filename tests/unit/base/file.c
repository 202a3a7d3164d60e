/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void write_read_remove(void **state)
{
	char dir[] = "/tmp/weft-file-XXXXXX", path[128];
	struct buf b = { 0 };
	struct err err;

	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/a/b", dir);
	assert_int_equal(file_mkdirs(path, 0755, &err), 0);
	assert_int_equal(file_mkdirs(path, 0755, &err), 0);
	snprintf(path, sizeof(path), "%s/a/b/f", dir);
	assert_int_equal(file_write(path, "hello", 5, 0600, &err), 0);
	assert_int_equal(file_read(path, 5, &b, &err), 0);
	assert_int_equal(b.len, 5);
	assert_memory_equal(b.data, "hello", 5);
	assert_int_equal(file_read(path, 4, &b, &err), -EFBIG);
	assert_non_null(strstr(err.text, path));
	buf_free(&b);
	assert_int_equal(file_remove_tree(dir, &err), 0);
	assert_int_equal(access(dir, F_OK), -1);
	assert_int_equal(file_remove_tree(dir, &err), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(write_read_remove) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
