/* SPDX-License-Identifier: Apache-2.0 */
#include "control/ports_yml.h"

#include "control/topology_priv.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USERS_MAX 256

const char *const ports_driver_names[] = {
	[PORTS_DPDK] = "dpdk", [PORTS_AF_XDP] = "af_xdp", [PORTS_AF_PACKET] = "af_packet"
};

static bool is_graph(const char *text)
{
	while (isgraph((unsigned char)*text))
		text++;
	return !*text;
}

/* "0000:03:00.0" at the beginning of a device string, which is that of a PCI device then. */
static size_t pci_len(const char *device)
{
	static const char form[] = "xxxx:xx:xx.x";
	size_t i = 0;

	for (; form[i]; i++)
		if (form[i] == 'x' ? !isxdigit((unsigned char)device[i]) : device[i] != form[i])
			return 0;
	return !device[i] || device[i] == ',' ? i : 0;
}

static int read_device(struct ty_doc *d, const struct ty_pair *p, struct ports_conf *port)
{
	const char *text;
	int rc = ty_text(d, p->value, "device", &text);

	if (rc)
		return rc;
	if (!*text || strlen(text) >= PORTS_DEVICE_MAX || !is_graph(text))
		return ty_err(d, p->value, "device \"%.40s\" is no device string of DPDK's, of %d characters at "
			      "most and no blanks", text, PORTS_DEVICE_MAX - 1);
	if (!strncmp(text, "net_vhost", strlen("net_vhost")))
		return ty_err(d, p->value, "device: net_vhost is for guests");
	snprintf(port->device, sizeof(port->device), "%s", text);
	snprintf(port->pci, sizeof(port->pci), "%.*s", (int)pci_len(text), text);
	return 0;
}

static int read_interface(struct ty_doc *d, const struct ty_pair *p, struct ports_conf *port)
{
	const char *text;
	int rc = ty_text(d, p->value, "interface", &text);

	if (rc)
		return rc;
	/* What has a comma would be more than a name to DPDK. */
	if (!*text || strlen(text) >= sizeof(port->interface) || !is_graph(text) || strpbrk(text, "/,=:\"'[]"))
		return ty_err(d, p->value, "interface \"%.40s\" is no name of an interface", text);
	snprintf(port->interface, sizeof(port->interface), "%s", text);
	port->driver = PORTS_AF_XDP;
	return 0;
}

static int read_driver(struct ty_doc *d, const struct ty_pair *p, struct ports_conf *port)
{
	const char *text;
	int rc = ty_text(d, p->value, "driver", &text);

	if (rc)
		return rc;
	for (enum ports_driver i = PORTS_AF_XDP; i <= PORTS_AF_PACKET; i++)
		if (!strcmp(text, ports_driver_names[i])) {
			port->driver = i;
			return 0;
		}
	return ty_err(d, p->value, "driver \"%.40s\" is neither af_xdp nor af_packet", text);
}

static int read_users(struct ty_doc *d, const struct ty_pair *p, struct ports_conf *port)
{
	struct topology_string_list *list = &port->users;
	unsigned count;
	int rc = ty_list(d, p->value, "users", &count);

	if (!rc && count > USERS_MAX)
		rc = ty_err(d, p->value, "%u users, the limit is %d", count, USERS_MAX);
	if (rc)
		return rc;
	list->items = calloc(count + 1, sizeof(list->items[0]));
	if (!list->items)
		return err_set(d->err, -ENOMEM, "%s: out of memory", d->file);
	for (unsigned i = 0; !rc && i < count; i++) {
		yaml_node_t *item = ty_item(d, p->value, i);
		const char *text;

		rc = ty_text(d, item, "a user", &text);
		if (!rc && (!*text || strlen(text) >= TOPOLOGY_NAME_MAX || !is_graph(text)))
			rc = ty_err(d, item, "\"%.40s\" is no name of a user", text);
		if (!rc && !(list->items[list->count++] = strdup(text)))
			rc = err_set(d->err, -ENOMEM, "%s: out of memory", d->file);
	}
	return rc;
}

static int read_rate(struct ty_doc *d, const struct ty_pair *p, struct ports_conf *port)
{
	const char *text;
	int rc = ty_text(d, p->value, "rate", &text);

	if (!rc && !impairment_rate(text, &port->rate))
		rc = ty_err(d, p->value, "rate \"%.32s\" is not a rate such as \"10Gbit\", from 8kbit to "
			    "1000Gbit", text);
	return rc;
}

static const struct {
	const char *key;
	int (*read)(struct ty_doc *d, const struct ty_pair *p, struct ports_conf *port);
} keys[] = { /* driver behind interface, which says what it is unless told */
	{ "device", read_device }, { "interface", read_interface }, { "driver", read_driver },
	{ "rate", read_rate },	   { "users", read_users },
};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

static int check_keys(struct ty_doc *d, const struct ty_map *m)
{
	for (unsigned i = 0; i < m->count; i++) {
		unsigned k = 0;

		while (k < KEYS && strcmp(keys[k].key, m->pairs[i].key) != 0)
			k++;
		if (k == KEYS)
			return ty_err(d, m->pairs[i].key_node, "key \"%.64s\" is not one of a port: device, "
				      "interface, driver, rate, users", m->pairs[i].key);
	}
	return 0;
}

