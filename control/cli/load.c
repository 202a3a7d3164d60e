/* SPDX-License-Identifier: Apache-2.0 */
#include "control/base64.h"
#include "control/cli/load.h"


#include "base/buf.h"
#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define IMAGES_MAX (1u << 20)

/* Reads for topology_load(), and keeps what it reads for weftd. */
static int read_and_keep(void *arg, const char *path, void **bytes, size_t *len, struct err *err)
{
	json_t *files = arg;
	char *text;
	int code = topology_read_disk(NULL, path, bytes, len, err);

	if (code)
		return code;
	text = base64_encode(*bytes, *len);
	if (!text || json_object_set_new(files, path, json_string(text))) {
		free(*bytes);
		*bytes = NULL;
		code = err_set(err, -EINVAL, "%s: cannot be sent to weftd: its path is not UTF-8",
			       path);
	}
	free(text);
	return code;
}

static int read_images(const struct cli *cli, struct buf *images, struct err *err)
{
	char path[PATH_MAX + 16];
	int code;

	snprintf(path, sizeof(path), "%s/images.yml", cli->share);
	code = file_read(path, IMAGES_MAX, images, err);
	buf_u8(images, 0);
	return code;
}

static int load(const char *file, const struct buf *text, const struct buf *images,
		struct loaded *out, struct err *err)
{
	json_t *files = json_object();
	struct topology_conf conf = {
		.file = file,
		.text = (const char *)text->data,
		.len = text->len - 1,
		.images = (const char *)images->data,
		.read = read_and_keep,
		.list = topology_list_disk,
		.arg = files,
	};
	int code = topology_load(&conf, &out->topology, err);

	if (!code) {
		out->body = json_pack("{s:s, s:s%, s:O}", "file", file, "topology", conf.text,
				      conf.len, "files", files);
		if (!out->body)
			code = err_set(err, -EINVAL, "%s: is not UTF-8 text", file);
	}
	json_decref(files);
	return code;
}

int load_topology(const struct cli *cli, const char *file, struct loaded *out)
{
	struct buf text = { 0 }, images = { 0 };
	struct err err;
	int status = CLI_OK;

	*out = (struct loaded){ 0 };
	if (file_read(file, TOPOLOGY_FILE_MAX, &text, &err)) {
		status = cli_fail(cli, CLI_TOPOLOGY, "%s", err.text);
		goto out;
	}
	buf_u8(&text, 0);
	if (read_images(cli, &images, &err)) {
		status = cli_fail(cli, CLI_FAILED, "%s", err.text);
		goto out;
	}
	if (text.bad || images.bad)
		status = cli_fail(cli, CLI_FAILED, "out of memory");
	else if (load(file, &text, &images, out, &err))
		status = cli_fail(cli, CLI_TOPOLOGY, "%s", err.text);
out:
	if (status)
		load_free(out);
	buf_free(&text);
	buf_free(&images);
	return status;
}

void load_free(struct loaded *l)
{
	topology_free(l->topology);
	json_decref(l->body);
	*l = (struct loaded){ 0 };
}
