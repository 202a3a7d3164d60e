/* SPDX-License-Identifier: Apache-2.0 */
#include "dataplane/impair_priv.h"

#include "base/err.h"

#include <errno.h>
#include <stdlib.h>

enum { COST_SHIFT = 20, RATE_MAX_GBIT = 1000 };

/* What a random number is for. */
enum draw { DRAW_LOSS, DRAW_STATE, DRAW_CORRUPT, DRAW_BIT, DRAW_DUPLICATE, DRAW_REORDER,
	    DRAW_JITTER, DRAW_JITTER_COPY };

/* The finalizer of Steele, Lea, Flood: Fast splittable pseudorandom number generators (2014). */
static uint64_t mix(uint64_t z)
{
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint64_t impair_draw(const struct impair *im, enum draw what)
{
	return mix(mix(im->seed + what) + im->frames * 0x9e3779b97f4a7c15);
}

/* A random number below n. */
static uint64_t impair_below(const struct impair *im, enum draw what, uint64_t n)
{
	return (uint64_t)((unsigned __int128)impair_draw(im, what) * n >> 64);
}

static bool impair_happens(const struct impair *im, enum draw what, uint32_t probability)
{
	return probability && impair_below(im, what, DP_PROBABILITY_ONE) < probability;
}

bool impair_is_none(const struct dp_impair *conf)
{
	return !(conf->delay_ns | conf->rate) &&
	       !(conf->loss | conf->to_bad | conf->corrupt | conf->duplicate);
}

int impair_check(const struct dp_impair *conf, struct err *err)
{
	const uint32_t probabilities[] = { conf->loss, conf->loss_bad, conf->to_bad, conf->to_good,
					   conf->corrupt, conf->duplicate, conf->reorder };

	for (unsigned i = 0; i < sizeof(probabilities) / sizeof(probabilities[0]); i++)
		if (probabilities[i] > DP_PROBABILITY_ONE)
			return err_set(err, -EINVAL, "link %u: a probability over 1", conf->link);
	if (conf->delay_ns > DP_DELAY_MAX_NS)
		return err_set(err, -EINVAL, "link %u: a delay of more than %llu s", conf->link,
			       (unsigned long long)(DP_DELAY_MAX_NS / 1000000000));
	if (conf->jitter_ns > conf->delay_ns)
		return err_set(err, -EINVAL, "link %u: more jitter than delay", conf->link);
	if (conf->reorder && !conf->delay_ns)
		return err_set(err, -EINVAL, "link %u: without delay none can be reordered",
			       conf->link);
	if (conf->rate && (conf->rate < IMPAIR_RATE_MIN ||
			   conf->rate > RATE_MAX_GBIT * 1000000000ull))
		return err_set(err, -EINVAL, "link %u: a rate is %d bit/s to %d Gbit/s", conf->link,
			       IMPAIR_RATE_MIN, RATE_MAX_GBIT);
	if (conf->limit > IMPAIR_LIMIT_MAX || (conf->limit && !conf->rate))
		return err_set(err, -EINVAL, "link %u: a limit is of up to %d frames that wait for "
					     "the rate", conf->link, IMPAIR_LIMIT_MAX);
	return 0;
}

static uint64_t impair_ticks(uint64_t ns, uint64_t hz)
{
	return (uint64_t)((unsigned __int128)ns * hz / 1000000000);
}

int impair_create(const struct dp_impair *conf, uint64_t hz, struct impair **out)
{
	uint32_t limit = conf->limit ? conf->limit : IMPAIR_LIMIT_DEFAULT;
	struct impair *im = calloc(1, sizeof(*im) + (conf->rate ? limit : 0) * sizeof(uint64_t));

	if (!im)
		return -ENOMEM;
	rte_spinlock_init(&im->lock);
	im->conf = *conf;
	im->limit = limit;
	im->seed = mix(conf->seed);
	im->delay = impair_ticks(conf->delay_ns, hz);
	im->jitter = impair_ticks(conf->jitter_ns, hz);
	if (conf->rate)
		im->cost = (uint64_t)(((unsigned __int128)hz * 8 << COST_SHIFT) / conf->rate);
	*out = im;
	return 0;
}

/* The model of Gilbert (1960) and Elliott (1963), with netem's parameters: p to_bad, r to_good, 1-h
 * loss_bad, 1-k loss. Without bursts it stays in the good state. */
static bool impair_loses(struct impair *im)
{
	const struct dp_impair *c = &im->conf;
	bool lost = impair_happens(im, DRAW_LOSS, im->bad ? c->loss_bad : c->loss);

	im->bad ^= impair_happens(im, DRAW_STATE, im->bad ? c->to_good : c->to_bad);
	return lost;
}

/* When a frame that enters now has left at the rate. False: too many wait for that. */
static bool impair_send(struct impair *im, uint32_t len, uint64_t now, uint64_t *at)
{
	uint64_t units;

	*at = now;
	if (!im->cost)
		return true;
	while (im->count && (int64_t)(now - im->done[im->first]) >= 0) {
		im->first = im->first + 1 == im->limit ? 0 : im->first + 1;
		im->count--;
	}
	if (im->count == im->limit)
		return false;
	if ((int64_t)(now - im->busy) > 0) {
		im->busy = now;
		im->rest = 0;
	}
	units = im->cost * len + im->rest;
	im->busy += units >> COST_SHIFT;
	im->rest = units & ((1u << COST_SHIFT) - 1);
	im->done[(im->first + im->count++) % im->limit] = im->busy;
	*at = im->busy;
	return true;
}

static uint64_t impair_delay(const struct impair *im, enum draw what)
{
	if (!im->jitter)
		return im->delay;
	return im->delay - im->jitter + impair_below(im, what, 2 * im->jitter + 1);
}

void impair_pass(struct impair *im, uint32_t len, uint64_t now, struct impair_fate *fate)
{
	const struct dp_impair *c = &im->conf;

	*fate = (struct impair_fate){ 0 };
	im->frames++;
	if (impair_loses(im))
		return;
	if (impair_happens(im, DRAW_REORDER, c->reorder)) {
		fate->reordered = true;
		fate->due[0] = now;
	} else if (impair_send(im, len, now, &fate->due[0])) {
		fate->due[0] += impair_delay(im, DRAW_JITTER);
	} else {
		fate->full = true;
		return;
	}
	fate->count = 1;
	if (impair_happens(im, DRAW_CORRUPT, c->corrupt)) {
		fate->corrupt = true;
		fate->bit = impair_draw(im, DRAW_BIT);
	}
	if (impair_happens(im, DRAW_DUPLICATE, c->duplicate) &&
	    impair_send(im, len, now, &fate->due[1])) {
		fate->due[1] += impair_delay(im, DRAW_JITTER_COPY);
		fate->count = 2;
	}
}
