/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/device_priv.h"

#include "base/log.h"
#include "dataplane/device_pairs_priv.h"
#include "dataplane/egress_priv.h"
#include "dataplane/engine_priv.h"

#include <errno.h>
#include <rte_dev.h>
#include <rte_ethdev.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* For a device to be opened while the kernel still lets go of one. */
enum { DEVICE_TRIES = 10, DEVICE_TRY_US = 10000 };

bool device_any(const struct engine *e)
{
	for (unsigned i = 0; i < DEVICES_MAX; i++)
		if (RD(e->devices[i]))
			return true;
	return false;
}

bool device_up(const struct device *dev)
{
	return dev && RD(dev->up);
}

void device_watch(struct engine *e)
{
	for (unsigned i = 0; i < DEVICES_MAX; i++) {
		struct device *dev = e->devices[i];
		struct rte_eth_link link;

		if (!dev)
			continue;
		if (rte_eth_link_get_nowait(dev->ethdev, &link) == 0)
			WR(dev->up, link.link_status);
		if (RD(dev->strangers) != dev->reported) {
			log_warn("%s: %lu frames so far of no port's VLAN, or too big", dev->devargs,
				 (unsigned long)RD(dev->strangers));
			dev->reported = RD(dev->strangers);
		}
	}
}

/* A guest's NIC has as many queues as its driver knows of; others one to receive from, and one to send by
 * for each worker, if there are so many. */
static int device_queues(struct engine *e, struct device *dev, const struct rte_eth_dev_info *info)
{
	bool guest = !strncmp(dev->devargs, "net_vhost", strlen("net_vhost"));

	dev->rx_queues = guest ? RTE_MIN(info->max_rx_queues, (uint16_t)DEVICE_PAIRS_MAX) : 1;
	dev->tx_queues = guest ? dev->rx_queues : RTE_MIN(info->max_tx_queues, (uint16_t)e->worker_count);
	dev->tx_shared = dev->rx_queues > 1 ? e->worker_count > 1 : dev->tx_queues < e->worker_count;
	rte_spinlock_init(&dev->tx_lock);
	return dev->rx_queues > 1 ? device_pairs_init(dev) : 0;
}

static int device_start(struct engine *e, struct device *dev)
{
	struct rte_eth_conf conf = { 0 };
	uint16_t rx = DEVICE_DESCRIPTORS, tx = DEVICE_DESCRIPTORS;
	struct rte_eth_dev_info info;
	int rc = rte_eth_dev_info_get(dev->ethdev, &info);

	if (!rc)
		rc = device_queues(e, dev, &info);
	if (!rc)
		rc = rte_eth_dev_configure(dev->ethdev, dev->rx_queues, dev->tx_queues, &conf);
	if (!rc)
		rc = rte_eth_dev_adjust_nb_rx_tx_desc(dev->ethdev, &rx, &tx);
	/* Jumbo frames come in chains where the driver can, and are joined in device_normal(). */
	for (unsigned i = 0; !rc && i < dev->rx_queues; i++)
		rc = rte_eth_rx_queue_setup(dev->ethdev, (uint16_t)i, rx, SOCKET_ID_ANY, NULL,
					    dev->pool ? dev->pool : e->small);
	for (unsigned i = 0; !rc && i < dev->tx_queues; i++)
		rc = rte_eth_tx_queue_setup(dev->ethdev, (uint16_t)i, tx, SOCKET_ID_ANY, NULL);
	if (!rc)
		rc = rte_eth_dev_start(dev->ethdev);
	if (!rc)
		rte_eth_promiscuous_enable(dev->ethdev); /* a virtual device may know no other way */
	return rc;
}

static void device_free(struct engine *e, void *arg)
{
	struct device *dev = arg;
	struct rte_eth_dev_info info;
	struct rte_device *bus = rte_eth_dev_info_get(dev->ethdev, &info) ? NULL : info.device;

	for (unsigned w = 0; w < WORKERS_MAX; w++)
		rte_pktmbuf_free_bulk(dev->tx[w].pkts, dev->tx[w].count);
	egress_free(dev);
	rte_eth_promiscuous_disable(dev->ethdev); /* a kernel's interface stays */
	rte_eth_dev_stop(dev->ethdev);
	device_pairs_fini(dev);
	rte_eth_dev_close(dev->ethdev);
	if (device_is_xdp(dev->devargs))
		device_xdp_closed(e, dev);
	if (bus)
		rte_dev_remove(bus);
	free(dev);
}

