/* SPDX-License-Identifier: Apache-2.0 */
#include "vrouter/image.h"

#include "base/file.h"
#include "control/cli/cli.h"
#include "control/cli/json.h"
#include "control/cli/progress.h"
#include "control/cli/table.h"
#include "control/cli/image_template.h"
#include "hv/hv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void store_path(const struct cli *cli, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%.*s/images", PATH_MAX - 16, cli->state);
}

static void show(void *arg, const char *what, double share)
{
	progress_show(arg, share, "%s, %.0f %%", what, 100 * share);
}

static int build_one(const struct cli *cli, const char *name, bool force)
{
	char store[PATH_MAX], agent[PATH_MAX];
	struct progress progress;
	struct template template;
	struct image image;
	bool without = false;
	struct err err;
	int code;

	store_path(cli, store);
	code = file_beside(agent, "weft-agent", &err);
	if (code)
		return cli_fail(cli, CLI_FAILED, "%s", err.text);
	progress_init(&progress);
	code = image_build(store, name, agent, force, show, &progress, &image, &err);
	if (!code) {
		code = template_make(cli, &image, force, &progress, &template, &err);
		without = code == -ENOTSUP;
	}
	progress_fini(&progress);
	if (code && !without)
		return cli_fail(cli, CLI_FAILED, "%s", err.text);
	printf("%s %.12s: %s, %s%s, %.1f s\n", image.name, image.key, image.version,
	       without ? "no template: " : "template ", without ? err.text : template.key,
	       progress_seconds(&progress));
	fflush(stdout);
	return CLI_OK;
}

static int build(const struct cli *cli, char **names, bool force)
{
	static char *const all[] = { "frr", "bird", NULL };

	for (char *const *name = *names ? names : all; *name; name++) {
		int status = build_one(cli, *name, force);

		if (status)
			return status;
	}
	return CLI_OK;
}

/* "ready", "stale" or "none" */
static const char *template_state(const struct image *image, struct template *out)
{
	struct err err;
	int code = template_find(image, out, &err);

	return code == 0 ? "ready" : code == -ESTALE ? "stale" : "none";
}

static void add_row(void *arg, const struct image *image)
{
	struct template template;
	const char *state = template_state(image, &template);
	struct table *t = arg;
	char size[32];

	table_cell(t, "%s", image->name);
	table_cell(t, "%.12s", image->key);
	table_cell(t, "%s", text_bytes(size, image->bytes));
	table_cell(t, "%s", image->built);
	table_cell(t, "%s", state);
	table_cell(t, "%s", *state == 'n' ? "" : text_bytes(size, template.bytes));
	table_cell(t, "%u MiB", image->memory_mib);
	table_cell(t, "%s", image->version);
}

static void add_object(void *arg, const struct image *image)
{
	struct template template;
	const char *state = template_state(image, &template);
	json_t *o = json_pack("{s:s, s:s, s:I, s:s, s:i, s:s, s:{s:s}}", "name", image->name, "key",
			      image->key, "bytes", (json_int_t)image->bytes, "built", image->built,
			      "memory_mib", (int)image->memory_mib, "version", image->version, "template",
			      "state", state);
	json_t *t = json_object_get(o, "template");

	if (*state != 'n') {
		json_object_set_new(t, "key", json_string(template.key));
		json_object_set_new(t, "built", json_string(template.built));
		json_object_set_new(t, "bytes", json_integer((json_int_t)template.bytes));
	}
	json_array_append_new(arg, o);
}

static int list(const struct cli *cli)
{
	struct table *t = table_create("IMAGE", "KEY", ">SIZE", "BUILT", "TEMPLATE",
				       ">ON DISK", ">MEMORY", "VERSION", NULL);
	json_t *images = json_array();
	char store[PATH_MAX];
	struct err err;
	int code;

	store_path(cli, store);
	code = image_list(store, cli->json ? add_object : add_row, cli->json ? (void *)images : t,
			  &err);
	if (code && code != -ENOENT) {
		cli_fail(cli, CLI_FAILED, "%s", err.text);
	} else if (cli->json) {
		json_t *answer = json_pack("{s:O}", "images", images);

		json_print(answer);
		json_decref(answer);
	} else if (!table_rows(t)) {
		puts("no images yet; `weft image build` makes them");
	} else {
		table_print(t, stdout);
	}
	json_decref(images);
	table_destroy(t);
	return code && code != -ENOENT ? CLI_FAILED : CLI_OK;
}

int cli_image(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = {
		CLI_HELP, CLI_FORMAT, { "force", no_argument, NULL, 'F' }, { 0 }
	};
	const char *machine = getenv("WEFT_MACHINE");
	bool force = false;
	struct err err;
	int c;

	if (hv_use(machine && *machine ? machine : NULL, &err) < 0)
		return cli_usage(cli, "WEFT_MACHINE: %s", err.text);
	while ((c = cli_option(cli, argc, argv, options)) == 'F')
		force = true;
	if (c == CLI_OPTION_STOP)
		return cli->status;
	if (optind == argc)
		return cli_usage(cli, "build or list?");
	if (!strcmp(argv[optind], "list") && optind + 1 == argc)
		return list(cli);
	if (!strcmp(argv[optind], "build"))
		return build(cli, argv + optind + 1, force);
	return cli_usage(cli, "'%s' is not understood", argv[!strcmp(argv[optind], "list")
								     ? optind + 1
								     : optind]);
}
