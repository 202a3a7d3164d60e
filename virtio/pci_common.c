/* SPDX-License-Identifier: Apache-2.0 */
/* The common configuration structure (virtio 1.2, 4.1.4.3): status, features, queues. */
#include "virtio/pci_priv.h"

#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <linux/virtio_ring.h>
#include <string.h>

#define RING_FEATURES                                                                              \
	(1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_RING_F_INDIRECT_DESC |                        \
	 1ull << VIRTIO_RING_F_EVENT_IDX)

uint64_t common_features(const struct virtio_pci *p)
{
	uint64_t rings = RING_FEATURES | (p->host.split ? 0 : 1ull << VIRTIO_F_RING_PACKED);

	return p->dev->offered | (rings & ~p->dev->withheld);
}

bool common_features_ok(const struct virtio_pci *p, uint64_t features)
{
	return !(features & ~common_features(p)) && (features >> VIRTIO_F_VERSION_1 & 1);
}

static void stop_device(struct virtio_pci *p)
{
	for (unsigned i = 0; i < p->dev->queue_count; i++)
		p->dev->queue[i] = (struct vq){ 0 };
	p->dev->running = false;
	p->dev->type->stop(p->dev);
}

/* As after power-on. */
void common_init(struct virtio_pci *p)
{
	stop_device(p);
	p->dev->features = 0;
	p->driver_features = 0;
	p->feature_select = p->driver_feature_select = 0;
	p->status = p->isr = 0;
	p->queue_select = 0;
	p->config_vector = VIRTIO_MSI_NO_VECTOR;
	for (unsigned i = 0; i < p->dev->queue_count; i++) {
		p->queue[i].conf = (struct vq_conf){ .size = VQ_SIZE_MAX };
		p->queue[i].enabled = false;
		p->queue[i].vector = VIRTIO_MSI_NO_VECTOR;
	}
	shortcuts_changed(p);
}

/* The one that queue_select names, or NULL. */
static struct pci_queue *selected(struct virtio_pci *p)
{
	return p->queue_select < p->dev->queue_count ? &p->queue[p->queue_select] : NULL;
}

void common_read(struct virtio_pci *p, uint32_t at, void *to, uint32_t len)
{
	const struct pci_queue *q = selected(p);
	struct virtio_pci_common_cfg c = {
		.device_feature_select = p->feature_select,
		.guest_feature_select = p->driver_feature_select,
		.msix_config = p->config_vector,
		.num_queues = (uint16_t)p->dev->queue_count,
		.device_status = p->dev->stopping ? VIRTIO_CONFIG_S_ACKNOWLEDGE : p->status,
		.config_generation = p->generation,
		.queue_select = p->queue_select,
	};

	if (p->feature_select < 2)
		c.device_feature = (uint32_t)(common_features(p) >> 32 * p->feature_select);
	if (p->driver_feature_select < 2)
		c.guest_feature = (uint32_t)(p->driver_features >> 32 * p->driver_feature_select);
	if (q) {
		c.queue_size = q->conf.size;
		c.queue_msix_vector = q->vector;
		c.queue_enable = q->enabled;
		c.queue_notify_off = (uint16_t)q->index;
		c.queue_desc_lo = (uint32_t)q->conf.desc;
		c.queue_desc_hi = (uint32_t)(q->conf.desc >> 32);
		c.queue_avail_lo = (uint32_t)q->conf.driver;
		c.queue_avail_hi = (uint32_t)(q->conf.driver >> 32);
		c.queue_used_lo = (uint32_t)q->conf.device;
		c.queue_used_hi = (uint32_t)(q->conf.device >> 32);
	}
	virtio_config_copy(&c, sizeof(c), at, to, len);
}

static void set_half(uint64_t *to, unsigned half, uint32_t value)
{
	*to = half ? (*to & UINT32_MAX) | (uint64_t)value << 32 : (*to & ~(uint64_t)UINT32_MAX) | value;
}

