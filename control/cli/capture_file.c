/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cli/capture_file.h"

#include "base/tape.h"
#include "control/cli/pcapng.h"
#include "dataplane/api.h"

#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* control/capture_priv.h has which channels an interface has. */
struct channel {
	uint64_t read, written; /* of the tape's records; to the file */
};

struct capture_file {
	const struct capture_file_conf conf;
	struct tape *tape;
	struct pcapng out;
	uint64_t start_ns;
	uint32_t interfaces;
	struct channel channels[];
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static const char *interface_name(const struct capture_file *f, uint32_t i)
{
	return json_string_value(json_array_get(f->conf.interfaces, i));
}

int capture_file_create(const struct capture_file_conf *conf, struct capture_file **out,
			struct err *err)
{
	size_t count = json_array_size(conf->interfaces);
	struct capture_file *f = calloc(1, sizeof(*f) + 2 * count * sizeof(f->channels[0]));
	char description[128];
	int code;

	if (!f)
		return err_sys(err, -ENOMEM, "capture");
	memcpy((void *)&f->conf, conf, sizeof(*conf));
	code = tape_open(conf->tape, &f->tape, err);
	if (!code && tape_channels(f->tape) != 2 * count)
		code = err_set(err, -EBADMSG, "the tape is not one of %zu interfaces", count);
	if (!code && pcapng_init(&f->out, conf->out))
		code = err_sys(err, -ENOMEM, "capture");
	if (code) {
		capture_file_destroy(f);
		return code;
	}
	f->interfaces = (uint32_t)count;
	f->start_ns = now_ns();
	snprintf(description, sizeof(description), "vnet %s", conf->vnet);
	pcapng_section(&f->out, "weft " WEFT_VERSION);
	for (uint32_t i = 0; i < count; i++)
		pcapng_interface(&f->out, interface_name(f, i), description, conf->snap,
				 conf->filter);
	code = pcapng_flush(&f->out);
	if (code) {
		capture_file_destroy(f);
		return err_sys(err, code, "the capture cannot be written");
	}
	*out = f;
	return 0;
}

void capture_file_destroy(struct capture_file *f)
{
	if (!f)
		return;
	tape_close(f->tape);
	pcapng_fini(&f->out);
	free(f);
}

/* "dropped by r1:eth1: blackhole (route says so)" */
static const char *drop_comment(const struct capture_file *f, const struct tape_record *r, char *text,
				size_t size)
{
	static const struct {
		const char *name, *what;
	} drops[] = {
#define DROP(id, name, what) { name, what },
		DP_DROPS(DROP)
#undef DROP
	};
	const char *name = interface_name(f, r->channel / 2), *comma = strchr(name, ',');
	unsigned why = r->mark - DP_CAPTURE_DROP;
	int len = comma ? (int)(comma - name) : (int)strlen(name);

	if (comma && r->channel & 1) {
		name = comma + 1;
		len = (int)strlen(name);
	}
	if (why < sizeof(drops) / sizeof(drops[0]))
		snprintf(text, size, "dropped by %.*s: %s (%s)", len, name, drops[why].name,
			 drops[why].what);
	else
		snprintf(text, size, "dropped by %.*s: %u", len, name, why);
	return text;
}

static bool is_wanted(const struct capture_file *f, const struct tape_record *r)
{
	struct pcap_pkthdr head = { .caplen = r->size, .len = r->length };

	return !f->conf.filter ||
	       pcap_offline_filter(f->conf.program, &head, (const u_char *)(r + 1));
}

static void copy(struct capture_file *f, const struct tape_record *r)
{
	struct channel *c = &f->channels[r->channel];
	struct pcapng_packet p = { .interface = r->channel / 2, .ns = r->stamp, .size = r->size,
				   .length = r->length, .bytes = r + 1 };
	bool sent = r->mark == DP_CAPTURE_TX, from_first = !(r->channel & 1);
	char comment[256];

	c->read++;
	if (!is_wanted(f, r))
		return;
	if (r->mark >= DP_CAPTURE_DROP)
		p.comment = drop_comment(f, r, comment, sizeof(comment));
	else
		p.way = sent == from_first ? PCAPNG_OUT : PCAPNG_IN;
	pcapng_packet(&f->out, &p);
	c->written++;
}

long capture_file_copy(struct capture_file *f, bool all)
{
	const struct tape_record *r;
	long n = 0;
	int code;

	tape_look(f->tape, all);
	for (; (r = tape_next(f->tape)); n++)
		copy(f, r);
	code = pcapng_flush(&f->out);
	return code ? code : n;
}

int capture_file_finish(struct capture_file *f, uint64_t *written, uint64_t *missed)
{
	uint64_t end = now_ns();

	*written = *missed = 0;
	for (uint32_t i = 0; i < f->interfaces; i++) {
		const struct channel *c = &f->channels[2 * i];
		struct pcapng_statistics s = { .start_ns = f->start_ns, .end_ns = end };

		s.received = tape_written(f->tape, 2 * i) + tape_written(f->tape, 2 * i + 1);
		s.missed = s.received - c[0].read - c[1].read;
		s.accepted = c[0].written + c[1].written;
		pcapng_statistics(&f->out, i, &s);
		*written += s.accepted;
		*missed += s.missed;
	}
	return pcapng_flush(&f->out);
}
