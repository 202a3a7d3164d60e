/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cli/cli.h"
#include "control/cli/client.h"
#include "control/cli/json.h"
#include "control/cli/load.h"
#include "control/cli/plan.h"
#include "control/cli/progress.h"
#include "control/cli/start.h"
#include "control/cli/table.h"
#include "control/cli/view.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POLL_MS 250
#define CALL_TIMEOUT_S 60
#define TIMEOUT_S 180
#define TIMEOUT_MAX_S 86400

struct deploy {
	const char *name;
	const char *path; /* of the API */
	const char *owner; /* NULL: who deploys it */
	bool wait, dry;
	long timeout_s;
	struct progress progress;
};

static void tick(void *arg)
{
	struct deploy *d = arg;

	progress_show(&d->progress, -1, "%s: waiting for weftd", d->name);
}

/* What is waited for: each step needs the one before. */
static void show(struct deploy *d, const struct view_tally *n)
{
	if (n->configured < n->routers)
		progress_show(&d->progress, (double)n->configured / n->routers,
			      "%s: %u of %u routers configured", d->name, n->configured, n->routers);
	else if (n->others_ready < n->others)
		progress_show(&d->progress, (double)n->others_ready / n->others,
			      "%s: %u of %u hosts ready", d->name, n->others_ready, n->others);
	else if (n->links_risen < n->links)
		progress_show(&d->progress, (double)n->links_risen / n->links,
			      "%s: %u of %u links have risen", d->name, n->links_risen, n->links);
	else
		progress_show(&d->progress, n->routers ? (double)n->routers_ready / n->routers : 1,
			      "%s: the engine has the routes of %u of %u routers", d->name,
			      n->routers_ready, n->routers);
}

/* The first nodes that are not ready, for the sentence of a timeout: "r2 (booting), h1 (..)". */
static void name_late(const json_t *vnet, const struct view_tally *t, char *out, size_t room)
{
	size_t i, used = 0, late = 0;
	json_t *node;

	/* When all nodes are ready: */
	snprintf(out, room, "%s", t->links_risen < t->links ? "its links have not risen" :
				  *json_text(vnet, "engine") ? "the engine does not answer" :
							       "weftd is still at it");
	json_array_foreach (json_list(vnet, "nodes"), i, node) {
		const char *state = json_text(node, "state");
		bool ready = !strcmp(state, "ready");
		int n;

		if (ready && (strcmp(json_text(node, "kind"), "router") ||
			      json_true_at(node, "synced")))
			continue;
		if (late++ == 4) {
			snprintf(out + used, room - used, ", ...");
			return;
		}
		n = snprintf(out + used, room - used, "%s%.40s (%.20s)", used ? ", " : "",
			     json_text(node, "name"), ready ? "not synced" : state);
		if (n < 0 || (size_t)n >= room - used)
			return;
		used += (size_t)n;
	}
}

/* Until the next question. What makes weftd think for long is asked for less often. */
static void rest(double answer_s)
{
	double s = answer_s * 4 > POLL_MS / 1e3 ? answer_s * 4 : POLL_MS / 1e3;
	struct timespec ts = { .tv_sec = (time_t)s, .tv_nsec = (long)((s - (time_t)s) * 1e9) };

	nanosleep(&ts, NULL);
}

/* Polls until all is ready. *vnet is the PUT's answer, then the newest one. */
static int await(struct deploy *d, struct client *client, json_t **vnet, struct err *err)
{
	double asked, answer_s = 0, since = 0;
	unsigned done = 0;
	char late[320];

	for (;;) {
		struct view_tally n = view_tally(*vnet);
		int code;

		if (n.configured + n.others_ready + n.links_risen + n.routers_ready != done)
			since = progress_seconds(&d->progress);
		done = n.configured + n.others_ready + n.links_risen + n.routers_ready;
		if (n.failed)
			return err_set(err, -EREMOTEIO,
				       "%s/%s failed: %.700s; the vnet is left for `weft inspect %s`",
				       d->name, json_text(n.failed, "name"),
				       *json_text(n.failed, "error") ? json_text(n.failed, "error")
								     : "weftd does not say why",
				       d->name);
		if (*json_text(*vnet, "engine") && !strcmp(json_text(*vnet, "state"), "degraded"))
			return err_set(err, -EREMOTEIO, "nothing is forwarded, as the engine does not "
				       "run: %.700s; %s is left as it is", json_text(*vnet, "engine"),
				       d->name);
		if (n.routers == n.routers_ready && n.others == n.others_ready &&
		    strcmp(json_text(*vnet, "state"), "deploying"))
			return 0;
		if (progress_seconds(&d->progress) - since > (double)d->timeout_s) {
			name_late(*vnet, &n, late, sizeof(late));
			return err_set(err, -ETIMEDOUT,
				       "%s does not get ahead for %ld s: %s; it is left for `weft inspect "
				       "%s`, or wait longer with --timeout",
				       d->name, d->timeout_s, late, d->name);
		}
		show(d, &n);
		rest(answer_s);
		json_decref(*vnet);
		*vnet = NULL;
		asked = progress_seconds(&d->progress);
		code = client_call(client, "GET", d->path, NULL, CALL_TIMEOUT_S, vnet, err);
		answer_s = progress_seconds(&d->progress) - asked;
		if (!code)
			code = vnet_check(*vnet, err);
		if (code)
			return err_prefix(err, code, "waiting for %s", d->name);
	}
}

