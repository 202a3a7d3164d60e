/* SPDX-License-Identifier: Apache-2.0 */
#include "control/impairment.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LIMIT_MAX 10000 /* the engine's */
#define SEED_MAX  4294967295.0
#define RATE_MIN  8000.0
#define RATE_MAX  1e12

/* Units from the largest on, in what is kept. */
struct unit {
	const char *name;
	double value;
};

static const struct unit times[] = { { "s", 1e9 }, { "ms", 1e6 }, { "us", 1e3 }, { "ns", 1 }, { 0 } };
static const struct unit rates[] = { { "Gbit", 1e9 }, { "Mbit", 1e6 }, { "kbit", 1e3 }, { "bit", 1 },
				     { 0 } };
static const struct unit parts[] = { { "%", DP_PROBABILITY_ONE / 100 }, { 0 } };
static const struct unit counts[] = { { "", 1 }, { 0 } };

/* A number with up to nine digits on either side of the point, and one of the units. end: what
 * follows; NULL: nothing may. */
static bool parse(const char *text, const struct unit *units, double *out, const char **end)
{
	size_t whole = strspn(text, "0123456789"), decimals = 0, len;
	const char *p = text + whole;

	if (*p == '.') {
		decimals = strspn(++p, "0123456789");
		p += decimals;
	}
	if (!whole || whole > 10 || decimals > 9)
		return false;
	*out = strtod(text, NULL);
	p += strspn(p, " ");
	for (; units->name; units++) {
		len = strlen(units->name);
		if (strncasecmp(p, units->name, len) != 0)
			continue;
		*out *= units->value;
		p += len;
		if (!strncmp(p, "/s", 2) && strstr(units->name, "bit"))
			p += 2;
		if (end)
			*end = p;
		return end || !*p;
	}
	return false;
}

bool impairment_time(const char *text, double *ns)
{
	return parse(text, times, ns, NULL);
}

bool impairment_rate(const char *text, uint64_t *bits)
{
	double value;

	if (!parse(text, rates, &value, NULL) || value < RATE_MIN || value > RATE_MAX)
		return false;
	*bits = (uint64_t)(value + 0.5);
	return true;
}

enum kind { TIME, RATE, PART, COUNT, MEAN, MODEL };

static const struct {
	const struct unit *units;
	double min, max;
	const char *like;
} kinds[] = {
	[TIME] = { times, 0, DP_DELAY_MAX_NS, "a time up to 60s such as \"10ms\"" },
	[RATE] = { rates, RATE_MIN, RATE_MAX, "a rate such as \"10Mbit\", from 8kbit to 1000Gbit" },
	[PART] = { parts, 0, DP_PROBABILITY_ONE, "a share such as \"0.1%\"" },
	[COUNT] = { counts, 0, SEED_MAX, "a whole number" },
	[MEAN] = { counts, 1, 1e6, "a mean number of frames, 1 or more" },
	[MODEL] = { 0, 0, 0, "\"P [R [1-H [1-K]]]\", all with %, as tc-netem(8) has it" },
};

static const struct {
	const char *key;
	enum kind kind;
	size_t at; /* in struct impairment */
	bool wide; /* 64 bits */
} fields[] = {
#define DP(field) offsetof(struct impairment, dp.field)
	{ "delay", TIME, DP(delay_ns), true },
	{ "jitter", TIME, DP(jitter_ns), true },
	{ "loss", PART, offsetof(struct impairment, loss), false },
	{ "burst", MEAN, offsetof(struct impairment, burst), false },
	{ "gemodel", MODEL, 0, false },
	{ "rate", RATE, DP(rate), true },
	{ "limit", COUNT, DP(limit), false },
	{ "corrupt", PART, DP(corrupt), false },
	{ "duplicate", PART, DP(duplicate), false },
	{ "reorder", PART, DP(reorder), false },
	{ "seed", COUNT, DP(seed), true },
#undef DP
};
#define FIELDS (sizeof(fields) / sizeof(fields[0]))

const char *const impairment_keys[] = { "delay", "jitter", "loss", "burst", "gemodel", "rate", "limit",
					"corrupt", "duplicate", "reorder", "seed", NULL };

static unsigned find(const char *key)
{
	unsigned i = 0;

	while (i < FIELDS && strcmp(fields[i].key, key) != 0)
		i++;
	return i;
}

/* As tc reads it: R is 1 - P, 1 - H is 1 and 1 - K is 0 unless said. */
static bool parse_model(struct dp_impair *dp, const char *text)
{
	double value[4] = { 0, -1, DP_PROBABILITY_ONE, 0 };
	unsigned n = 0;

	do {
		if (n == 4 || !parse(text, parts, &value[n], &text) || value[n] > DP_PROBABILITY_ONE)
			return false;
		n++;
		text += strspn(text, " ,");
	} while (*text);
	dp->to_bad = (uint32_t)(value[0] + 0.5);
	dp->to_good = value[1] < 0 ? DP_PROBABILITY_ONE - dp->to_bad : (uint32_t)(value[1] + 0.5);
	dp->loss_bad = (uint32_t)(value[2] + 0.5);
	dp->loss = (uint32_t)(value[3] + 0.5);
	return true;
}

