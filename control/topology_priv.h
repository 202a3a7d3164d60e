/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_TOPOLOGY_PRIV_H
#define CONTROL_TOPOLOGY_PRIV_H

/*
 * The parts of the topology reader. topology_yaml.c turns text into a checked document,
 * topology_images.c reads images.yml, topology_keys.c knows every key of containerlab,
 * topology_node.c, topology_machine.c, topology_link.c and topology_physical.c make nodes and links,
 * topology_impair.c what
 * links do to their frames, topology_mac.c the addresses of their ports, topology_files.c fetches the
 * files.
 */

#include "control/topology.h"

#include <yaml.h>

#define TY_KEYS_MAX 2048 /* of one mapping, with what it merges: doubles are sought in n^2 */

/* One key of a mapping, merge keys resolved. */
struct ty_pair {
	const char *key;
	yaml_node_t *key_node, *value;
};

struct ty_map {
	unsigned count;
	struct ty_pair *pairs;
};

/* Memory that lives as long as the document it was made for. */
struct ty_chunk {
	struct ty_chunk *next;
};

struct ty_doc {
	const char *file; /* name for messages */
	yaml_document_t yaml;
	bool loaded;
	struct ty_chunk *chunks;
	struct err *err;
};

/* Text to a document that is safe to walk: no cycles, bounded depth and size, scalar keys, no
 * key twice, no NUL in scalars. root is its top mapping. Call ty_close() also after a failure. */
int ty_open(struct ty_doc *d, const char *file, const char *text, size_t len, struct err *err,
	    yaml_node_t **root);
void ty_close(struct ty_doc *d);

/* The sentence "FILE:LINE: ..." at node n (NULL: line 1); returns -EINVAL. */
int ty_err(struct ty_doc *d, const yaml_node_t *n, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
unsigned ty_line(const yaml_node_t *n);
/* What is no UTF-8, or not of one line, becomes '?': a cut may have split a character. */
void ty_one_line(char *text);
bool ty_is_line(const char *text); /* has nothing of that */

yaml_node_t *ty_node(struct ty_doc *d, int id);
bool ty_is_null(const yaml_node_t *n); /* NULL, "~", "null", nothing */
/* The mapping at n with its merge keys resolved; null is an empty mapping. */
int ty_map(struct ty_doc *d, yaml_node_t *n, const char *what, struct ty_map *out);
const struct ty_pair *ty_find(const struct ty_map *m, const char *key);
int ty_text(struct ty_doc *d, yaml_node_t *n, const char *what, const char **out);
int ty_list(struct ty_doc *d, yaml_node_t *n, const char *what, unsigned *count);
yaml_node_t *ty_item(struct ty_doc *d, yaml_node_t *n, unsigned i);
/* A decimal number without sign, in [min, max]. */
int ty_number(struct ty_doc *d, yaml_node_t *n, const char *what, unsigned min, unsigned max,
	      unsigned *out);

/* What Weft does with a key of containerlab. */
enum key_use { KEY_SERVED, KEY_WARN, KEY_REFUSED };

struct key_rule {
	const char *key;
	enum key_use use;
	const char *why; /* for KEY_WARN and KEY_REFUSED; begins a sentence's second half */
};

enum key_place {
	KEYS_TOP,
	KEYS_TOPOLOGY,
	KEYS_NODE,
	KEYS_LINK,
	KEYS_ENDPOINT,
	KEYS_WEFT_TOP,
	KEYS_WEFT_NODE,
	KEYS_WEFT_LINK,
	KEYS_IMPAIR,
	KEYS_IMAGE_RULE,
	KEYS_PLACES,
};

const struct key_rule *key_rules(enum key_place place, unsigned *count);
const char *key_place_name(enum key_place place);
#define KEY_TYPO_MAX 2 /* further away is another word, not a typo */

/* Of candidate and best so far (NULL: none), the one nearer to word by edit distance *distance. */
const char *key_nearer(const char *candidate, const char *word, const char *nearest,
		       unsigned *distance);
/* The word of words nearest to word by edit distance, or NULL when none is near. */
const char *key_nearest(const struct key_rule *rules, unsigned count, const char *word);

struct image_rule {
	const char *match; /* fnmatch(3) */
	const char *guest; /* NULL: a host */
};

struct image_rules {
	struct ty_doc doc;
	unsigned count;
	struct image_rule *rules;
};

/* Reads images.yml; call images_fini() also after a failure. */
int images_init(struct image_rules *r, const char *text, struct err *err);
void images_fini(struct image_rules *r);
const struct image_rule *images_find(const struct image_rules *r, const char *image);

/* What a load has in hand. */
struct loader {
	const struct topology_conf *conf;
	struct ty_doc doc;
	struct image_rules images;
	struct topology *t;
	struct hash_map *macs; /* all MAC addresses so far, to port_id() */
	unsigned *islands; /* by node: towards the one that stands for all bridges it is joined to */
	size_t bytes; /* of strings and files so far, against TOPOLOGY_BYTES_MAX */
	struct ty_map defaults, kinds, groups, nodes;
	struct err *err;
};

#define LAYERS 4 /* defaults, kind, group, node */

int loader_warn(struct loader *l, const yaml_node_t *n, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Warns or fails for each key of m that Weft does not serve at this place. */
int loader_check_keys(struct loader *l, const struct ty_map *m, enum key_place place);
/* A copy of len bytes (and a 0), counted; NULL: err is set. */
char *loader_copy(struct loader *l, const yaml_node_t *n, const void *bytes, size_t len);
int loader_append(struct loader *l, const yaml_node_t *n, struct topology_string_list *list,
		  const char *text);
/* A name for a vnet or node. */
int loader_name(struct loader *l, const yaml_node_t *n, const char *what, const char *name);

/* The value of key nearest to the node, or NULL. Null and "" are no values. */
const struct ty_pair *loader_inherited(const struct ty_map *layers, const char *key);

int loader_nodes(struct loader *l);
int loader_machine(struct loader *l, struct topology_node *node, const struct ty_map *layers);
int loader_links(struct loader *l, yaml_node_t *links);
/* topology_physical.c: the node of physical ports, which comes with the first link at one; its index. */
unsigned loader_add_physical(struct loader *l, const yaml_node_t *at);
int loader_check_slice(struct loader *l, const yaml_node_t *at, const char *text);
/* guarantee and ceiling of a link at a physical port. */
int loader_share(struct loader *l, const struct ty_map *m, struct topology_link *link);
/* What the link does to its frames; its ends are there. */
int loader_impair(struct loader *l, yaml_node_t *weft, struct topology_link *link);
/* The MAC address that the text at n gives to port, an end of links[link_count]. */
int loader_give_mac(struct loader *l, const yaml_node_t *n, const char *text,
		    const struct topology_node *node, struct topology_port *port, unsigned side);
/* Makes a MAC address for each port that was given none. */
int loader_make_macs(struct loader *l);
/* binds and startup-config of a router; layers as above, by inheritance. */
int loader_files(struct loader *l, struct topology_node *node, const struct ty_map *layers);

void string_list_free(struct topology_string_list *list);

#endif
