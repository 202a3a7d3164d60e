/* SPDX-License-Identifier: Apache-2.0 */
#include "vrouter/vrouter_conf_priv.h"

#include <stdlib.h>
#include <string.h>

/* All parts are in one chain, so that they are freed without knowing which is which. */
struct part {
	struct part *next;
	max_align_t bytes[];
};

struct copy {
	struct vrouter_conf conf; /* first */
	struct part *parts;
	bool bad;
};

static void *dup_bytes(struct copy *c, const void *from, size_t len)
{
	struct part *p = from ? malloc(sizeof(*p) + len) : NULL;

	if (!p) {
		c->bad |= from != NULL;
		return NULL;
	}
	memcpy(p->bytes, from, len);
	p->next = c->parts;
	c->parts = p;
	return p->bytes;
}

static const char *dup_text(struct copy *c, const char *text)
{
	return text ? dup_bytes(c, text, strlen(text) + 1) : NULL;
}

static void dup_guest(struct copy *c, struct image_guest *g)
{
	struct image_nic *nics = dup_bytes(c, g->nics, g->nic_count * sizeof(*nics));
	struct image_file *files = dup_bytes(c, g->files, g->file_count * sizeof(*files));
	const char **env = dup_bytes(c, g->env, g->env_count * sizeof(*env));

	for (unsigned i = 0; nics && i < g->nic_count; i++)
		nics[i].name = dup_text(c, nics[i].name);
	for (unsigned i = 0; files && i < g->file_count; i++) {
		files[i].path = dup_text(c, files[i].path);
		files[i].bytes = dup_bytes(c, files[i].bytes, files[i].len);
	}
	for (unsigned i = 0; env && i < g->env_count; i++)
		env[i] = dup_text(c, env[i]);
	g->hostname = dup_text(c, g->hostname);
	g->nics = nics;
	g->files = files;
	g->env = env;
}

static void dup_nics(struct copy *c, struct vrouter_conf *conf)
{
	struct hv_nic *nics = dup_bytes(c, conf->nics, conf->guest.nic_count * sizeof(*nics));

	for (unsigned i = 0; nics && i < conf->guest.nic_count; i++) {
		nics[i].peer = dup_text(c, nics[i].peer);
		nics[i].local = dup_text(c, nics[i].local);
	}
	conf->nics = nics;
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
	dup_nics(c, &c->conf);
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
	struct part *next;

	if (!c)
		return;
	for (struct part *p = c->parts; p; p = next) {
		next = p->next;
		free(p);
	}
	free(c);
}