static int read_port(struct ty_doc *d, const struct ty_pair *pair, struct ports_conf *port)
{
	const struct ty_pair *device, *interface, *driver;
	struct ty_map m;
	uint16_t vlan;
	int rc;

	port->line = ty_line(pair->key_node);
	if (!topology_slice(pair->key, port->name, &vlan) || vlan)
		return ty_err(d, pair->key_node, "\"%.40s\" is no name of a port: a-z or 0-9, then a-z 0-9 - _, "
			      "%d characters at most", pair->key, TOPOLOGY_PHYS_MAX - 1);
	rc = ty_map(d, pair->value, "a port", &m);
	if (!rc)
		rc = check_keys(d, &m);
	if (rc)
		return rc;
	device = ty_find(&m, "device");
	interface = ty_find(&m, "interface");
	driver = ty_find(&m, "driver");
	if (!device == !interface)
		return ty_err(d, pair->key_node, "port %s has either a device of DPDK's or an interface of the "
			      "kernel's", port->name);
	if (device && driver)
		return ty_err(d, driver->key_node, "driver: it is of an interface");
	for (unsigned k = 0; !rc && k < KEYS; k++) {
		const struct ty_pair *p = ty_find(&m, keys[k].key);

		if (p)
			rc = keys[k].read(d, p, port);
	}
	return rc;
}

/* Two ports that are one would have each slice twice. */
static int check_double(struct ty_doc *d, const struct ty_pair *pair, const struct ports_yml *yml)
{
	const struct ports_conf *port = &yml->ports[yml->count - 1];

	for (unsigned i = 0; i + 1 < yml->count; i++) {
		const struct ports_conf *other = &yml->ports[i];

		if (!strcmp(other->device, port->device) && !strcmp(other->interface, port->interface))
			return ty_err(d, pair->key_node, "port %s is port %s of line %u", port->name, other->name,
				      other->line);
	}
	return 0;
}

/* As many as the engine is started with. */
static int check_pci(struct ty_doc *d, const struct ty_pair *pair, const struct ports_yml *yml)
{
	unsigned n = 0;

	for (unsigned i = 0; i < yml->count; i++)
		n += yml->ports[i].pci[0] != 0;
	return n > DP_PCI_MAX ? ty_err(d, pair->key_node, "more than %d PCI devices", DP_PCI_MAX) : 0;
}

static int read_top(struct ty_doc *d, yaml_node_t *root, struct ports_yml *yml)
{
	struct ty_map top, ports = { 0 };
	int rc = ty_map(d, root, "ports.yml", &top);

	for (unsigned i = 0; !rc && i < top.count; i++)
		rc = strcmp(top.pairs[i].key, "ports") != 0 ?
			     ty_err(d, top.pairs[i].key_node, "key \"%.64s\" is unknown: there is only \"ports\"",
				    top.pairs[i].key) :
			     ty_map(d, top.pairs[i].value, "ports", &ports);
	if (!rc && ports.count > PORTS_MAX)
		rc = ty_err(d, root, "%u ports, the limit is %d", ports.count, PORTS_MAX);
	if (rc)
		return rc;
	yml->ports = calloc(ports.count + 1, sizeof(yml->ports[0]));
	if (!yml->ports)
		return err_set(d->err, -ENOMEM, "%s: out of memory", d->file);
	for (unsigned i = 0; !rc && i < ports.count; i++) {
		rc = read_port(d, &ports.pairs[i], &yml->ports[yml->count++]);
		if (!rc)
			rc = check_double(d, &ports.pairs[i], yml);
		if (!rc)
			rc = check_pci(d, &ports.pairs[i], yml);
	}
	return rc;
}

int ports_yml_load(const char *file, const char *text, size_t len, struct ports_yml *out, struct err *err)
{
	struct ports_yml yml = { 0 };
	struct ty_doc d = { 0 };
	yaml_node_t *root;
	int rc = ty_open(&d, file, text, len, err, &root);

	if (!rc)
		rc = read_top(&d, root, &yml);
	ty_close(&d);
	if (rc)
		ports_yml_free(&yml);
	else
		*out = yml;
	return rc;
}

void ports_yml_free(struct ports_yml *yml)
{
	for (unsigned i = 0; i < yml->count; i++)
		string_list_free(&yml->ports[i].users);
	free(yml->ports);
	*yml = (struct ports_yml){ 0 };
}

const struct ports_conf *ports_yml_find(const struct ports_yml *yml, const char *name)
{
	for (unsigned i = 0; i < yml->count; i++)
		if (!strcmp(yml->ports[i].name, name))
			return &yml->ports[i];
	return NULL;
}

bool ports_allows(const struct ports_conf *p, const char *owner)
{
	for (unsigned i = 0; owner && i < p->users.count; i++)
		if (!strcmp(p->users.items[i], owner))
			return true;
	return !owner;
}
