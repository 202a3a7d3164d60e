/* SPDX-License-Identifier: Apache-2.0 */
#include "vrouter/image.h"

#include "base/file.h"
#include "vrouter/image/image_priv.h"

#include <dirent.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool image_name_ok(const char *name)
{
	size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return len && !name[len] && len < sizeof(((struct image *)0)->name);
}

const char *image_cmdline(const struct image *img)
{
	/* No calibration against other clocks is skipped: under load a guest that trusts its TSC
	 * keeps wrong time. The mitigations would protect the guest from its own programs. */
	return "console=ttyS0 quiet panic=-1 mitigations=off audit=0 apparmor=0 random.trust_cpu=on "
	       "8250.nr_uarts=1";
}

static uint64_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? 0 : (uint64_t)st.st_size;
}

static void copy_text(const json_t *root, const char *key, char *to, size_t size)
{
	const char *text = json_string_value(json_object_get(root, key));

	snprintf(to, size, "%s", text ? text : "");
}

/* dir is STORE/<key>, resolved. */
static int load(const char *dir, const char *name, struct image *out, struct err *err)
{
	char path[PATH_MAX];
	json_error_t why;
	json_t *root;
	const char *key = strrchr(dir, '/');

	memset(out, 0, sizeof(*out));
	if (snprintf(path, sizeof(path), "%s/image.json", dir) >= (int)sizeof(path) ||
	    snprintf(out->kernel, sizeof(out->kernel), "%s/vmlinuz", dir) >= (int)sizeof(out->kernel) ||
	    snprintf(out->initrd, sizeof(out->initrd), "%s/initrd.zst", dir) >=
		    (int)sizeof(out->initrd))
		return err_sys(err, -ENAMETOOLONG, "image %s in %s", name, dir);
	root = json_load_file(path, 0, &why);
	if (!root)
		return err_set(err, -EBADMSG, "image %s: %s: %s", name, path, why.text);
	snprintf(out->name, sizeof(out->name), "%s", name);
	snprintf(out->key, sizeof(out->key), "%.64s", key ? key + 1 : dir);
	copy_text(root, "version", out->version, sizeof(out->version));
	copy_text(root, "built", out->built, sizeof(out->built));
	out->memory_mib = (unsigned)json_integer_value(json_object_get(root, "memory_mib"));
	json_decref(root);
	out->bytes = size_of(out->kernel) + size_of(out->initrd);
	if (!size_of(out->kernel) || !size_of(out->initrd) || !out->memory_mib)
		return err_set(err, -EBADMSG, "image %s: %s is incomplete; run: weft image build --force %s",
			       name, dir, name);
	return 0;
}

int image_find(const char *store, const char *name, struct image *out, struct err *err)
{
	char path[PATH_MAX], dir[PATH_MAX];

	if (!image_name_ok(name))
		return err_set(err, -EINVAL, "\"%s\" cannot be the name of an image", name);
	snprintf(path, sizeof(path), "%s/%s", store, name);
	if (!realpath(path, dir))
		return err_set(err, -ENOENT, "there is no image %s in %s; run: weft image build %s", name,
			       store, name);
	return load(dir, name, out, err);
}

int image_list(const char *store, void (*cb)(void *arg, const struct image *img), void *arg,
	       struct err *err)
{
	struct dirent **names;
	int n = scandir(store, &names, NULL, alphasort), code = 0;

	if (n < 0)
		return errno == ENOENT ? 0 : err_sys(err, -errno, "%s", store);
	for (int i = 0; i < n; i++) {
		struct image img;

		if (!code && names[i]->d_type == DT_LNK && image_name_ok(names[i]->d_name)) {
			code = image_find(store, names[i]->d_name, &img, err);
			if (!code)
				cb(arg, &img);
		}
		free(names[i]);
	}
	free(names);
	return code;
}