int impairment_set(struct impairment *im, const char *key, const char *text, struct err *err)
{
	unsigned i = find(key);
	enum kind kind;
	double value;
	void *at;

	if (i == FIELDS)
		return err_set(err, -EINVAL, "%.32s: there is no such impairment", key);
	kind = fields[i].kind;
	at = (uint8_t *)im + fields[i].at;
	if (kind == MODEL) {
		im->model = parse_model(&im->dp, text);
		return im->model ? 0 : err_set(err, -EINVAL, "%s \"%.48s\" is not %s", key, text,
					       kinds[kind].like);
	}
	if (!parse(text, kinds[kind].units, &value, NULL) || value < kinds[kind].min ||
	    value > kinds[kind].max || (kind == COUNT && value != (double)(uint64_t)value))
		return err_set(err, -EINVAL, "%s \"%.48s\" is not %s", key, text, kinds[kind].like);
	if (kind == MEAN)
		*(double *)at = value;
	else if (fields[i].wide)
		*(uint64_t *)at = (uint64_t)(value + 0.5);
	else
		*(uint32_t *)at = (uint32_t)(value + 0.5);
	return 0;
}

/* The model of Gilbert in which frames are lost in the bad state: the mean burst is 1 / to_good, the
 * mean loss to_bad / (to_bad + to_good). */
static int finish_burst(struct impairment *im, struct err *err)
{
	double loss = (double)im->loss / DP_PROBABILITY_ONE, to_good = 1 / im->burst;
	double to_bad = loss < 1 ? loss * to_good / (1 - loss) : 2;

	if (to_bad > 1)
		return err_set(err, -EINVAL, "burst: bursts of %g frames cannot make a loss of %g%%",
			       im->burst, loss * 100);
	im->dp.loss = 0;
	im->dp.loss_bad = DP_PROBABILITY_ONE;
	im->dp.to_good = (uint32_t)(to_good * DP_PROBABILITY_ONE + 0.5);
	im->dp.to_bad = (uint32_t)(to_bad * DP_PROBABILITY_ONE + 0.5);
	return 0;
}

int impairment_finish(struct impairment *im, struct err *err)
{
	struct dp_impair *dp = &im->dp;

	if (dp->jitter_ns > dp->delay_ns)
		return err_set(err, -EINVAL, "jitter: more than the delay");
	if (dp->reorder && !dp->delay_ns)
		return err_set(err, -EINVAL, "reorder: it needs a delay, which some are without");
	if (dp->limit && !dp->rate)
		return err_set(err, -EINVAL, "limit: it is of frames that wait for a rate");
	if (dp->limit > LIMIT_MAX)
		return err_set(err, -EINVAL, "limit: %u is over %d", dp->limit, LIMIT_MAX);
	if (im->burst > 0 && !im->loss)
		return err_set(err, -EINVAL, "burst: it needs a loss");
	if (im->model && im->loss)
		return err_set(err, -EINVAL, "gemodel: it stands in place of loss and burst");
	if (im->model)
		return 0;
	if (im->burst > 0)
		return finish_burst(im, err);
	dp->loss = im->loss;
	dp->loss_bad = dp->to_bad = dp->to_good = 0;
	return 0;
}

bool impairment_is_none(const struct impairment *im)
{
	const struct dp_impair *dp = &im->dp;

	return !dp->delay_ns && !dp->rate &&
	       !(dp->loss | dp->to_bad | dp->corrupt | dp->duplicate);
}

static void format(char *text, double value, const struct unit *u)
{
	while (u[1].name && value < u->value)
		u++;
	snprintf(text, IMPAIRMENT_TEXT_MAX, "%.12g%s", value / u->value, u->name);
}

bool impairment_same(const struct impairment *a, const struct impairment *b)
{
	return !memcmp(&a->dp, &b->dp, sizeof(a->dp));
}

bool impairment_text(const struct impairment *im, const char *key, char text[IMPAIRMENT_TEXT_MAX])
{
	unsigned i = find(key);
	const void *at;
	double value;

	if (i == FIELDS)
		return false;
	at = (const uint8_t *)im + fields[i].at;
	if (fields[i].kind == MODEL) {
		const double one = DP_PROBABILITY_ONE / 100;

		snprintf(text, IMPAIRMENT_TEXT_MAX, "%.9g%% %.9g%% %.9g%% %.9g%%",
			 im->dp.to_bad / one, im->dp.to_good / one, im->dp.loss_bad / one,
			 im->dp.loss / one);
		return im->model;
	}
	if (fields[i].kind == MEAN)
		value = *(const double *)at;
	else
		value = fields[i].wide ? (double)*(const uint64_t *)at :
					 (double)*(const uint32_t *)at;
	format(text, value, kinds[fields[i].kind].units);
	return value > 0;
}
