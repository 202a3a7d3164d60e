/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every key of a containerlab topology, and what Weft does with it. A key that would change the
 * experiment and is not served is refused; one that would not is named in a warning.
 */
#include "control/topology_priv.h"

#include <string.h>

#define N(a) (sizeof(a) / sizeof((a)[0]))

static const struct key_rule top_rules[] = {
	{"name", KEY_SERVED, NULL},
	{"topology", KEY_SERVED, NULL},
	{"weft", KEY_SERVED, NULL},
	{"prefix", KEY_WARN, "has no effect: nodes have no container names"},
	{"mgmt", KEY_WARN, "has no effect: there is no management network"},
	{"settings", KEY_WARN, "has no effect: no certificates are made"},
	{"debug", KEY_WARN, "has no effect"},
};

static const struct key_rule topology_rules[] = {
	{"defaults", KEY_SERVED, NULL}, {"kinds", KEY_SERVED, NULL}, {"groups", KEY_SERVED, NULL},
	{"nodes", KEY_SERVED, NULL},	{"links", KEY_SERVED, NULL},
};

static const struct key_rule node_rules[] = {
	{"kind", KEY_SERVED, NULL},
	{"group", KEY_SERVED, NULL},
	{"image", KEY_SERVED, NULL},
	{"startup-config", KEY_SERVED, NULL},
	{"binds", KEY_SERVED, NULL},
	{"exec", KEY_SERVED, NULL},
	{"env", KEY_SERVED, NULL},
	{"labels", KEY_SERVED, NULL},
	{"cpu", KEY_SERVED, NULL},
	{"memory", KEY_SERVED, NULL},
	{"network-mode", KEY_SERVED, NULL}, /* "none" only: see topology_node.c */
	{"weft", KEY_SERVED, NULL},
	{"image-pull-policy", KEY_WARN, "has no effect: images are not pulled"},
	{"restart-policy", KEY_WARN, "has no effect: a guest that dies is always restarted"},
	{"auto-remove", KEY_WARN, "has no effect: nodes leave with their vnet"},
	{"ports", KEY_WARN, "has no effect: ports are not published on this machine"},
	{"publish", KEY_WARN, "has no effect: ports are not published"},
	{"mgmt-ipv4", KEY_WARN, "has no effect: there is no management network"},
	{"mgmt-ipv6", KEY_WARN, "has no effect: there is no management network"},
	{"mgmt_ipv4", KEY_WARN, "has no effect: there is no management network"},
	{"mgmt_ipv6", KEY_WARN, "has no effect: there is no management network"},
	{"runtime", KEY_WARN, "has no effect: routers are virtual machines"},
	{"sandbox", KEY_WARN, "has no effect: routers are virtual machines"},
	{"cpu-set", KEY_WARN, "has no effect: guests are not pinned to CPUs"},
	{"shm-size", KEY_WARN, "has no effect: a guest has memory of its own"},
	{"cap-add", KEY_WARN, "has no effect: a guest's root has every capability"},
	{"certificate", KEY_WARN, "has no effect: no certificates are made"},
	{"SANs", KEY_WARN, "has no effect: no certificates are made"},
	{"healthcheck", KEY_WARN, "has no effect: use `weft inspect`"},
	{"position", KEY_WARN, "has no effect: it is for drawings"},
	{"type", KEY_REFUSED, "is not served: no served kind has types"},
	{"license", KEY_REFUSED, "is not served: no served kind takes a license"},
	{"components", KEY_REFUSED, "is not served: no served kind has line cards"},
	{"kernel", KEY_REFUSED, "is not served: a guest boots the kernel of its image"},
	{"cmd", KEY_REFUSED, "is not served: a guest runs what its image runs; use exec"},
	{"entrypoint", KEY_REFUSED, "is not served: a guest runs what its image runs; use exec"},
	{"user", KEY_REFUSED, "is not served: exec runs as root"},
	{"env-files", KEY_REFUSED, "is not served: write the variables under env"},
	{"sysctls", KEY_REFUSED, "is not served: write \"sysctl -w KEY=VALUE\" under exec"},
	{"startup-delay", KEY_REFUSED, "is not served: nodes start at once"},
	{"wait-for", KEY_REFUSED, "is not served: nodes start at once"},
	{"stages", KEY_REFUSED, "is not served: nodes start at once; use exec"},
	{"enforce-startup-config", KEY_REFUSED,
	 "is not served: a guest always starts from the files of the topology"},
	{"suppress-startup-config", KEY_REFUSED, "is not served: leave startup-config out"},
	{"config", KEY_REFUSED, "is not served: write the configuration into a file under binds"},
	{"dns", KEY_REFUSED, "is not served: bind an /etc/resolv.conf"},
	{"aliases", KEY_REFUSED, "is not served: there is no name service among nodes"},
	{"devices", KEY_REFUSED, "is not served: guests get no devices of this machine"},
	{"extras", KEY_REFUSED, "is not served: it is for kinds that Weft does not have"},
	{"credentials", KEY_REFUSED, "is not served: `weft exec` needs none"},
};

