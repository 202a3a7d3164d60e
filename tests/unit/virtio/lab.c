/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/virtio/lab.h"

#include <errno.h>
#include <event2/event.h>
#include <linux/pci_regs.h>
#include <linux/virtio_config.h>
#include <linux/virtio_pci.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int kick_add(void *arg, uint64_t gpa, int fd)
{
	struct lab *l = arg;
	unsigned i = 0;

	l->host_calls++;
	if (l->refuse_kicks)
		return -EEXIST;
	while (l->kick_at[i])
		i++;
	l->kick_at[i] = gpa;
	l->kicks++;
	return 0;
}

static void kick_del(void *arg, uint64_t gpa, int fd)
{
	struct lab *l = arg;
	unsigned i = 0;

	while (l->kick_at[i] != gpa)
		i++;
	l->kick_at[i] = 0;
	l->kicks--;
	l->host_calls++;
}

static void msi_send(void *arg, uint64_t address, uint32_t data)
{
	struct lab *l = arg;

	l->msis[data % LAB_MSIS]++;
}

static int msi_attach(void *arg, int fd, uint64_t address, uint32_t data)
{
	struct lab *l = arg;
	unsigned i = 0;

	while (l->attached[i] >= 0)
		i++;
	l->attached[i] = fd;
	l->attached_as[i] = data;
	l->host_calls++;
	return 0;
}

static void msi_detach(void *arg, int fd)
{
	struct lab *l = arg;
	unsigned i = 0;

	while (l->attached[i] != fd)
		i++;
	l->attached[i] = -1;
	l->host_calls++;
}

static size_t port_write(void *arg, const struct iovec *iov, unsigned count)
{
	struct lab *l = arg;
	size_t n = iov_read(iov, count, 0, l->sent + l->sent_len, l->room);

	l->sent_len += n;
	l->room -= n;
	if (l->port_said)
		l->port_said(l);
	return n;
}

/* What the host has again reads as zeroes. */
static void give_back(void *arg, void *at, size_t len)
{
	struct lab *l = arg;
	size_t from = (size_t)((uint8_t *)at - l->ram.host);

	if (from >= RAM || len > RAM - from)
		abort();
	memset(at, 0, len);
	l->given_back += len;
}

static void port_ready(void *arg)
{
	struct lab *l = arg;

	l->port_ready++;
}

