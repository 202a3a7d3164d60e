/* SPDX-License-Identifier: Apache-2.0 */
#include "vrouter/template_priv.h"

#include "base/file.h"
#include "base/hash.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

void template_machine(const struct image *img, struct hv_conf *conf)
{
	conf->kernel = img->kernel;
	conf->cmdline = image_cmdline(img);
	conf->memory_mib = img->memory_mib;
	conf->cpus = 1;
}

int template_key(const struct image *img, char key[17], struct err *err)
{
	struct hv_conf conf = { .name = img->name };
	struct buf b = { 0 };
	int code;

	template_machine(img, &conf);
	code = hv_fingerprint(&conf, &b, err);
	if (!code && b.bad)
		code = err_sys(err, -ENOMEM, "template of %s", img->name);
	if (!code)
		snprintf(key, 17, "%016" PRIx64, hash_bytes(b.data, b.len));
	buf_free(&b);
	return code;
}

void template_dir(const struct image *img, char dir[TEMPLATE_PATH_MAX])
{
	/* Beside the image's kernel, STORE/<image key>/vmlinuz. */
	snprintf(dir, TEMPLATE_PATH_MAX, "%.*s/template",
		 (int)(strrchr(img->kernel, '/') - img->kernel), img->kernel);
}

int template_find(const struct image *img, struct template *out, struct err *err)
{
	char path[TEMPLATE_PATH_MAX + 16], key[17];
	const char *has, *built;
	json_t *o;
	int code = template_key(img, key, err);

	if (code)
		return code;
	*out = (struct template){ 0 };
	template_dir(img, out->dir);
	snprintf(path, sizeof(path), "%s/template.json", out->dir);
	o = json_load_file(path, 0, NULL);
	if (json_unpack(o, "{s:s, s:s}", "key", &has, "built", &built) < 0) {
		json_decref(o);
		return err_set(err, -ENOENT, "image %s has no template; run: weft image build %s", img->name,
			       img->name);
	}
	snprintf(out->key, sizeof(out->key), "%s", has);
	snprintf(out->built, sizeof(out->built), "%s", built);
	json_decref(o);
	out->bytes = file_disk_bytes(out->dir, false);
	if (strcmp(out->key, key) != 0)
		return err_set(err, -ESTALE,
			       "the template of image %s is of another machine; run: weft image build %s",
			       img->name, img->name);
	return 0;
}