/* A device that wants to be reset stays so until it is. */
static void set_status(struct virtio_pci *p, uint8_t status)
{
	uint8_t new = status & ~p->status;

	if (!status) {
		common_init(p);
		return;
	}
	if ((new & VIRTIO_CONFIG_S_FEATURES_OK) &&
	    !common_features_ok(p, p->driver_features))
		status &= (uint8_t)~VIRTIO_CONFIG_S_FEATURES_OK;
	else if (new & VIRTIO_CONFIG_S_FEATURES_OK)
		p->dev->features = p->driver_features;
	p->status |= status;
	if ((new & VIRTIO_CONFIG_S_DRIVER_OK) && (p->status & VIRTIO_CONFIG_S_FEATURES_OK) &&
	    !(p->status & VIRTIO_CONFIG_S_NEEDS_RESET)) {
		p->dev->running = true;
		p->dev->type->start(p->dev);
	}
}

static void set_enabled(struct virtio_pci *p, struct pci_queue *q)
{
	struct virtio_device *dev = p->dev;

	if (q->enabled || !(p->status & VIRTIO_CONFIG_S_FEATURES_OK) ||
	    (p->status & VIRTIO_CONFIG_S_NEEDS_RESET))
		return;
	if (vq_activate(&dev->queue[q->index], p->host.mem, &q->conf, dev->features) < 0)
		dev->broken(dev->transport);
	else
		q->enabled = true;
}

/* A vector that is not there reads back as none. */
static uint16_t vector_of(const struct virtio_pci *p, uint32_t value)
{
	return value < p->msix.count ? (uint16_t)value : VIRTIO_MSI_NO_VECTOR;
}

static void queue_write(struct virtio_pci *p, struct pci_queue *q, uint32_t at, uint32_t value)
{
	if (at == VIRTIO_PCI_COMMON_Q_MSIX) {
		q->vector = vector_of(p, value);
		shortcuts_changed(p);
	}
	if (q->enabled) /* its rings stay where they are */
		return;
	switch (at) {
	case VIRTIO_PCI_COMMON_Q_SIZE:
		q->conf.size = (uint16_t)value;
		break;
	case VIRTIO_PCI_COMMON_Q_ENABLE:
		if (value == 1)
			set_enabled(p, q);
		break;
	case VIRTIO_PCI_COMMON_Q_DESCLO:
	case VIRTIO_PCI_COMMON_Q_DESCHI:
		set_half(&q->conf.desc, at == VIRTIO_PCI_COMMON_Q_DESCHI, value);
		break;
	case VIRTIO_PCI_COMMON_Q_AVAILLO:
	case VIRTIO_PCI_COMMON_Q_AVAILHI:
		set_half(&q->conf.driver, at == VIRTIO_PCI_COMMON_Q_AVAILHI, value);
		break;
	case VIRTIO_PCI_COMMON_Q_USEDLO:
	case VIRTIO_PCI_COMMON_Q_USEDHI:
		set_half(&q->conf.device, at == VIRTIO_PCI_COMMON_Q_USEDHI, value);
		break;
	default:
		break;
	}
}

/* Bytes of the field at an offset; other sizes of writes are ignored. */
static uint32_t width_of(uint32_t at)
{
	if (at == VIRTIO_PCI_COMMON_STATUS)
		return 1;
	return at < VIRTIO_PCI_COMMON_MSIX || at >= VIRTIO_PCI_COMMON_Q_DESCLO ? 4 : 2;
}

void common_write(struct virtio_pci *p, uint32_t at, uint32_t value, uint32_t len)
{
	if (len != width_of(at) || at % len)
		return;
	if (p->dev->stopping) /* a driver that does not wait for its reset is not heard */
		return;
	switch (at) {
	case VIRTIO_PCI_COMMON_DFSELECT:
		p->feature_select = value;
		break;
	case VIRTIO_PCI_COMMON_GFSELECT:
		p->driver_feature_select = value;
		break;
	case VIRTIO_PCI_COMMON_GF:
		if (p->driver_feature_select < 2 && !(p->status & VIRTIO_CONFIG_S_FEATURES_OK))
			set_half(&p->driver_features, p->driver_feature_select, value);
		break;
	case VIRTIO_PCI_COMMON_MSIX:
		p->config_vector = vector_of(p, value);
		break;
	case VIRTIO_PCI_COMMON_STATUS:
		set_status(p, (uint8_t)value);
		break;
	case VIRTIO_PCI_COMMON_Q_SELECT:
		p->queue_select = (uint16_t)value;
		break;
	default:
		if (selected(p))
			queue_write(p, selected(p), at, value);
		break;
	}
}
