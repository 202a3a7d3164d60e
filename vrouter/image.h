/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VROUTER_IMAGE_H
#define VROUTER_IMAGE_H

/*
 * Guest images: an unmodified Debian kernel and an initramfs made of unmodified Debian packages
 * with weft-agent inside. Images live in a content-addressed store:
 *
 *   STORE/<key>/vmlinuz, initrd.zst, image.json     key = hash of everything the image depends on
 *   STORE/<name> -> <key>                           "frr", "bird": the newest build
 *
 * image.json: {"name","key","built","kernel","packages":{...},"memory_mib","files_under":["/etc/frr"]}
 */

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image {
	char name[32];	    /* "frr" */
	char key[65];	    /* hex */
	char kernel[512];   /* path of vmlinuz */
	char initrd[512];   /* path of initrd.zst */
	char version[128];  /* "FRRouting 8.4.4, Linux 6.1.0-..-cloud-amd64" */
	char built[32];	    /* RFC 3339 */
	unsigned memory_mib; /* what a guest of it needs by default */
	uint64_t bytes;	    /* of kernel and initrd */
};

/* -ENOENT with a sentence that names the command to run when it was never built. */
int image_find(const char *store, const char *name, struct image *out, struct err *err);

/* Calls cb for each image (newest build of each name). */
int image_list(const char *store, void (*cb)(void *arg, const struct image *img), void *arg,
	       struct err *err);

/* Builds if the store does not have it (or always, with force). Blocks; progress is called with
 * what is being done and the share done (0..1). `agent` is the path of the static weft-agent. */
int image_build(const char *store, const char *name, const char *agent, bool force,
		void (*progress)(void *arg, const char *what, double share), void *arg,
		struct image *out, struct err *err);

/* One file for the per-guest part. */
struct image_file {
	const char *path; /* absolute, in the guest */
	unsigned mode;	  /* 0644, ... */
	const void *bytes;
	size_t len;
};

struct image_nic {
	uint8_t mac[6];	  /* that the machine gives it, by which it is found */
	uint16_t mtu;	  /* 0: a spare NIC, which stays down */
	const char *name; /* the interface's name in the guest: "eth1" */
	uint8_t as[6];	  /* the address that it is to have instead; all zero: none */
};

struct image_guest {
	const char *hostname;
	unsigned nic_count;
	const struct image_nic *nics;
	unsigned file_count;
	const struct image_file *files;
	unsigned env_count;
	const char *const *env; /* "K=V", for exec and the daemons */
	bool no_agent;		/* /etc/weft/no-agent: an image of Weft's starts without it */
	uint8_t machine_id[16]; /* /etc/machine-id, in hex; a clone's AGENT_RENEW gives the same */
};

/* What `weft-agent nics` reads of a NIC: appends a line. */
void image_nic_line(const struct image_nic *nic, struct buf *out);

/* The guest's own files as an uncompressed newc cpio, everything under /guest, padded to 512 bytes:
 * what its initrd begins with, and what a clone is sent. Appends to out. */
int image_guest_archive(const struct image_guest *guest, struct buf *out, struct err *err);

/*
 * The initrd of one guest: its archive (hostname, NIC names, router configuration), then the
 * image's compressed base (the kernel wants the uncompressed part first). Appends to out.
 */
int image_guest_initrd(const struct image *img, const struct image_guest *guest, struct buf *out,
		       struct err *err);

/* The kernel command line for a guest of this image. */
const char *image_cmdline(const struct image *img);

#endif
