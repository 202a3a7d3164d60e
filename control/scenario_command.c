/* SPDX-License-Identifier: Apache-2.0 */
/* From the words of a command to a call of the API. */
#include "control/impairment.h"
#include "control/scenario.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_name(const char *s, size_t len)
{
	bool ok = len && len < TOPOLOGY_NAME_MAX && isalnum((unsigned char)*s);

	for (size_t i = 0; ok && i < len; i++)
		ok = isalnum((unsigned char)s[i]) || strchr("-_.", s[i]);
	return ok;
}

static bool is_end(const char *s)
{
	size_t node = strcspn(s, ":"), port = s[node] ? strlen(s + node + 1) : 0;

	return is_name(s, node) && port && port < TOPOLOGY_IFNAME_MAX &&
	       strspn(s + node + 1, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.@") ==
		       port;
}

/* KEY VALUE KEY VALUE ..., or none. */
static int impairments(unsigned argc, char *const *argv, json_t *o, struct err *err)
{
	struct impairment im = { 0 };

	if (argc == 1 && !strcmp(argv[0], "none"))
		return 0;
	if (!argc)
		return err_set(err, -EINVAL, "an impairment is missing, as in delay 10ms, or none");
	if (argc % 2)
		return err_set(err, -EINVAL, "'%.48s' has no value", argv[argc - 1]);
	for (unsigned i = 0; i < argc; i += 2) {
		if (impairment_set(&im, argv[i], argv[i + 1], err) < 0)
			return -EINVAL;
		json_object_set_new(o, argv[i], json_string(argv[i + 1]));
	}
	return impairment_finish(&im, err);
}

/* WHAT NODE:PORT [--one-way] [KEY VALUE ...] */
static json_t *link_body(unsigned argc, char *const *argv, struct err *err)
{
	char *words[SCENARIO_WORDS_MAX];
	const char *what = argv[0];
	bool one_way = false;
	unsigned n = 0;
	json_t *impair;

	for (unsigned i = 2; i < argc; i++) {
		if (!strcmp(argv[i], "--one-way"))
			one_way = true;
		else if (n < SCENARIO_WORDS_MAX)
			words[n++] = argv[i];
	}
	if (!strcmp(what, "set")) {
		impair = json_object();
		if (impairments(n, words, impair, err) == 0)
			return json_pack("{s:o, s:b}", "impair", impair, "one_way", (int)one_way);
		json_decref(impair);
		return NULL;
	}
	if (n)
		err_set(err, -EINVAL, "'%.48s' is one argument too many", words[0]);
	else if (!strcmp(what, "clear"))
		return json_pack("{s:n, s:b}", "impair", "one_way", (int)one_way);
	else if (one_way)
		err_set(err, -EINVAL, "a link is up or down both ways");
	else
		return json_pack("{s:b}", "up", !strcmp(what, "up"));
	return NULL;
}

static int link_command(unsigned argc, char *const *argv, struct scenario_step *step, struct err *err)
{
	static const char *const whats[] = { "up", "down", "set", "clear" };
	unsigned i = 0;
	json_t *body;

	while (i < 4 && (!argc || strcmp(argv[0], whats[i]) != 0))
		i++;
	if (i == 4)
		return err_set(err, -EINVAL, "'%.48s' is none of down, up, set and clear",
			       argc ? argv[0] : "");
	if (argc < 2)
		return err_set(err, -EINVAL, "the link is missing: NODE:PORT, as in r1:eth1");
	if (!is_end(argv[1]))
		return err_set(err, -EINVAL, "'%.48s' is not NODE:PORT, as in r1:eth1", argv[1]);
	body = link_body(argc, argv, err);
	if (!body)
		return -EINVAL;
	step->body = json_dumps(body, JSON_COMPACT);
	json_decref(body);
	step->target = strdup(argv[1]);
	if (!step->body || !step->target || asprintf(&step->path, "links/%s", argv[1]) < 0)
		return err_sys(err, -ENOMEM, "link");
	return 0;
}

int scenario_command(unsigned argc, char *const *argv, struct scenario_step *step, struct err *err)
{
	const char *verb = argc ? argv[0] : "";
	bool node = !strcmp(verb, "restart");

	if (!strcmp(verb, "link"))
		return link_command(argc - 1, argv + 1, step, err);
	if (!node && strcmp(verb, "pause") != 0 && strcmp(verb, "hibernate") != 0 &&
	    strcmp(verb, "resume") != 0)
		return err_set(err, -EINVAL, "'%.48s' is none of link, restart, pause, hibernate and resume",
			       verb);
	if (argc < 1u + node)
		return err_set(err, -EINVAL, "restart of which node?");
	if (argc > 1u + node)
		return err_set(err, -EINVAL, "'%.48s' is one argument too many", argv[1 + node]);
	if (node && !is_name(argv[1], strlen(argv[1])))
		return err_set(err, -EINVAL, "'%.48s' cannot be a node's name", argv[1]);
	if (node)
		step->target = strdup(argv[1]);
	if ((node && !step->target) ||
	    (node ? asprintf(&step->path, "nodes/%s/restart", argv[1]) :
		    asprintf(&step->path, "%s", verb)) < 0)
		return err_sys(err, -ENOMEM, "%s", verb);
	return 0;
}
