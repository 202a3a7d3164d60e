/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tapes of packets become pcapng files that libpcap reads back; tests/e2e/test_capture.py looks at
 * what libpcap does not: options.
 */
#include "control/cli/capture_file.h"

#include "base/tape_priv.h"
#include "control/cli/pcapng.h"
#include "dataplane/api.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <pcap/pcap.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PACKETS = 3000, SNAP = 1000 };

static const uint64_t era = 1795000000123456789ull; /* more than 32 bits of nanoseconds */

static pcap_t *open_pcap(int fd)
{
	char why[PCAP_ERRBUF_SIZE];
	FILE *file;
	pcap_t *p;

	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	file = fdopen(dup(fd), "r");
	assert_non_null(file);
	p = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, why);
	if (!p)
		fail_msg("%s", why);
	return p;
}

/* Every length of a packet and of a comment, as libpcap has it. */
static void every_length(void **state)
{
	int fd = memfd_create("file", 0);
	struct pcap_pkthdr *head;
	const u_char *bytes;
	static uint8_t data[SNAP];
	char comment[64];
	struct pcapng out;
	pcap_t *p;

	for (unsigned i = 0; i < SNAP; i++)
		data[i] = (uint8_t)(i * 7);
	assert_int_equal(pcapng_init(&out, fd), 0);
	pcapng_section(&out, "test");
	pcapng_interface(&out, "r1:eth1", "vnet red", 65535, "ip or arp");
	pcapng_interface(&out, "r1:eth1,r2:eth1", "vnet red", 65535, NULL);
	for (uint32_t i = 0; i < PACKETS; i++) {
		struct pcapng_packet packet = { .interface = i % 2, .way = i % 3, .ns = era + i * 1001,
						.size = i % SNAP, .length = i, .bytes = data };

		snprintf(comment, sizeof(comment), "%.*s", (int)(i % 40),
			 "dropped by somebody for whatever reason it had");
		packet.comment = i % 5 ? NULL : comment;
		pcapng_packet(&out, &packet);
	}
	pcapng_statistics(&out, 1, &(struct pcapng_statistics){ .received = 3 });
	assert_int_equal(pcapng_flush(&out), 0);
	p = open_pcap(fd);
	assert_int_equal(pcap_datalink(p), DLT_EN10MB);
	for (uint32_t i = 0; i < PACKETS; i++) {
		uint64_t ns;

		assert_int_equal(pcap_next_ex(p, &head, &bytes), 1);
		ns = (uint64_t)head->ts.tv_sec * 1000000000 + (uint64_t)head->ts.tv_usec;
		assert_int_equal(ns, era + i * 1001);
		assert_int_equal(head->caplen, i % SNAP);
		assert_int_equal(head->len, i);
		assert_memory_equal(bytes, data, head->caplen);
	}
	assert_int_equal(pcap_next_ex(p, &head, &bytes), PCAP_ERROR_BREAK);
	pcap_close(p);
	pcapng_fini(&out);
	close(fd);
}

/* A reader that is gone, a disk that is full. */
static void errors_stick(void **state)
{
	int ends[2], full = open("/dev/full", O_WRONLY);
	struct pcapng out;

	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(ends), 0);
	close(ends[0]);
	assert_int_equal(pcapng_init(&out, ends[1]), 0);
	pcapng_section(&out, "test");
	assert_int_equal(pcapng_flush(&out), -EPIPE);
	out.fd = full;
	pcapng_section(&out, "test");
	assert_int_equal(pcapng_flush(&out), -EPIPE);
	pcapng_fini(&out);
	assert_int_equal(pcapng_init(&out, full), 0);
	pcapng_section(&out, "test");
	assert_int_equal(pcapng_flush(&out), -ENOSPC);
	pcapng_fini(&out);
	close(ends[1]);
	close(full);
}

/* A tape of two interfaces, a port and a link, and a file of it. */
struct film {
	int memory, fd;
	struct tape_track tracks[3];
	void *map;
	struct bpf_program program;
	struct capture_file_conf conf;
};

static const struct tape_shape shape = { .tracks = 3, .channels = 4, .blocks = { 4, 4, 4 } };

