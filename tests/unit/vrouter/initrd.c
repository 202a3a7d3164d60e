/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's initrd is read back by cpio(1), the format's own program. */
#include "base/file.h"
#include "tests/unit/test.h"
#include "vrouter/image.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char dir[] = "/tmp/weft-initrd-XXXXXX";
static struct image img = { .name = "frr" };

static int setup(void **state)
{
	struct err err;

	if (!mkdtemp(dir))
		return -1;
	snprintf(img.initrd, sizeof(img.initrd), "%s/base", dir);
	return file_write(img.initrd, "the compressed base", 19, 0644, &err);
}

static int teardown(void **state)
{
	return file_remove_tree(dir, NULL);
}

static void text_is(const char *path, const char *want)
{
	char full[256];
	struct buf b = { 0 };

	snprintf(full, sizeof(full), "%s/out/guest%s", dir, path);
	assert_int_equal(file_read(full, 4096, &b, NULL), 0);
	buf_u8(&b, 0);
	assert_string_equal((const char *)b.data, want);
	buf_free(&b);
}

static void reads_back(void **state)
{
	const struct image_nic nics[] = {
		{ .mac = { 2, 0, 0, 0, 0, 1 }, .mtu = 1500, .name = "eth1" },
		{ .mac = { 6, 0, 0, 0, 0, 0xab }, .mtu = 9000, .name = "eth2", .as = { 2, 0, 0, 0, 0, 2 } },
		{ .mac = { 6, 0, 0, 0, 0, 3 }, .name = "spare+2" },
	};
	const struct image_file files[] = { { "/etc/frr/frr.conf", 0640, "hostname r1\n", 12 },
					    { "/etc/frr/daemons", 0644, "a", 1 },
					    { "/empty", 0600, NULL, 0 } };
	const char *const env[] = { "A=b c", "B=" };
	const struct image_guest guest = { .hostname = "r1", .nic_count = 3, .nics = nics,
					   .file_count = 3, .files = files, .env_count = 2, .env = env,
					   .no_agent = true,
					   .machine_id = { 0x0a, [15] = 0xff } };
	struct buf out = { 0 }, archive = { 0 };
	char path[128], command[512];
	struct err err;

	buf_put(&out, "before", 6); /* appended to what is there */
	assert_int_equal(image_guest_initrd(&img, &guest, &out, &err), 0);
	assert_int_equal((out.len - 6 - 19) % 512, 0);
	assert_memory_equal(out.data + out.len - 19, "the compressed base", 19);
	assert_int_equal(image_guest_archive(&guest, &archive, &err), 0);
	assert_int_equal(archive.len, out.len - 6 - 19);
	assert_memory_equal(archive.data, out.data + 6, archive.len);
	buf_free(&archive);
	snprintf(path, sizeof(path), "%s/cpio", dir);
	assert_int_equal(file_write(path, out.data + 6, out.len - 6 - 19, 0644, &err), 0);
	buf_free(&out);
	snprintf(command, sizeof(command), "mkdir %s/out && cd %s/out && cpio -id --quiet <%s", dir, dir,
		 path);
	assert_int_equal(system(command), 0);
	text_is("/etc/hostname", "r1\n");
	text_is("/etc/weft/nics", "02:00:00:00:00:01 eth1 1500\n06:00:00:00:00:ab eth2 9000 02:00:00:00:00:02\n"
			"06:00:00:00:00:03 spare+2 0\n");
	text_is("/etc/weft/env", "A=b c\nB=\n");
	text_is("/etc/machine-id", "0a0000000000000000000000000000ff\n");
	text_is("/etc/frr/frr.conf", "hostname r1\n");
	text_is("/etc/frr/daemons", "a");
	text_is("/empty", "");
	text_is("/etc/weft/no-agent", "");
	snprintf(command, sizeof(command), "test $(stat -c %%a %s/out/guest/etc/frr/frr.conf) = 640", dir);
	assert_int_equal(system(command), 0);
}

static void refuse(const struct image_guest *guest, const char *what)
{
	struct buf out = { 0 };
	struct err err;

	assert_int_equal(image_guest_initrd(&img, guest, &out, &err), -EINVAL);
	assert_non_null(strstr(err.text, what));
	assert_int_equal(out.len, 0);
	buf_free(&out);
}

static void refuses(void **state)
{
	static const char *const paths[] = { "etc/x", "/", "/etc/", "/a//b", "/../x", "/a/../b", "/a/." };
	static const char *const envs[] = { "", "=x", "A", "A-B=x", "1A=x", "A=x\nB=y" };

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		const struct image_file f = { paths[i], 0644, "", 0 };

		refuse(&(struct image_guest){ .hostname = "r", .file_count = 1, .files = &f }, paths[i]);
	}
	for (size_t i = 0; i < sizeof(envs) / sizeof(envs[0]); i++)
		refuse(&(struct image_guest){ .hostname = "r", .env_count = 1, .env = &envs[i] },
		       "environment");
	refuse(&(struct image_guest){ .hostname = "two words" }, "two words");
	refuse(&(struct image_guest){ .hostname = "" }, "hostname");
	refuse(&(struct image_guest){ .hostname = "r", .nic_count = 1,
				      .nics = &(struct image_nic){ .name = "a/b" } }, "a/b");
}

static void finds(void **state)
{
	struct image out;
	struct err err;

	assert_int_equal(image_find(dir, "frr", &out, &err), -ENOENT);
	assert_non_null(strstr(err.text, "weft image build frr"));
	assert_int_equal(image_find(dir, "../frr", &out, &err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_back),
		cmocka_unit_test(refuses),
		cmocka_unit_test(finds),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
