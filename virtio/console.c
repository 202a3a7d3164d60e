/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Control messages to the guest are not queued: what it has still to be told is kept as bits, and
 * said when it has a buffer, so a guest that gives none costs nothing.
 */
#include "virtio/devices.h"

#include <errno.h>
#include <linux/virtio_console.h>
#include <linux/virtio_ids.h>
#include <stdlib.h>
#include <string.h>

enum { QUEUE_CONTROL_RX = 2, QUEUE_CONTROL_TX, QUEUE_RX, QUEUE_TX, QUEUES, PORT = 1, NAME_MAX_LEN = 63 };

/* What the guest has still to be told, in this order. */
enum { TELL_ADD = 1, TELL_NAME = 2, TELL_OPEN = 4 };

struct console {
	struct virtio_device dev; /* first */
	struct virtio_port_ops ops;
	char name[NAME_MAX_LEN + 1];
	unsigned tell;
	bool ready;	 /* the guest has the port */
	bool guest_open; /* and a program of its has it open */
	bool host_open;
	struct virtio_held control, tx;
};

static struct console *of(struct virtio_device *dev)
{
	return (struct console *)dev;
}

/* One message to the guest, with bytes behind it; false: it has no buffer now. */
static bool send_control(struct console *c, uint16_t event, uint16_t value, const char *text)
{
	struct virtio_console_control m = { .id = PORT, .event = event, .value = value };
	struct vq_chain chain;
	size_t n;

	if (!virtio_pop_or_kick(&c->dev, QUEUE_CONTROL_RX, &chain))
		return false;
	n = iov_write(chain.iov + chain.out_count, chain.in_count, 0, &m, sizeof(m));
	n += iov_write(chain.iov + chain.out_count, chain.in_count, n, text, strlen(text));
	virtio_push(&c->dev, QUEUE_CONTROL_RX, &chain, (uint32_t)n);
	return true;
}

static void tell(struct console *c)
{
	if ((c->tell & TELL_ADD) && send_control(c, VIRTIO_CONSOLE_PORT_ADD, 1, ""))
		c->tell &= ~(unsigned)TELL_ADD;
	if (c->ready && (c->tell & TELL_NAME) && send_control(c, VIRTIO_CONSOLE_PORT_NAME, 1, c->name))
		c->tell &= ~(unsigned)TELL_NAME;
	if (c->ready && (c->tell & TELL_OPEN) && !(c->tell & TELL_NAME) &&
	    send_control(c, VIRTIO_CONSOLE_PORT_OPEN, c->host_open, ""))
		c->tell &= ~(unsigned)TELL_OPEN;
	virtio_flush(&c->dev, QUEUE_CONTROL_RX);
}

static int64_t take_control(struct virtio_device *dev, const struct vq_chain *chain)
{
	struct console *c = of(dev);
	struct virtio_console_control m;

	if (iov_read(chain->iov, chain->out_count, 0, &m, sizeof(m)) != sizeof(m))
		return 0;
	if (m.event == VIRTIO_CONSOLE_DEVICE_READY && m.value)
		c->tell |= TELL_ADD;
	if (m.id != PORT)
		return 0;
	if (m.event == VIRTIO_CONSOLE_PORT_READY && m.value) {
		c->ready = true;
		c->tell |= TELL_NAME | TELL_OPEN;
	} else if (m.event == VIRTIO_CONSOLE_PORT_OPEN && c->guest_open != !!m.value) {
		c->guest_open = m.value;
		c->ops.ready(c->ops.arg);
	}
	return 0;
}

/* Nobody there: the bytes are gone, as they would be on a wire. */
static int64_t take_bytes(struct virtio_device *dev, const struct vq_chain *chain)
{
	struct console *c = of(dev);
	struct iovec left[VQ_SIZE_MAX];
	size_t done;

	if (!c->host_open)
		return 0;
	done = c->ops.write(c->ops.arg, chain->iov, chain->out_count);
	if (done >= chain->out_len)
		return 0;
	/* What is left of it waits; the copy in `held` is shortened to that. */
	c->tx.chain.out_count = (uint16_t)iov_from(chain->iov, chain->out_count, done, left);
	c->tx.chain.out_len -= done;
	memcpy(c->tx.chain.iov, left, c->tx.chain.out_count * sizeof(left[0]));
	return -EAGAIN;
}