static int setup(void **state)
{
	struct film *f = calloc(1, sizeof(*f));
	pcap_t *p = pcap_open_dead(DLT_EN10MB, 65535);

	assert_int_equal(pcap_compile(p, &f->program, "udp", 1, PCAP_NETMASK_UNKNOWN), 0);
	pcap_close(p);
	f->memory = tape_memory("tape", &shape);
	f->fd = memfd_create("file", 0);
	f->conf = (struct capture_file_conf){ .vnet = "red", .tape = f->memory, .out = f->fd,
					      .interfaces = json_pack("[s, s]", "r1:eth1", "r1:eth2,r2:eth1"),
					      .snap = 65535, .filter = "udp", .program = &f->program };
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct film *f = *state;

	tape_unmap(f->map, &shape);
	pcap_freecode(&f->program);
	json_decref((json_t *)(uintptr_t)f->conf.interfaces);
	close(f->memory);
	close(f->fd);
	free(f);
	return 0;
}

static struct capture_file *begin(struct film *f)
{
	struct capture_file *file;
	struct err err;

	assert_int_equal(tape_map(f->memory, &shape, f->tracks, &f->map, &err), 0);
	assert_int_equal(capture_file_create(&f->conf, &file, &err), 0);
	return file;
}

/* UDP, or else nothing that the filter lets pass. */
static void film(struct film *f, unsigned track, uint64_t stamp, uint16_t channel, uint16_t mark, bool udp)
{
	uint8_t frame[64] = { [12] = 8, [14] = 0x45, [23] = udp ? 17 : 6 };
	struct tape_record r = { .stamp = stamp, .size = sizeof(frame), .length = 1400,
				 .channel = channel, .mark = mark };

	tape_write(&f->tracks[track], &r, frame);
}

static void not_its_tape(void **state)
{
	struct film *f = *state;
	struct capture_file *file;
	struct err err;

	assert_int_equal(capture_file_create(&f->conf, &file, &err), -EBADMSG); /* nothing is there yet */
	assert_int_equal(tape_map(f->memory, &shape, f->tracks, &f->map, &err), 0);
	json_array_remove((json_t *)(uintptr_t)f->conf.interfaces, 1);
	assert_int_equal(capture_file_create(&f->conf, &file, &err), -EBADMSG); /* of one interface */
}

/* In the order of time; why something was dropped. */
static void comments(void **state)
{
	struct film *f = *state;
	struct capture_file *file = begin(f);
	const unsigned order[] = { 7, 8, 10 };
	uint64_t written, missed;
	struct pcap_pkthdr *head;
	const u_char *bytes;
	pcap_t *p;
	off_t len;
	char *all;

	film(f, 0, era + 8, 0, DP_CAPTURE_TX, true);
	film(f, 1, era + 9, 1, DP_CAPTURE_RX, false);
	film(f, 2, era + 7, 2, DP_CAPTURE_DROP + DP_DROP_GIANT, true);
	film(f, 0, era + 10, 3, 999, true); /* of a later engine */
	assert_int_equal(capture_file_copy(file, true), 4);
	assert_int_equal(capture_file_copy(file, true), 0);
	assert_int_equal(capture_file_finish(file, &written, &missed), 0);
	assert_int_equal(written, 3);
	assert_int_equal(missed, 0);
	p = open_pcap(f->fd);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(pcap_next_ex(p, &head, &bytes), 1);
		assert_int_equal(head->ts.tv_usec, era % 1000000000 + order[i]);
		assert_int_equal(head->len, 1400);
	}
	pcap_close(p);
	len = lseek(f->fd, 0, SEEK_END);
	all = mmap(NULL, (size_t)len, PROT_READ, MAP_PRIVATE, f->fd, 0);
	assert_non_null(memmem(all, (size_t)len, "dropped by r1:eth2: giant (longer", 33));
	assert_non_null(memmem(all, (size_t)len, "dropped by r2:eth1: 743", 23));
	munmap(all, (size_t)len);
	capture_file_destroy(file);
}

static void too_slow(void **state)
{
	struct film *f = *state;
	struct capture_file *file = begin(f);
	uint64_t written, missed;

	for (unsigned i = 0; i < 100000; i++)
		film(f, 1, era + i, 1, DP_CAPTURE_RX, true);
	assert_in_range(capture_file_copy(file, true), 1000, 99999);
	assert_int_equal(capture_file_finish(file, &written, &missed), 0);
	assert_in_range(written, 1000, 99999);
	assert_int_equal(written + missed, 100000);
	capture_file_destroy(file);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length),
		cmocka_unit_test(errors_stick),
		cmocka_unit_test_setup_teardown(not_its_tape, setup, teardown),
		cmocka_unit_test_setup_teardown(comments, setup, teardown),
		cmocka_unit_test_setup_teardown(too_slow, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