static int deploy(struct cli *cli, struct deploy *d, struct client *client, const json_t *body)
{
	json_t *vnet = NULL;
	char took[32];
	struct err err;
	int code = start_weftd(cli, client, &err);

	if (code)
		return cli_report(cli, code, &err);
	progress_init(&d->progress);
	client_on_tick(client, tick, d);
	code = client_call(client, "PUT", d->path, body, CALL_TIMEOUT_S, &vnet, &err);
	client_on_tick(client, NULL, NULL);
	if (code == -EINVAL) {
		progress_fini(&d->progress);
		return cli_fail(cli, CLI_TOPOLOGY, "%s", err.text);
	}
	if (!code)
		code = vnet_check(vnet, &err);
	if (!code && d->wait)
		code = await(d, client, &vnet, &err);
	progress_fini(&d->progress);
	if (code) {
		json_decref(vnet);
		return cli_report(cli, code, &err);
	}
	if (cli->json) {
		json_print(vnet);
	} else {
		view_nodes(vnet);
		printf("\n%s %s, %s\n", d->name, d->wait ? "is ready" : "is being deployed",
		       text_age(took, progress_seconds(&d->progress)));
	}
	json_decref(vnet);
	return CLI_OK;
}

/* Starts nothing, not even weftd. */
static int dry_run(struct cli *cli, struct deploy *d, struct client *client, const json_t *body)
{
	char path[160];
	json_t *plan;
	struct err err;
	int code;

	snprintf(path, sizeof(path), "%s?dry-run=1", d->path);
	code = client_call(client, "PUT", path, body, CALL_TIMEOUT_S, &plan, &err);
	if (code == -EINVAL)
		return cli_fail(cli, CLI_TOPOLOGY, "%s", err.text);
	if (code)
		return cli_report(cli, code, &err);
	if (cli->json)
		json_print(plan);
	else
		plan_print(plan);
	json_decref(plan);
	return CLI_OK;
}

static int deploy_file(struct cli *cli, struct deploy *d, const char *file)
{
	struct client *client;
	struct loaded loaded;
	struct err err;
	char path[128];
	int status = load_topology(cli, file, &loaded);

	if (status)
		return status;
	for (unsigned i = 0; i < loaded.topology->warnings.count; i++)
		cli_fail(cli, CLI_OK, "warning: %s", loaded.topology->warnings.items[i]);
	snprintf(path, sizeof(path), "/v1/vnets/%s", loaded.topology->name);
	d->name = loaded.topology->name;
	d->path = path;
	if (d->owner)
		json_object_set_new(loaded.body, "owner", json_string(d->owner));
	status = client_create(cli->run, &client, &err);
	if (status) {
		status = cli_report(cli, status, &err);
	} else {
		status = (d->dry ? dry_run : deploy)(cli, d, client, loaded.body);
		client_destroy(client);
	}
	load_free(&loaded);
	return status;
}

int cli_deploy(struct cli *cli, int argc, char **argv)
{
	static const struct option options[] = { CLI_HELP,
						 CLI_FORMAT,
						 { "no-wait", no_argument, NULL, 'n' },
						 { "dry-run", no_argument, NULL, 'd' },
						 { "timeout", required_argument, NULL, 't' },
						 { "owner", required_argument, NULL, 'o' },
						 { 0 } };
	struct deploy d = { .wait = true, .timeout_s = TIMEOUT_S };
	char *end;
	int c;

	while ((c = cli_option(cli, argc, argv, options)) >= 0) {
		if (c == 'n' || c == 'd') {
			d.wait &= c != 'n';
			d.dry |= c == 'd';
			continue;
		}
		if (c == 'o') {
			if (!cli_name_ok(cli, "user", optarg))
				return CLI_USAGE;
			d.owner = optarg;
			continue;
		}
		errno = 0;
		d.timeout_s = strtol(optarg, &end, 10);
		if (errno || end == optarg || *end || d.timeout_s < 1 ||
		    d.timeout_s > TIMEOUT_MAX_S)
			return cli_usage(cli, "--timeout %s is not 1 to %d seconds", optarg,
					 TIMEOUT_MAX_S);
	}
	if (c == CLI_OPTION_STOP)
		return cli->status;
	if (argc - optind != 1)
		return cli_usage(cli, "%s", optind == argc ? "which FILE?" : "one FILE at a time");
	return deploy_file(cli, &d, argv[optind]);
}
