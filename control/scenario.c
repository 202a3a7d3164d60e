/* SPDX-License-Identifier: Apache-2.0 */
#include "control/scenario.h"

#include "control/impairment.h"
#include "control/topology_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The words of text, which is cut apart. More than max: max + 1. */
static unsigned split(char *text, char **words, unsigned max)
{
	unsigned n = 0;
	char *rest = text;

	for (char *word; (word = strtok_r(rest, " \t\n", &rest));) {
		if (n == max)
			return max + 1;
		words[n++] = word;
	}
	return n;
}

static int read_command(struct ty_doc *d, yaml_node_t *at, struct scenario_step *step)
{
	char *words[SCENARIO_WORDS_MAX], *copy;
	const char *text;
	struct err err;
	unsigned n;
	int rc = ty_text(d, at, "a command", &text);

	if (rc)
		return rc;
	step->text = strdup(text);
	copy = strdup(text);
	if (!copy || !step->text) {
		free(copy);
		return err_set(d->err, -ENOMEM, "%s: out of memory", d->file);
	}
	n = split(copy, words, SCENARIO_WORDS_MAX);
	if (n > SCENARIO_WORDS_MAX)
		rc = err_set(&err, -EINVAL, "more than %d words", SCENARIO_WORDS_MAX);
	else
		rc = scenario_command(n, words, step, &err);
	free(copy);
	return rc ? ty_err(d, at, "%s", err.text) : 0;
}

/* TIME: COMMAND */
static int read_step(struct ty_doc *d, yaml_node_t *n, struct scenario *s)
{
	struct scenario_step *step = &s->steps[s->count];
	struct ty_map m;
	double ns;
	int rc = ty_map(d, n, "a step", &m);

	if (rc)
		return rc;
	if (m.count != 1)
		return ty_err(d, n, "a step is one TIME: COMMAND, as in \"- 5s: link down r1:eth1\"");
	if (!impairment_time(m.pairs[0].key, &ns) || ns > SCENARIO_HOURS_MAX * 3600e9)
		return ty_err(d, m.pairs[0].key_node, "\"%.48s\" is not a time such as \"5s\", up to %d "
			      "hours", m.pairs[0].key, SCENARIO_HOURS_MAX);
	step->at = ns / 1e9;
	step->line = ty_line(n);
	if (s->count && step->at < s->steps[s->count - 1].at)
		return ty_err(d, n, "%s is before the step of line %u", m.pairs[0].key,
			      s->steps[s->count - 1].line);
	s->count++; /* also what is not whole is to be freed */
	return read_command(d, m.pairs[0].value, step);
}

static int read_scenario(struct ty_doc *d, yaml_node_t *root, struct scenario *s)
{
	const struct ty_pair *vnet, *steps;
	const char *name;
	struct ty_map m;
	unsigned count;
	int rc = ty_map(d, root, "a scenario", &m);

	if (rc)
		return rc;
	vnet = ty_find(&m, "vnet");
	steps = ty_find(&m, "steps");
	for (unsigned i = 0; i < m.count; i++)
		if (&m.pairs[i] != vnet && &m.pairs[i] != steps)
			return ty_err(d, m.pairs[i].key_node, "key \"%.48s\" is unknown: a scenario has vnet "
				      "and steps", m.pairs[i].key);
	if (!vnet || !steps)
		return ty_err(d, root, "a scenario has vnet and steps");
	rc = ty_text(d, vnet->value, "vnet", &name);
	if (!rc && (strlen(name) >= sizeof(s->vnet) || !*name || strspn(name, "-_.") ||
		    strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") !=
			    strlen(name)))
		rc = ty_err(d, vnet->value, "\"%.48s\" cannot be a vnet's name", name);
	if (!rc)
		rc = ty_list(d, steps->value, "steps", &count);
	if (rc)
		return rc;
	strcpy(s->vnet, name);
	if (count > SCENARIO_STEPS_MAX)
		return ty_err(d, steps->value, "%u steps, the limit is %d", count, SCENARIO_STEPS_MAX);
	s->steps = calloc(count + 1, sizeof(s->steps[0]));
	if (!s->steps)
		return err_set(d->err, -ENOMEM, "%s: out of memory", d->file);
	for (unsigned i = 0; !rc && i < count; i++)
		rc = read_step(d, ty_item(d, steps->value, i), s);
	return rc;
}

int scenario_load(const char *file, const char *text, size_t len, struct scenario **out,
		  struct err *err)
{
	struct scenario *s = calloc(1, sizeof(*s));
	struct ty_doc d = { .file = file, .err = err };
	yaml_node_t *root;
	int rc;

	if (!s)
		return err_set(err, -ENOMEM, "%s: out of memory", file);
	rc = ty_open(&d, file, text, len, err, &root);
	if (!rc)
		rc = read_scenario(&d, root, s);
	ty_close(&d);
	if (rc) {
		ty_one_line(err->text);
		scenario_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

void scenario_free(struct scenario *s)
{
	if (!s)
		return;
	for (unsigned i = 0; i < s->count; i++) {
		free(s->steps[i].text);
		free(s->steps[i].target);
		free(s->steps[i].path);
		free(s->steps[i].body);
	}
	free(s->steps);
	free(s);
}