static const struct key_rule link_rules[] = {
	{"endpoints", KEY_SERVED, NULL},
	{"type", KEY_SERVED, NULL},
	{"mtu", KEY_SERVED, NULL},
	{"weft", KEY_SERVED, NULL},
	{"labels", KEY_WARN, "has no effect on links"},
	{"vars", KEY_WARN, "has no effect: configurations are not generated"},
	{"ipv4", KEY_REFUSED, "is not served: give addresses in the configuration or under exec"},
	{"ipv6", KEY_REFUSED, "is not served: give addresses in the configuration or under exec"},
	{"endpoint", KEY_REFUSED, "is not served: a veth link has endpoints, two of them"},
	{"host-interface", KEY_REFUSED, "is not served: links join nodes of this topology"},
	{"mode", KEY_REFUSED, "is not served: it belongs to macvlan links"},
	{"remote", KEY_REFUSED, "is not served: links join nodes of this topology"},
	{"vni", KEY_REFUSED, "is not served: links join nodes of this topology"},
	{"udp-port", KEY_REFUSED, "is not served: links join nodes of this topology"},
};

static const struct key_rule endpoint_rules[] = {
	{"node", KEY_SERVED, NULL},
	{"interface", KEY_SERVED, NULL},
	{"mac", KEY_SERVED, NULL},
	{"vars", KEY_WARN, "has no effect: configurations are not generated"},
	{"ipv4", KEY_REFUSED, "is not served: give addresses in the configuration or under exec"},
	{"ipv6", KEY_REFUSED, "is not served: give addresses in the configuration or under exec"},
};

static const struct key_rule weft_top_rules[] = {
	{"weight", KEY_SERVED, NULL},
	{"guarantee", KEY_SERVED, NULL},
	{"seed", KEY_SERVED, NULL},
};

static const struct key_rule weft_node_rules[] = {
	{"attachment", KEY_SERVED, NULL},
	{"boot", KEY_SERVED, NULL},
	{"fib-routes", KEY_SERVED, NULL},
	{"hugepages", KEY_SERVED, NULL},
	{"intake", KEY_SERVED, NULL},
	{"spare-nics", KEY_SERVED, NULL},
};

static const struct key_rule weft_link_rules[] = {
	{"from", KEY_SERVED, NULL},	 {"delay", KEY_SERVED, NULL},  {"jitter", KEY_SERVED, NULL},
	{"loss", KEY_SERVED, NULL},	 {"burst", KEY_SERVED, NULL},  {"gemodel", KEY_SERVED, NULL},
	{"rate", KEY_SERVED, NULL},	 {"limit", KEY_SERVED, NULL},  {"corrupt", KEY_SERVED, NULL},
	{"duplicate", KEY_SERVED, NULL}, {"reorder", KEY_SERVED, NULL}, {"seed", KEY_SERVED, NULL},
};

static const struct key_rule image_rule_rules[] = {
	{"match", KEY_SERVED, NULL},
	{"guest", KEY_SERVED, NULL},
	{"host", KEY_SERVED, NULL},
};

static const struct {
	const struct key_rule *rules;
	unsigned count;
	const char *name;
} places[KEYS_PLACES] = {
	[KEYS_TOP] = {top_rules, N(top_rules), "at the top"},
	[KEYS_TOPOLOGY] = {topology_rules, N(topology_rules), "under topology"},
	[KEYS_NODE] = {node_rules, N(node_rules), "of a node"},
	[KEYS_LINK] = {link_rules, N(link_rules), "of a link"},
	[KEYS_ENDPOINT] = {endpoint_rules, N(endpoint_rules), "of an endpoint"},
	[KEYS_WEFT_TOP] = {weft_top_rules, N(weft_top_rules), "under weft at the top"},
	[KEYS_WEFT_NODE] = {weft_node_rules, N(weft_node_rules), "under weft of a node"},
	[KEYS_WEFT_LINK] = {weft_link_rules, N(weft_link_rules), "under weft of a link"},
	/* All but the first: a direction has no directions. */
	[KEYS_IMPAIR] = {weft_link_rules + 1, N(weft_link_rules) - 1, "under from of a link"},
	[KEYS_IMAGE_RULE] = {image_rule_rules, N(image_rule_rules), "of an image rule"},
};

const struct key_rule *key_rules(enum key_place place, unsigned *count)
{
	*count = places[place].count;
	return places[place].rules;
}

const char *key_place_name(enum key_place place)
{
	return places[place].name;
}

#define WORD_MAX 24

/* Levenshtein distance; both at most WORD_MAX long. */
static unsigned edits(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	unsigned row[WORD_MAX + 1];

	for (unsigned j = 0; j <= lb; j++)
		row[j] = j;
	for (unsigned i = 1; i <= la; i++) {
		unsigned diagonal = row[0];

		row[0] = i;
		for (unsigned j = 1; j <= lb; j++) {
			unsigned best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[lb];
}

static size_t common_prefix(const char *a, const char *b)
{
	size_t n = 0;

	while (a[n] && a[n] == b[n])
		n++;
	return n;
}

const char *key_nearer(const char *candidate, const char *word, const char *nearest,
		       unsigned *distance)
{
	unsigned d;

	if (strlen(candidate) > WORD_MAX || strlen(word) > WORD_MAX)
		return nearest;
	d = edits(word, candidate);
	if (d >= strlen(word) || d > *distance)
		return nearest;
	/* "bind" is as near to "kind" as to "binds": people get the beginning right */
	if (d == *distance &&
	    (!nearest || common_prefix(word, candidate) <= common_prefix(word, nearest)))
		return nearest;
	*distance = d;
	return candidate;
}

const char *key_nearest(const struct key_rule *rules, unsigned count, const char *word)
{
	unsigned distance = KEY_TYPO_MAX + 1;
	const char *nearest = NULL;

	for (unsigned i = 0; i < count; i++)
		if (rules[i].use == KEY_SERVED)
			nearest = key_nearer(rules[i].key, word, nearest, &distance);
	return nearest;
}
