/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A function in plain structs, for a machine that is saved. Kicks and interrupts that were under
 * way when it was are not in it: each queue is kicked and interrupts once when it goes on, and a
 * driver that finds nothing to do has lost nothing.
 */
#include "virtio/pci_priv.h"

#include <assert.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <string.h>
#include <sys/eventfd.h>

enum { STATUS_BITS = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
		     VIRTIO_CONFIG_S_DRIVER_OK | VIRTIO_CONFIG_S_FEATURES_OK |
		     VIRTIO_CONFIG_S_NEEDS_RESET | VIRTIO_CONFIG_S_FAILED };

struct function_state {
	uint16_t device_id, queue_count;
	uint8_t status, isr, generation, pad;
	uint32_t feature_select, driver_feature_select;
	uint64_t driver_features;
	uint16_t config_vector, queue_select;
	uint32_t pad2;
	uint64_t pending; /* a bit a vector */
	uint8_t config[CONFIG_SIZE];
};

static_assert(sizeof(struct function_state) == 40 + CONFIG_SIZE, "no padding");

struct vector_state {
	uint32_t word[4];
};

struct queue_state {
	uint64_t desc, driver, device;
	uint16_t size, vector;
	uint8_t enabled, pad[3];
	struct vq_state at;
};

static_assert(sizeof(struct queue_state) == 40, "no padding");

int virtio_pci_save(const struct virtio_pci *p, struct buf *out, struct err *err)
{
	struct function_state s = {
		.device_id = p->dev->type->id,
		.queue_count = (uint16_t)p->dev->queue_count,
		.status = p->status,
		.isr = p->isr,
		.generation = p->generation,
		.feature_select = p->feature_select,
		.driver_feature_select = p->driver_feature_select,
		.driver_features = p->driver_features,
		.config_vector = p->config_vector,
		.queue_select = p->queue_select,
		.pending = msix_pending(&p->msix),
	};

	if (p->dev->unsavable)
		return err_set(err, -ENOTSUP, "%s: it cannot be saved: %s", p->dev->type->name,
			       p->dev->unsavable);
	if (p->dev->stopping)
		return err_set(err, -EBUSY, "%s: its reset is not over yet", p->dev->type->name);
	memcpy(s.config, p->config, sizeof(s.config));
	buf_put(out, &s, sizeof(s));
	for (unsigned i = 0; i < p->msix.count; i++)
		buf_put(out, p->msix.vector[i].word, sizeof(struct vector_state));
	for (unsigned i = 0; i < p->dev->queue_count; i++) {
		const struct pci_queue *q = &p->queue[i];
		struct queue_state qs = {
			.desc = q->conf.desc, .driver = q->conf.driver, .device = q->conf.device,
			.size = q->conf.size, .vector = q->vector, .enabled = q->enabled,
			.at = vq_save(&p->dev->queue[i]),
		};

		buf_put(out, &qs, sizeof(qs));
	}
	p->dev->type->save(p->dev, out);
	return 0;
}

static void load_common(struct virtio_pci *p, const struct function_state *s)
{
	p->status = s->status & STATUS_BITS;
	p->isr = s->isr;
	p->generation = s->generation;
	p->feature_select = s->feature_select;
	p->driver_feature_select = s->driver_feature_select;
	p->driver_features = s->driver_features;
	p->config_vector = s->config_vector;
	if (p->config_vector >= p->msix.count)
		p->config_vector = VIRTIO_MSI_NO_VECTOR;
	p->queue_select = s->queue_select;
	if (p->status & VIRTIO_CONFIG_S_FEATURES_OK)
		p->dev->features = p->driver_features;
}

/* Vectors first, so that those that wait are delivered once the function as a whole is open. */
static void load_vectors(struct virtio_pci *p, uint64_t pending, struct rd *in)
{
	for (unsigned i = 0; i < p->msix.count; i++) {
		struct vector_state v;

		rd_copy(in, &v, sizeof(v));
		for (unsigned w = 0; w < 4; w++)
			msix_write(&p->msix, 16 * i + 4 * w, v.word[w]);
		p->msix.vector[i].pending = pending >> i & 1;
	}
}

static int load_queue(struct virtio_pci *p, unsigned i, struct rd *in)
{
	struct pci_queue *q = &p->queue[i];
	struct queue_state s;
	int code;

	rd_copy(in, &s, sizeof(s));
	q->conf = (struct vq_conf){ s.desc, s.driver, s.device, s.size };
	q->vector = s.vector < p->msix.count ? s.vector : VIRTIO_MSI_NO_VECTOR;
	if (in->bad || !s.enabled)
		return 0;
	if (!(p->status & VIRTIO_CONFIG_S_FEATURES_OK))
		return -EBADMSG;
	code = vq_activate(&p->dev->queue[i], p->host.mem, &q->conf, p->dev->features);
	if (!code)
		code = vq_restore(&p->dev->queue[i], &s.at);
	q->enabled = !code;
	return code;
}

static void go_on(struct virtio_pci *p)
{
	for (unsigned i = 0; i < p->dev->queue_count; i++) {
		p->queue[i].loaded = true;
		eventfd_write(p->queue[i].kick_fd, 1);
	}
}

int virtio_pci_load(struct virtio_pci *p, struct rd *in, struct err *err)
{
	const char *name = p->dev->type->name;
	struct function_state s;
	int code = 0;

	rd_copy(in, &s, sizeof(s));
	if (in->bad || s.device_id != p->dev->type->id || s.queue_count != p->dev->queue_count)
		return err_set(err, -EBADMSG, "%s: another device was saved in its place", name);
	if (p->dev->unsavable)
		return err_set(err, -ENOTSUP, "%s: it cannot go on from a saved one: %s", name,
			       p->dev->unsavable);
	if ((s.status & VIRTIO_CONFIG_S_FEATURES_OK) && !common_features_ok(p, s.driver_features))
		return err_set(err, -EBADMSG, "%s: it was saved with features that it lacks", name);
	common_init(p);
	load_common(p, &s);
	load_vectors(p, s.pending, in);
	for (unsigned i = 0; i < p->dev->queue_count && !code; i++)
		code = load_queue(p, i, in);
	if (code || in->bad)
		return err_set(err, -EBADMSG, "%s: its queues were saved wrongly", name);
	config_load(p, s.config);
	if ((p->status & VIRTIO_CONFIG_S_DRIVER_OK) && (p->status & VIRTIO_CONFIG_S_FEATURES_OK) &&
	    !(p->status & VIRTIO_CONFIG_S_NEEDS_RESET)) {
		p->dev->running = true;
		p->dev->type->start(p->dev);
		go_on(p);
	}
	if (p->dev->type->load(p->dev, in) < 0 || in->bad || in->left)
		return err_set(err, -EBADMSG, "%s: it was saved as another one than this", name);
	return 0;
}