static bool kick(struct virtio_device *dev, unsigned queue)
{
	struct console *c = of(dev);
	bool again = false;

	switch (queue) {
	case QUEUE_CONTROL_TX:
		again = virtio_serve_queue(dev, queue, &c->control, take_control);
		tell(c);
		break;
	case QUEUE_CONTROL_RX:
		tell(c);
		break;
	case QUEUE_RX:
		c->ops.ready(c->ops.arg);
		break;
	case QUEUE_TX:
		again = virtio_serve_queue(dev, queue, &c->tx, take_bytes);
		break;
	default:
		break;
	}
	return again;
}

size_t virtio_console_put(struct virtio_device *dev, const void *bytes, size_t len)
{
	struct console *c = of(dev);
	struct vq_chain chain;
	size_t done = 0;

	while (done < len && c->guest_open && virtio_pop_or_kick(dev, QUEUE_RX, &chain)) {
		size_t n = iov_write(chain.iov + chain.out_count, chain.in_count, 0,
				     (const uint8_t *)bytes + done, len - done);

		virtio_push(dev, QUEUE_RX, &chain, (uint32_t)n);
		if (!n) /* nothing to write to, which no driver may offer (virtio 1.2, 5.3.6.2) */
			dev->broken(dev->transport);
		done += n;
	}
	virtio_flush(dev, QUEUE_RX);
	return done;
}

void virtio_console_open(struct virtio_device *dev, bool open)
{
	struct console *c = of(dev);

	c->host_open = open;
	c->tell |= TELL_OPEN;
	tell(c);
	virtio_console_drained(dev);
}

void virtio_console_drained(struct virtio_device *dev)
{
	struct console *c = of(dev);

	if (virtio_serve_queue(dev, QUEUE_TX, &c->tx, take_bytes))
		dev->kick(dev->transport, QUEUE_TX);
}

static void config(struct virtio_device *dev, uint32_t at, void *to, uint32_t len)
{
	static const struct virtio_console_config conf = { .max_nr_ports = PORT + 1 };

	virtio_config_copy(&conf, sizeof(conf), at, to, len);
}

static void start(struct virtio_device *dev)
{
}

static void stop(struct virtio_device *dev)
{
	struct console *c = of(dev);

	c->tell = 0;
	c->ready = c->guest_open = false;
	c->control.is = c->tx.is = false;
}

struct console_state {
	uint8_t tell, ready, guest_open, pad;
};

static void save(const struct virtio_device *dev, struct buf *out)
{
	const struct console *c = (const struct console *)dev;
	const struct console_state s = { (uint8_t)c->tell, c->ready, c->guest_open, 0 };

	buf_put(out, &s, sizeof(s));
}

/* Whoever was connected is so no more, and the guest is told. */
static int load(struct virtio_device *dev, struct rd *in)
{
	struct console *c = of(dev);
	struct console_state s;

	rd_copy(in, &s, sizeof(s));
	c->tell = s.tell & (TELL_ADD | TELL_NAME | TELL_OPEN);
	c->ready = s.ready;
	c->guest_open = s.guest_open;
	if (c->ready)
		c->tell |= TELL_OPEN;
	return 0;
}

static void destroy(struct virtio_device *dev)
{
	free(dev);
}

int virtio_console_create(const char *port, const struct virtio_port_ops *ops,
			  struct virtio_device **out, struct err *err)
{
	static const struct virtio_type type = {
		.name = "console", .id = VIRTIO_ID_CONSOLE, .pci_class = { 0x07, 0x80, 0 },
		.config = config, .start = start, .stop = stop, .kick = kick, .save = save,
		.load = load, .destroy = destroy,
	};
	struct console *c;

	if (strlen(port) > NAME_MAX_LEN)
		return err_set(err, -EINVAL, "port %s: its name is longer than %d bytes", port,
			       NAME_MAX_LEN);
	c = calloc(1, sizeof(*c));
	if (!c)
		return err_sys(err, -ENOMEM, "console");
	strcpy(c->name, port);
	c->ops = *ops;
	c->dev.type = &type;
	c->dev.offered = 1ull << VIRTIO_CONSOLE_F_MULTIPORT;
	c->dev.queue_count = QUEUES;
	*out = &c->dev;
	return 0;
}
