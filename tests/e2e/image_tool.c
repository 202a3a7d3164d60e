/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image library for test_image.py.
 *
 *   image_tool build STORE NAME AGENT [force]
 *   image_tool cmdline STORE NAME
 *   image_tool initrd STORE NAME OUT HOSTNAME MAC=NAME... PATH=FILE...
 *   image_tool archive STORE NAME OUT HOSTNAME MAC=NAME... PATH=FILE...
 */
#include "base/file.h"
#include "vrouter/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct err err;

static int fail(void)
{
	fprintf(stderr, "image_tool: %s\n", err.text);
	return 1;
}

static void progress(void *arg, const char *what, double share)
{
	fprintf(stderr, "%3.0f %% %s\n", share * 100, what);
}

static int guest_files(const struct image *img, char **argv, int argc)
{
	struct image_nic nics[8];
	struct image_file files[32];
	struct image_guest guest = { .hostname = argv[1], .nics = nics, .files = files };
	struct buf bytes[32] = { 0 }, out = { 0 };

	for (int i = 2; i < argc; i++) {
		char *value = strchr(argv[i], '=');
		unsigned n = guest.file_count;

		*value++ = 0;
		if (argv[i][0] == '/') {
			if (n == 32 || file_read(value, 1 << 20, &bytes[n], &err))
				return fail();
			files[guest.file_count++] = (struct image_file){ argv[i], 0644, bytes[n].data,
									  bytes[n].len };
			continue;
		}
		nics[guest.nic_count] = (struct image_nic){ .mtu = 1500, .name = value };
		for (unsigned b = 0; b < 6; b++)
			nics[guest.nic_count].mac[b] = (uint8_t)strtoul(argv[i] + 3 * b, NULL, 16);
		guest.nic_count++;
	}
	if ((img ? image_guest_initrd(img, &guest, &out, &err)
		 : image_guest_archive(&guest, &out, &err)) ||
	    file_write(argv[0], out.data, out.len, 0644, &err))
		return fail();
	return 0;
}

int main(int argc, char **argv)
{
	struct image img;

	if (argc < 4)
		return 2;
	if (!strcmp(argv[1], "build") && argc >= 5) {
		if (image_build(argv[2], argv[3], argv[4], argc > 5, progress, NULL, &img, &err))
			return fail();
		printf("%s\n%s\n%s\n%u\n", img.kernel, img.initrd, img.version, img.memory_mib);
		return 0;
	}
	if (image_find(argv[2], argv[3], &img, &err))
		return fail();
	if (!strcmp(argv[1], "cmdline"))
		return puts(image_cmdline(&img)) < 0;
	if (!strcmp(argv[1], "initrd") && argc >= 6)
		return guest_files(&img, argv + 4, argc - 4);
	if (!strcmp(argv[1], "archive") && argc >= 6)
		return guest_files(NULL, argv + 4, argc - 4);
	return 2;
}