void lab_init(struct lab *l)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	memset(l, 0, sizeof(*l));
	l->base = event_base_new();
	pthread_mutex_init(&l->lock, NULL);
	ram_init(&l->ram);
	memset(l->attached, -1, sizeof(l->attached));
	strcpy(l->dir, "/tmp/weft-virtio-XXXXXX");
	if (!mkdtemp(l->dir))
		abort();
	snprintf(l->local, sizeof(l->local), "%s/local", l->dir);
	snprintf(l->peer, sizeof(l->peer), "%s/peer", l->dir);
	snprintf(l->vhost, sizeof(l->vhost), "%s/vhost", l->dir);
	l->peer_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	strcpy(sun.sun_path, l->peer);
	if (bind(l->peer_fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
		abort();
}

void lab_fini(struct lab *l)
{
	char overlay[96];

	lab_unmake(l);
	close(l->peer_fd);
	unlink(l->peer);
	snprintf(overlay, sizeof(overlay), "%s/overlay", l->dir);
	unlink(overlay);
	rmdir(l->dir);
	ram_fini(&l->ram);
	event_base_free(l->base);
	pthread_mutex_destroy(&l->lock);
}

/* A disk of 64 sectors, each full of its number. Its overlay stays until the end. */
static void make_block(struct lab *l, enum virtio_block_mode mode)
{
	char path[96], overlay[96];
	const struct virtio_block_conf conf = { path, mode, overlay, "lab" };
	uint8_t sector[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/disk", l->dir);
	snprintf(overlay, sizeof(overlay), "%s/overlay", l->dir);
	f = fopen(path, "w");
	for (int i = 0; f && i < 64; i++) {
		memset(sector, i, sizeof(sector));
		fwrite(sector, 1, sizeof(sector), f);
	}
	if (!f || fclose(f) || virtio_block_create(&conf, &l->dev, NULL))
		abort();
	unlink(path);
}

static void make_net(struct lab *l, enum lab_device which)
{
	struct virtio_net_conf net = {
		.mac = { 2, 0, 0, 0, 0, 1 }, .mtu = 1500, .carrier = true,
		.pairs = which == LAB_NET ? 1 : LAB_PAIRS,
	};

	if (which == LAB_TAP) {
		net.tap = LAB_TAP_NAME;
	} else if (which == LAB_VHOST) {
		net.vhost_user = l->vhost;
		net.mem = &l->ram.mem;
		net.mem_fd = l->ram.fd;
	} else {
		net.local = l->local;
		net.peer = l->peer;
	}
	if (virtio_net_create(&net, l->base, &l->dev, NULL))
		abort();
	if (which == LAB_TAP)
		lab_hear_tap(l);
}

void lab_make(struct lab *l, enum lab_device which)
{
	const struct virtio_pci_host host = { l->base, &l->lock, &l->ram.mem, false, kick_add, kick_del,
					      msi_send, msi_attach, msi_detach, l };
	const struct virtio_port_ops port = { port_write, port_ready, l };
	const struct virtio_balloon_ops balloon = { give_back, l };
	int code = 0;

	l->which = which;
	if (which == LAB_RNG)
		code = virtio_rng_create(&l->dev, NULL);
	else if (which == LAB_CONSOLE)
		code = virtio_console_create("lab.port", &port, &l->dev, NULL);
	else if (which == LAB_BLOCK)
		make_block(l, VIRTIO_BLOCK_READ);
	else if (which == LAB_BALLOON)
		code = virtio_balloon_create(&balloon, &l->dev, NULL);
	else if (which == LAB_OVERLAY)
		make_block(l, VIRTIO_BLOCK_OVERLAY);
	else
		make_net(l, which);
	if (code || virtio_pci_create(&host, l->dev, &l->pci, NULL))
		abort();
	l->room = sizeof(l->sent);
	l->sent_len = 0;
	virtio_pci_place(l->pci, LAB_BAR);
}

void lab_unmake(struct lab *l)
{
	virtio_pci_destroy(l->pci);
	l->pci = NULL;
}

void lab_reborn(struct lab *l)
{
	struct buf bytes = { 0 };
	struct rd in;

	if (virtio_pci_save(l->pci, &bytes, NULL) < 0 || bytes.bad)
		abort();
	lab_unmake(l);
	lab_make(l, l->which);
	in = rd_of(bytes.data, bytes.len);
	if (virtio_pci_load(l->pci, &in, NULL) < 0)
		abort();
	buf_free(&bytes);
	lab_loop(l);
}

uint32_t lab_read(struct lab *l, uint32_t at, uint32_t len)
{
	uint32_t value = 0;

	pthread_mutex_lock(&l->lock);
	virtio_pci_read(l->pci, at, &value, len);
	pthread_mutex_unlock(&l->lock);
	return value;
}

void lab_write(struct lab *l, uint32_t at, uint32_t len, uint32_t value)
{
	pthread_mutex_lock(&l->lock);
	virtio_pci_write(l->pci, at, &value, len);
	pthread_mutex_unlock(&l->lock);
}

static void set_msix(struct lab *l, unsigned vectors)
{
	unsigned at = virtio_pci_config_read(l->pci, PCI_CAPABILITY_LIST, 1);

	while (virtio_pci_config_read(l->pci, at, 1) != PCI_CAP_ID_MSIX)
		at = virtio_pci_config_read(l->pci, at + 1, 1);
	virtio_pci_config_write(l->pci, at + PCI_MSIX_FLAGS, 2, PCI_MSIX_FLAGS_ENABLE);
	for (unsigned i = 0; i < vectors; i++) {
		lab_write(l, 0x4000 + 16 * i, 4, 0xfee00000);
		lab_write(l, 0x4000 + 16 * i + 8, 4, LAB_MESSAGE(i));
		lab_write(l, 0x4000 + 16 * i + 12, 4, 0);
	}
}

static void set_queue(struct lab *l, unsigned i, uint16_t size, uint64_t features)
{
	struct vq_conf *c = &l->queue[i].conf;

	driver_init(&l->queue[i], &l->ram, i, size, features);
	lab_write(l, VIRTIO_PCI_COMMON_Q_SELECT, 2, i);
	lab_write(l, VIRTIO_PCI_COMMON_Q_SIZE, 2, size);
	lab_write(l, VIRTIO_PCI_COMMON_Q_MSIX, 2, i);
	lab_write(l, VIRTIO_PCI_COMMON_Q_DESCLO, 4, (uint32_t)c->desc);
	lab_write(l, VIRTIO_PCI_COMMON_Q_AVAILLO, 4, (uint32_t)c->driver);
	lab_write(l, VIRTIO_PCI_COMMON_Q_USEDLO, 4, (uint32_t)c->device);
	lab_write(l, VIRTIO_PCI_COMMON_Q_ENABLE, 2, 1);
}

void lab_start(struct lab *l, uint64_t features, uint16_t size)
{
	unsigned queues = lab_read(l, VIRTIO_PCI_COMMON_NUMQ, 2);
	uint8_t status = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

	lab_write(l, VIRTIO_PCI_COMMON_STATUS, 1, 0);
	for (unsigned i = 0; i < 1000 && lab_read(l, VIRTIO_PCI_COMMON_STATUS, 1); i++)
		lab_loop(l);
	set_msix(l, queues + 1);
	lab_write(l, VIRTIO_PCI_COMMON_STATUS, 1, status);
	for (unsigned half = 0; half < 2; half++) {
		lab_write(l, VIRTIO_PCI_COMMON_GFSELECT, 4, half);
		lab_write(l, VIRTIO_PCI_COMMON_GF, 4, (uint32_t)(features >> 32 * half));
	}
	lab_write(l, VIRTIO_PCI_COMMON_STATUS, 1, status |= VIRTIO_CONFIG_S_FEATURES_OK);
	lab_write(l, VIRTIO_PCI_COMMON_MSIX, 2, queues);
	for (unsigned i = 0; i < queues; i++)
		set_queue(l, i, size, features);
	lab_write(l, VIRTIO_PCI_COMMON_STATUS, 1, status | VIRTIO_CONFIG_S_DRIVER_OK);
}

void lab_loop(struct lab *l)
{
	event_base_loop(l->base, EVLOOP_NONBLOCK);
	if (l->turn)
		l->turn(l);
}

void lab_kick(struct lab *l, unsigned queue)
{
	lab_write(l, 0x3000 + 4 * queue, 2, queue);
	lab_loop(l);
}

void lab_send(struct lab *l, enum lab_device which, const void *frame, size_t len)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };

	strcpy(sun.sun_path, l->local);
	if (which == LAB_TAP)
		send(l->peer_fd, frame, len, MSG_DONTWAIT);
	else
		sendto(l->peer_fd, frame, len, MSG_DONTWAIT, (struct sockaddr *)&sun, sizeof(sun));
}

ssize_t lab_recv(struct lab *l, void *frame, size_t len)
{
	return recv(l->peer_fd, frame, len, MSG_DONTWAIT);
}

unsigned lab_interrupts(struct lab *l, unsigned queue)
{
	unsigned vector = queue == LAB_CONFIG ? l->dev->queue_count : queue, sum;
	eventfd_t n;

	sum = l->msis[LAB_MESSAGE(vector) % LAB_MSIS];
	l->msis[LAB_MESSAGE(vector) % LAB_MSIS] = 0;
	for (unsigned i = 0; i < LAB_MSIS; i++)
		if (l->attached[i] >= 0 && l->attached_as[i] == LAB_MESSAGE(vector) &&
		    eventfd_read(l->attached[i], &n) == 0)
			sum += (unsigned)n;
	return sum;
}

uint64_t lab_ring;

int lab_split(void **state)
{
	lab_ring = 0;
	return 0;
}

int lab_split_events(void **state)
{
	lab_ring = 1ull << VIRTIO_RING_F_EVENT_IDX;
	return 0;
}

int lab_packed(void **state)
{
	lab_ring = 1ull << VIRTIO_F_RING_PACKED | 1ull << VIRTIO_RING_F_EVENT_IDX;
	return 0;
}
