/* SPDX-License-Identifier: Apache-2.0 */
#include "vrouter/vrouter_conf_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* All parts are in one chain, so that they are freed without knowing which is which. */
struct part {
	struct part *next;
	max_align_t bytes[];
};

struct copy {
	struct vrouter_conf conf; /* first */
	struct part *parts, *nics; /* nics: what changes over its life */
	bool bad;
};

static void *dup_into(struct copy *c, struct part **chain, const void *from, size_t len)
{
	struct part *p = from ? malloc(sizeof(*p) + len) : NULL;

	if (!p) {
		c->bad |= from != NULL;
		return NULL;
	}
	memcpy(p->bytes, from, len);
	p->next = *chain;
	*chain = p;
	return p->bytes;
}

static void *dup_bytes(struct copy *c, const void *from, size_t len)
{
	return dup_into(c, &c->parts, from, len);
}

static const char *dup_text(struct copy *c, const char *text)
{
	return text ? dup_bytes(c, text, strlen(text) + 1) : NULL;
}

static const char *dup_nic_text(struct copy *c, const char *text)
{
	return text ? dup_into(c, &c->nics, text, strlen(text) + 1) : NULL;
}

static void free_parts(struct part *p)
{
	struct part *next;

	for (; p; p = next) {
		next = p->next;
		free(p);
	}
}

static void dup_guest(struct copy *c, struct image_guest *g)
{
	struct image_file *files = dup_bytes(c, g->files, g->file_count * sizeof(*files));
	const char **env = dup_bytes(c, g->env, g->env_count * sizeof(*env));

	for (unsigned i = 0; files && i < g->file_count; i++) {
		files[i].path = dup_text(c, files[i].path);
		files[i].bytes = dup_bytes(c, files[i].bytes, files[i].len);
	}
	for (unsigned i = 0; env && i < g->env_count; i++)
		env[i] = dup_text(c, env[i]);
	g->hostname = dup_text(c, g->hostname);
	g->files = files;
	g->env = env;
}

static void dup_nics(struct copy *c, unsigned count, const struct hv_nic *from,
		     const struct image_nic *as)
{
	struct hv_nic *nics = dup_into(c, &c->nics, from, count * sizeof(*nics));
	struct image_nic *names = dup_into(c, &c->nics, as, count * sizeof(*names));

	for (unsigned i = 0; nics && names && i < count; i++) {
		nics[i].peer = dup_nic_text(c, nics[i].peer);
		nics[i].local = dup_nic_text(c, nics[i].local);
		names[i].name = dup_nic_text(c, names[i].name);
	}
	c->conf.nics = nics;
	c->conf.guest.nics = names;
	c->conf.guest.nic_count = count;
}

int vrouter_conf_set_nics(struct vrouter_conf *conf, unsigned count, const struct hv_nic *nics,
			  const struct image_nic *as)
{
	struct copy *c = (struct copy *)conf, was = *c;

	c->nics = NULL;
	dup_nics(c, count, nics, as);
	if (!c->bad) {
		free_parts(was.nics);
		return 0;
	}
	free_parts(c->nics);
	*c = was;
	return -ENOMEM;
}

struct vrouter_conf *vrouter_conf_copy(const struct vrouter_conf *conf)
{
	struct copy *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->conf = *conf;
	c->conf.name = dup_text(c, conf->name);
	c->conf.dir = dup_text(c, conf->dir);
	c->conf.image = dup_bytes(c, conf->image, sizeof(*conf->image));
	c->conf.sink = dup_bytes(c, conf->sink, sizeof(*conf->sink));
	dup_nics(c, conf->guest.nic_count, conf->nics, conf->guest.nics);
	dup_guest(c, &c->conf.guest);
	if (c->bad) {
		vrouter_conf_free(&c->conf);
		return NULL;
	}
	return &c->conf;
}

void vrouter_conf_free(struct vrouter_conf *conf)
{
	struct copy *c = (struct copy *)conf;

	if (!c)
		return;
	free_parts(c->parts);
	free_parts(c->nics);
	free(c);
}