static int device_try(struct engine *e, const char *devargs, struct device **out, struct err *err)
{
	struct rte_dev_iterator iter;
	struct device *dev;
	unsigned at = 0;
	int rc;

	while (at < DEVICES_MAX && e->devices[at])
		at++;
	if (at == DEVICES_MAX)
		return err_set(err, -ENOSPC, "%s: all %d devices are in use", devargs, DEVICES_MAX);
	dev = calloc(1, sizeof(*dev));
	if (!dev)
		return err_set(err, -ENOMEM, "%s: out of memory", devargs);
	snprintf(dev->devargs, sizeof(dev->devargs), "%s", devargs);
	dev->endless = strstr(devargs, "infinite_rx=1");
	rc = rte_dev_probe(devargs);
	if (rc < 0) {
		free(dev);
		return err_sys(err, rc, "%s: no such device, or it does not open", devargs);
	}
	dev->ethdev = RTE_MAX_ETHPORTS;
	RTE_ETH_FOREACH_MATCHING_DEV(dev->ethdev, devargs, &iter) {
		rte_eth_iterator_cleanup(&iter);
		break;
	}
	if (dev->ethdev == RTE_MAX_ETHPORTS) {
		free(dev);
		return err_set(err, -ENODEV, "%s: not an Ethernet device", devargs);
	}
	rc = device_is_xdp(devargs) ? device_xdp_pool(dev) : 0;
	if (!rc)
		rc = device_start(e, dev);
	if (device_is_xdp(devargs))
		device_xdp_opened(e, dev, !rc);
	if (rc) {
		device_free(e, dev);
		return err_sys(err, rc, "%s: the device does not start", devargs);
	}
	WR(dev->up, 1); /* until device_watch() knows better */
	WR(e->devices[at], dev);
	for (unsigned i = 0; i < e->worker_count; i++)
		worker_wake(e->workers[i]); /* from now on it must look by itself */
	*out = dev;
	return 0;
}

static int device_open(struct engine *e, const char *devargs, struct device **out, struct err *err)
{
	bool closing = device_xdp_closing(e, devargs);
	int rc = device_try(e, devargs, out, err);

	for (unsigned i = 0; rc && closing && i < DEVICE_TRIES; i++) {
		usleep(DEVICE_TRY_US);
		rc = device_try(e, devargs, out, err);
	}
	return rc;
}

bool device_serves(const struct port *port, const char *devargs, uint16_t vlan)
{
	return port->dev && port->vlan == vlan && !strcmp(port->dev->devargs, devargs);
}

/* The last reference gone: no worker may look at it once this returns and readers were quiescent. */
static void device_put(struct engine *e, struct device *dev)
{
	if (--dev->refs)
		return;
	for (unsigned i = 0; i < DEVICES_MAX; i++)
		if (e->devices[i] == dev)
			WR(e->devices[i], NULL);
	engine_defer(e, device_free, dev);
}

int device_attach(struct engine *e, struct port *port, const char *devargs, uint16_t vlan,
		  struct err *err)
{
	struct device *dev = NULL;
	int rc;

	device_detach(e, port);
	engine_reclaim(e); /* so that a device that has just been let go can be opened again */
	for (unsigned i = 0; i < DEVICES_MAX && !dev; i++)
		if (e->devices[i] && !strcmp(e->devices[i]->devargs, devargs))
			dev = e->devices[i];
	if (dev && dev->slice[vlan])
		return err_set(err, -EEXIST, "%s: VLAN %u of %s is another port's", port->name, vlan,
			       devargs);
	if (!dev) {
		rc = device_open(e, devargs, &dev, err);
		if (rc)
			return err_prefix(err, rc, "%s", port->name);
	}
	dev->refs++;
	if (vlan)
		WR(dev->sliced, dev->sliced + 1);
	WR(port->vlan, vlan);
	WR(port->dev, dev);
	WR(dev->slice[vlan], port);
	return 0;
}

void device_detach(struct engine *e, struct port *port)
{
	struct device *dev = port->dev;

	if (!dev)
		return;
	WR(dev->slice[port->vlan], NULL);
	egress_clear(e, port);
	if (port->vlan)
		WR(dev->sliced, dev->sliced - 1);
	WR(port->dev, NULL);
	device_put(e, dev);
}
