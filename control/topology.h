/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_TOPOLOGY_H
#define CONTROL_TOPOLOGY_H

/*
 * A containerlab topology file, read, inherited (defaults < kinds < groups < node) and checked.
 * The same code runs in `weft` (reads files from disk) and in weftd (reads them from what the
 * client sent): nothing in a topology is trusted.
 */

#include "base/err.h"
#include "control/impairment.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOPOLOGY_NODES_MAX 1024
#define TOPOLOGY_PORTS_MAX 64	/* of one router or host */
#define TOPOLOGY_FILE_MAX  (4u << 20) /* bytes of the file, and of each file it names */
#define TOPOLOGY_BYTES_MAX (64u << 20) /* of all strings and files of one topology */
#define TOPOLOGY_FILES_MAX 256	/* of one router, and below one directory that is bound */
#define TOPOLOGY_NAME_MAX  32	/* vnet, node; [a-z0-9A-Z] then [-_.a-zA-Z0-9]; with the 0 */
#define TOPOLOGY_IFNAME_MAX 16	/* as the kernel */
#define TOPOLOGY_WEIGHT	    100 /* of a vnet that says none */
#define TOPOLOGY_WEIGHT_MAX 1000
#define TOPOLOGY_CORES_MAX  1000
#define TOPOLOGY_FIB_ROUTES 2000000 /* of a router that says nothing: two full tables fit */
#define TOPOLOGY_FIB_ROUTES_MAX 4000000
#define TOPOLOGY_SPARE_NICS 4 /* of a router that says nothing */

enum topology_kind { TOPOLOGY_ROUTER, TOPOLOGY_HOST, TOPOLOGY_BRIDGE };

/* "router", "host", "bridge" */
extern const char *const topology_kind_names[];

/* How a router's routes reach its FIB: from weft-agent in the guest, from zebra by FPM, or not at all. */
enum topology_intake { TOPOLOGY_INTAKE_AGENT, TOPOLOGY_INTAKE_FPM, TOPOLOGY_INTAKE_NONE };

/* "agent", "fpm", "none", NULL */
extern const char *const topology_intake_names[];

struct topology_string_list {
	unsigned count;
	char **items;
};

/* A file of the user that reaches a guest. */
struct topology_file {
	char *source; /* as resolved against the topology's directory: the key for the reader */
	char *target; /* absolute path in the guest */
	unsigned mode;	/* 0755 for scripts and programs ("#!", ELF), 0644 for the rest */
	void *bytes;
	size_t len;
};

struct topology_port {
	char name[TOPOLOGY_IFNAME_MAX];
	unsigned link;	/* index into links */
	uint8_t mac[6]; /* given, or made from the node's and port's names; same in every vnet */
	uint16_t mtu;
};

struct topology_node {
	char name[TOPOLOGY_NAME_MAX];
	unsigned line;
	enum topology_kind kind;
	char kind_name[32];  /* as written: "linux", "bridge" */
	char *image;	     /* as written: "quay.io/frrouting/frr:8.4.1"; may be NULL for bridges */
	char guest_image[32]; /* Weft's image for a router: "frr", "bird"; empty for hosts */
	char group[TOPOLOGY_NAME_MAX];
	unsigned memory_mib; /* 0: the image's default */
	unsigned cpus;	     /* 0: default (1) */
	bool vhost_user;     /* weft: {attachment: vhost-user} */
	bool huge_pages;     /* weft: {hugepages: true}, of one that is attached so */
	bool cold;	     /* weft: {boot: cold} */
	enum topology_intake intake; /* weft: {intake: ...}, of a router */
	unsigned fib_routes; /* weft: {fib-routes: ...}, of a router */
	unsigned spare_nics; /* weft: {spare-nics: ...}, of a router: TOPOLOGY_PORTS_MAX are all at most */
	unsigned file_count;
	struct topology_file *files;
	struct topology_string_list exec;   /* shell command lines */
	struct topology_string_list env;    /* "K=V" */
	struct topology_string_list labels; /* "K=V" */
	unsigned port_count;
	struct topology_port *ports;
};

struct topology_link {
	unsigned line;
	unsigned node[2], port[2]; /* indices */
	uint16_t mtu;		   /* default 1500 */
	struct impairment impair[2]; /* what it does to what each end sends */
};

struct topology {
	char name[TOPOLOGY_NAME_MAX];
	unsigned weight;
	unsigned guarantee; /* 1/1000 of a core */
	unsigned seed;	    /* of links that say none */
	unsigned node_count;
	struct topology_node *nodes;
	unsigned link_count;
	struct topology_link *links;
	struct topology_string_list warnings; /* "FILE:LINE: ...": keys without effect here */
};

/* Fetches a file that the topology names (startup-config, bind source); *bytes is malloc'd. */
typedef int (*topology_reader)(void *arg, const char *path, void **bytes, size_t *len,
			       struct err *err);

/* The regular files below the directory path, as paths relative to it, in the order of strcmp();
 * at most TOPOLOGY_FILES_MAX. -ENOTDIR: path is no directory, err is not set. names is the
 * caller's to free, string by string and items itself, also after a failure. */
typedef int (*topology_lister)(void *arg, const char *path, struct topology_string_list *names,
			       struct err *err);

struct topology_conf {
	const char *file;	/* name for messages and base of relative paths */
	const char *text;
	size_t len;
	const char *images;	/* text of images.yml: patterns to Weft images */
	topology_reader read;
	topology_lister list; /* NULL: binds of directories are refused by the reader */
	void *arg;	      /* for both */
};

/* On failure the sentence is one line, "FILE:LINE: ...", and says what to do. */
int topology_load(const struct topology_conf *conf, struct topology **out, struct err *err);
void topology_free(struct topology *t);

/* The node called name, or NULL. */
const struct topology_node *topology_find(const struct topology *t, const char *name);

/* A topology_reader for the file system; arg unused. Refuses anything but regular files. */
int topology_read_disk(void *arg, const char *path, void **bytes, size_t *len, struct err *err);

/* A topology_lister for the file system; arg unused. Leaves out what is not a regular file. */
int topology_list_disk(void *arg, const char *path, struct topology_string_list *names,
		       struct err *err);

#endif
