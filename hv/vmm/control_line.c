/* SPDX-License-Identifier: Apache-2.0 */
/* The commands of the control socket. */
#include "hv/vmm/control_priv.h"

#include <errno.h>
#include <event2/buffer.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Each returns its result, or NULL with a sentence. */
typedef json_t *(*command)(struct vmm *m, const json_t *args, struct err *err);

static json_t *nic_status(struct vmm *m, unsigned nic)
{
	struct virtio_net_status s = { 0 };
	const char *name;
	uint64_t value;
	json_t *o;

	vmm_nic_status(m, nic, &s);
	o = json_pack("{s:s, s:b, s:i}", "backend", s.backend, "link", s.link, "queues", (int)s.pairs);
	for (unsigned i = 0; vmm_nic_counter(m, nic, i, &name, &value); i++)
		json_object_set_new(o, name, json_integer((json_int_t)value));
	return o;
}

static json_t *status(struct vmm *m, const json_t *args, struct err *err)
{
	struct vmm_status s;
	json_t *nics = json_array();

	vmm_status(m, &s);
	for (unsigned i = 0; i < s.nic_count; i++)
		json_array_append_new(nics, nic_status(m, i));
	return json_pack("{s:s, s:s, s:I, s:i, s:i, s:I, s:o}", "name", s.name, "state",
			 s.end ? vmm_end_name(s.end) : s.running ? "running" :
			 s.started ? "paused" : "created", "instant_us",
			 (json_int_t)s.instant_us, "memory_mib", (int)s.memory_mib, "cpus",
			 (int)s.cpus, "exits", (json_int_t)s.exits, "nics", nics);
}

static json_t *start(struct vmm *m, const json_t *args, struct err *err)
{
	struct vmm_status s;

	vmm_status(m, &s);
	if (s.started) {
		err_set(err, -EALREADY, "it was started already; resume lets a paused machine go on");
		return NULL;
	}
	vmm_run(m);
	return json_object();
}

static json_t *instant(struct vmm *m)
{
	struct vmm_status s;

	vmm_status(m, &s);
	return json_pack("{s:I}", "instant_us", (json_int_t)s.instant_us);
}

static json_t *resume(struct vmm *m, const json_t *args, struct err *err)
{
	vmm_run(m);
	return instant(m);
}

static json_t *pause_(struct vmm *m, const json_t *args, struct err *err)
{
	vmm_pause(m);
	return instant(m);
}

static json_t *stop(struct vmm *m, const json_t *args, struct err *err)
{
	vmm_stop(m);
	return json_object();
}

static json_t *carrier(struct vmm *m, const json_t *args, struct err *err)
{
	const json_t *nic = json_object_get(args, "nic"), *up = json_object_get(args, "up");

	if (!json_is_integer(nic) || !json_is_boolean(up)) {
		err_set(err, -EINVAL, "carrier needs \"nic\" (a number) and \"up\" (true or false)");
		return NULL;
	}
	if (json_integer_value(nic) < 0 || json_integer_value(nic) >= VMM_NICS_MAX ||
	    vmm_carrier(m, (unsigned)json_integer_value(nic), json_is_true(up)) < 0) {
		err_set(err, -ENOENT, "there is no NIC %lld", (long long)json_integer_value(nic));
		return NULL;
	}
	return json_object();
}

static json_t *console(struct vmm *m, const json_t *args, struct err *err)
{
	return json_object(); /* the rest is the connection's */
}

static const struct {
	const char *name;
	command run;
} commands[] = {
	{ "status", status }, { "start", start }, { "pause", pause_ },	   { "resume", resume },
	{ "stop", stop },     { "carrier", carrier }, { "console", console },
};

static command find(const char *name)
{
	for (unsigned i = 0; name && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].name, name) == 0)
			return commands[i].run;
	return NULL;
}

static void put(struct evbuffer *out, json_t *o)
{
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

	if (text)
		evbuffer_add_printf(out, "%s\n", text);
	free(text);
	json_decref(o);
}

enum control_next control_line(struct vmm *m, const char *line, size_t len, struct evbuffer *out)
{
	json_t *o = json_loadb(line, len, JSON_REJECT_DUPLICATES, NULL), *result = NULL, *id;
	const char *name = json_string_value(json_object_get(o, "command"));
	command run = find(name);
	struct err err = { "" };

	if (!json_is_object(o)) {
		json_decref(o);
		return CONTROL_CLOSE;
	}
	if (run)
		result = run(m, o, &err);
	else
		err_set(&err, -EINVAL, "no such command; there are status, start, pause, resume, stop, "
			"carrier and console");
	id = json_incref(json_object_get(o, "id"));
	json_decref(o);
	put(out, result ? json_pack("{s:o*, s:o}", "id", id, "result", result) :
			  json_pack("{s:o*, s:s}", "id", id, "error", err.text));
	return result && run == console ? CONTROL_CONSOLE : CONTROL_GO_ON;
}

void control_event(enum vmm_end end, const char *why, struct evbuffer *out)
{
	put(out, json_pack("{s:s, s:s, s:s}", "event", "ended", "reason", vmm_end_name(end), "why", why));
}
