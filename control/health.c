/* SPDX-License-Identifier: Apache-2.0 */
#include "control/health.h"

#include "base/log.h"
#include "control/engine.h"
#include "control/events.h"
#include "control/store.h"
#include "control/vnet.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>

#define STORE_AGAIN_S 2 /* between two tries to write what could not be written */

struct health {
	struct weftd *daemon;
	struct event *again;
};

static void later(struct health *h)
{
	static const struct timeval tv = { .tv_sec = STORE_AGAIN_S };

	event_add(h->again, &tv);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	struct health *h = arg;
	struct weftd *d = h->daemon;
	struct vnet *v;

	if (store_number_set(d->store, "epoch", d->epoch, NULL) < 0) {
		later(h);
		return;
	}
	TAILQ_FOREACH (v, &d->vnets, entry)
		vnet_remember(v);
}

static void on_store(void *arg, const char *trouble)
{
	struct health *h = arg;
	struct event_record r = { .type = "store", .state = trouble ? "failing" : "well", .why = trouble };

	if (trouble) {
		log_error("the store cannot be written: %s", trouble);
		later(h);
	} else {
		log_info("the store can be written again");
	}
	events_add(h->daemon->events, &r);
}

int health_create(struct weftd *d, struct health **out, struct err *err)
{
	struct health *h = calloc(1, sizeof(*h));

	if (!h)
		return err_sys(err, -ENOMEM, "health");
	h->daemon = d;
	h->again = evtimer_new(d->base, on_again, h);
	if (!h->again) {
		free(h);
		return err_sys(err, -ENOMEM, "health");
	}
	store_on_trouble(d->store, on_store, h);
	*out = h;
	return 0;
}

void health_destroy(struct health *h)
{
	if (!h)
		return;
	store_on_trouble(h->daemon->store, NULL, NULL);
	event_free(h->again);
	free(h);
}

json_t *health_notes(const struct weftd *d)
{
	const char *trouble = store_trouble(d->store);
	json_t *notes = json_array();

	if (trouble)
		json_array_append_new(notes, json_sprintf("what changes cannot be stored (%s), and would be "
							  "forgotten if weftd ended now: %s", d->state,
							  trouble));
	if (engine_is_up(d->engine) && !engine_has_hugepages(d->engine))
		json_array_append_new(notes, json_string("the engine forwards at half the speed or less, as "
							 "too few huge pages were free when it started"));
	return notes;
}
