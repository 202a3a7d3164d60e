/* SPDX-License-Identifier: Apache-2.0 */
/* Which devices a machine has, and where: the only place that says so. */
#include "hv/vmm/vmm_priv.h"

#include <errno.h>

#define AGENT_PORT "org.weft.agent"

/* Slots as with QEMU. NICs and disks: functions 0 to 7 of the slots from here on. */
enum { SLOT_AGENT = 1, SLOT_RNG = 2, SLOT_NIC = 3, SLOT_DISK = SLOT_NIC + VMM_NICS_MAX / 8,
       SLOT_BALLOON = SLOT_DISK + 1 };

static int add(struct vmm *m, unsigned slot, unsigned function, struct virtio_device *dev,
	       struct err *err)
{
	const struct virtio_pci_host host = {
		.base = m->base, .lock = &m->lock, .mem = &m->memory.ranges,
		.split = m->split_rings, .kick_add = kvm_kick_add,
		.kick_del = kvm_kick_del, .msi_send = kvm_msi_send,
		.msi_attach = kvm_msi_attach, .msi_detach = kvm_msi_detach, .arg = &m->kvm,
	};
	struct virtio_pci *p;
	int code = virtio_pci_create(&host, dev, &p, err);

	if (code)
		dev->type->destroy(dev);
	else
		pci_host_add(&m->pci, slot, function, p);
	return code;
}

/* The agent's port: its stream's client and the guest, each held back by the other. */
static size_t from_guest(void *arg, const struct iovec *iov, unsigned count)
{
	struct vmm *m = arg;
	size_t done = 0;

	for (unsigned i = 0; i < count; i++) {
		size_t n = stream_write(m->agent_stream, iov[i].iov_base, iov[i].iov_len);

		done += n;
		if (n < iov[i].iov_len)
			break;
	}
	return done;
}

static void guest_ready(void *arg)
{
	struct vmm *m = arg;

	stream_go_on(m->agent_stream);
}

static size_t to_guest(void *arg, const void *bytes, size_t len)
{
	struct vmm *m = arg;

	return virtio_console_put(m->agent, bytes, len);
}

static void client_opened(void *arg, bool open)
{
	struct vmm *m = arg;

	virtio_console_open(m->agent, open);
}

static void client_drained(void *arg)
{
	struct vmm *m = arg;

	virtio_console_drained(m->agent);
}

static int add_agent(struct vmm *m, const char *path, struct err *err)
{
	const struct virtio_port_ops port = { from_guest, guest_ready, m };
	const struct stream_ops stream = { to_guest, client_opened, client_drained, m };
	int code = virtio_console_create(AGENT_PORT, &port, &m->agent, err);

	if (!code)
		code = add(m, SLOT_AGENT, 0, m->agent, err);
	return code ? code : stream_create(m->base, &m->lock, path, &stream, &m->agent_stream, err);
}

static void give_back(void *arg, void *at, size_t len)
{
	struct vmm *m = arg;

	memory_give_back(&m->memory, at, len);
}

static int add_balloon(struct vmm *m, struct err *err)
{
	const struct virtio_balloon_ops ops = { give_back, m };
	struct virtio_device *dev;
	int code = virtio_balloon_create(&ops, &dev, err);

	if (!code)
		code = add(m, SLOT_BALLOON, 0, dev, err);
	if (!code)
		m->balloon = dev;
	return code;
}

static int add_nic(struct vmm *m, unsigned i, const struct vmm_nic *nic, struct err *err)
{
	struct virtio_net_conf conf = {
		.mtu = nic->mtu, .carrier = nic->carrier, .pairs = nic->pairs, .local = nic->local,
		.peer = nic->peer, .tap = nic->tap, .tap_fds = nic->tap_fd_count ? nic->tap_fds : NULL,
		.vhost_user = nic->vhost_user, .mem = &m->memory.ranges, .mem_fd = m->memory.fd,
	};
	struct virtio_device *dev;
	int code;

	if (nic->vhost_user && !memory_is_shared(&m->memory))
		return err_set(err, -ENOTSUP, "net: by vhost-user another process maps the memory; that of "
			       "a machine that goes on from a saved one, or began without such a NIC, "
			       "is its own");
	for (unsigned b = 0; b < sizeof(conf.mac); b++)
		conf.mac[b] = nic->mac[b];
	code = virtio_net_create(&conf, m->base, &dev, err);
	if (!code)
		code = add(m, SLOT_NIC + i / 8, i % 8, dev, err);
	if (code)
		return code;
	m->nic[m->nic_count++] = dev;
	return 0;
}

static int add_disk(struct vmm *m, unsigned i, const struct vmm_disk *disk, struct err *err)
{
	const char id[] = { 'd', 'i', 's', 'k', (char)('0' + i), 0 };
	const struct virtio_block_conf conf = {
		.path = disk->path, .overlay = disk->overlay, .id = id,
		.mode = disk->overlay ? VIRTIO_BLOCK_OVERLAY : disk->forget ? VIRTIO_BLOCK_FORGET :
			disk->write ? VIRTIO_BLOCK_WRITE : VIRTIO_BLOCK_READ,
	};
	struct virtio_device *dev;
	int code = virtio_block_create(&conf, &dev, err);

	return code ? code : add(m, SLOT_DISK + i / 8, i % 8, dev, err);
}

int devices_create(struct vmm *m, const struct vmm_conf *conf, struct err *err)
{
	struct virtio_device *rng;
	int code = console_create(&m->console, m->base, &m->lock, &m->kvm, conf->console,
				  conf->console_log, err);

	if (!code && conf->agent)
		code = add_agent(m, conf->agent, err);
	if (!code)
		code = virtio_rng_create(&rng, err);
	if (!code)
		code = add(m, SLOT_RNG, 0, rng, err);
	for (unsigned i = 0; i < conf->nic_count && !code; i++)
		code = add_nic(m, i, &conf->nic[i], err);
	for (unsigned i = 0; i < conf->disk_count && !code; i++)
		code = add_disk(m, i, &conf->disk[i], err);
	if (!code && conf->balloon)
		code = add_balloon(m, err);
	return code;
}

/* No CPU runs any more. */
void devices_destroy(struct vmm *m)
{
	stream_destroy(m->agent_stream);
	pci_host_fini(&m->pci);
	console_destroy(&m->console);
}
