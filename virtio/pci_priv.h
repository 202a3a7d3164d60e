/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VIRTIO_PCI_PRIV_H
#define VIRTIO_PCI_PRIV_H

#include "virtio/pci.h"

struct event;

/* The BAR. Each structure has a page of its own. */
enum {
	BAR_COMMON = 0x0000,
	BAR_ISR = 0x1000,
	BAR_DEVICE = 0x2000,
	BAR_NOTIFY = 0x3000,
	BAR_MSIX = 0x4000,
	BAR_PBA = 0x5000,
	BAR_PAGE = 0x1000,
	NOTIFY_STEP = 4, /* bytes from one queue's address to the next */
};

enum { VECTORS_MAX = VIRTIO_QUEUES_MAX + 1, CONFIG_SIZE = 256 };

/* One entry of the MSI-X table. */
struct msix_vector {
	uint32_t word[4]; /* as the guest wrote it: address, data, control */
	bool pending;
};

struct msix_message {
	uint64_t address;
	uint32_t data;
};

struct msix {
	const struct virtio_pci_host *host;
	unsigned count;
	bool enabled, masked; /* the whole function */
	struct msix_vector vector[VECTORS_MAX];
};

/* pci_msix.c */
void msix_init(struct msix *m, const struct virtio_pci_host *host, unsigned count);
void msix_control(struct msix *m, bool enabled, bool masked);
void msix_raise(struct msix *m, unsigned vector); /* others than count: nothing */
uint32_t msix_read(const struct msix *m, uint32_t at); /* a word of the table */
void msix_write(struct msix *m, uint32_t at, uint32_t value);
uint64_t msix_pending(const struct msix *m);
/* Whether a vector (others than count: none) is open, and what it says. */
bool msix_open(const struct msix *m, unsigned vector, struct msix_message *out);

struct pci_queue {
	struct vq_conf conf;
	bool enabled;
	uint16_t vector;
	int kick_fd, call_fd; /* call_fd: of a direct queue, else -1 */
	struct event *kick;
	struct virtio_pci *pci;
	unsigned index;
	bool loaded; /* its last interrupt may have got lost with the machine it was saved in */
	/* pci_shortcut.c */
	uint64_t kick_at; /* where the kernel passes kicks on; 0: nowhere */
	bool attached;	  /* the kernel makes this message of what is written to call_fd */
	struct msix_message attached_as;
	struct event *call; /* of a direct queue; pending while the loop passes its calls on */
};

struct virtio_pci {
	struct virtio_pci_host host;
	struct virtio_device *dev;
	uint8_t config[CONFIG_SIZE];
	unsigned msix_cap, window_cap; /* where these capabilities lie */
	/* common configuration */
	uint32_t feature_select, driver_feature_select;
	uint64_t driver_features;
	uint8_t status, isr, generation;
	uint16_t config_vector, queue_select;
	struct pci_queue queue[VIRTIO_QUEUES_MAX];
	struct msix msix;
	struct event *settle; /* pci_shortcut.c */
};

/* pci_config.c */
void config_init(struct virtio_pci *p);
/* What the guest may set is as in saved; the rest stays. */
void config_load(struct virtio_pci *p, const uint8_t saved[CONFIG_SIZE]);

/* pci_common.c */
void common_init(struct virtio_pci *p);
bool common_features_ok(const struct virtio_pci *p, uint64_t features);
uint64_t common_features(const struct virtio_pci *p);
void common_read(struct virtio_pci *p, uint32_t at, void *to, uint32_t len);
void common_write(struct virtio_pci *p, uint32_t at, uint32_t value, uint32_t len);

/* pci_shortcut.c: after the rest of the function was made; of a queue, too. 0 or -errno. */
int shortcuts_init(struct virtio_pci *p);
void shortcuts_fini(struct virtio_pci *p);
/* After anything that decides where kicks and calls go: the BAR's place, vectors, messages. */
void shortcuts_changed(struct virtio_pci *p);
/* Those that are missing, now. */
void shortcuts_take(struct virtio_pci *p);

#endif
