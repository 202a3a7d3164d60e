/* SPDX-License-Identifier: Apache-2.0 */
/* The protocol, packet by packet. */
#include "tests/unit/gdb/machine.h"
#include "tests/unit/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct machine machine;
static struct gdb *gdb;
static struct buf out;

static int setup(void **state)
{
	machine_init(&machine);
	gdb = gdb_create(&machine_ops, &machine, MACHINE_CPUS);
	assert_non_null(gdb);
	return 0;
}

static int teardown(void **state)
{
	gdb_destroy(gdb);
	buf_free(&out);
	assert_int_equal(machine.point_count, 0);
	return 0;
}

static bool send_packet(const char *data)
{
	char packet[9000];
	unsigned sum = 0;
	int len;

	for (const char *c = data; *c; c++)
		sum += (uint8_t)*c;
	len = snprintf(packet, sizeof(packet), "$%s#%02x", data, sum & 0xff);
	assert_true(len < (int)sizeof(packet));
	return gdb_input(gdb, packet, (size_t)len, &out);
}

/* All that came since the last time is this. */
static void got(const char *want)
{
	buf_u8(&out, 0);
	assert_false(out.bad);
	assert_string_equal((char *)out.data, want);
	buf_reset(&out);
}

/* data is answered with answer; acknowledgements are still on. */
static void ask(const char *data, const char *answer)
{
	char want[9000];
	unsigned sum = 0;

	for (const char *c = answer; *c; c++)
		sum += (uint8_t)*c;
	snprintf(want, sizeof(want), "+$%s#%02x", answer, sum & 0xff);
	send_packet(data);
	got(want);
}

static void registers_and_memory(void **state)
{
	char first[17];

	send_packet("g");
	assert_int_equal(out.len, 2 + 2 * 292 + 3);
	snprintf(first, sizeof(first), "%.16s", (char *)out.data + 2);
	assert_string_equal(first, "0010000000000000"); /* rax of CPU 0, low byte first */
	buf_reset(&out);
	ask("Hg2", "OK");
	ask("p0", "0020000000000000");
	ask("P0=8877665544332211", "OK");
	assert_int_equal(machine.regs[1].general[0], 0x1122334455667788);
	ask("p10", "0010000000000000"); /* rip */
	ask("p11", "02000000");		/* eflags */
	ask("p2a", "E16");		/* there is none */
	ask("P0=88", "E16");
	ask("G00", "E16");
	ask("Hg3", "E03");
	ask("Hc-1", "OK");
	ask("T2", "OK");
	ask("T9", "E03");
	ask("m1000,4", "00070e15");
	ask("m0,4", "E0e");
	ask("mfffffffffffffffff,4", "E16");
	ask("M1000,2:abCD", "OK");
	ask("m1000,3", "abcd0e");
	ask("M1000,2:ab", "E16");
	ask("M1000,1:zz", "E16");
	ask("X1000,0:", "OK");
	ask("X1001,2:a}]b", "E16"); /* "a}b" has three bytes */
	ask("X1001,3:a}]b", "OK");  /* } is sent as }] */
	ask("m1000,5", "ab617d621c");
}

static void points_and_going_on(void **state)
{
	ask("?", "T05thread:1;");
	ask("Z0,1010,1", "OK");
	ask("Z0,1010,1", "OK"); /* once is enough */
	ask("Z1,1020,1", "OK");
	ask("Z5,1020,1", "E16");
	ask("Z2,1020", "E16");
	assert_int_equal(machine.point_count, 2);
	send_packet("vCont;c");
	got("+"); /* the rest when it stands */
	machine_run(&machine, gdb, &out);
	got("$T05thread:2;#d8");
	ask("p10", "1010000000000000");
	ask("z0,1010,1", "OK");
	send_packet("vCont;s:1;c");
	got("+");
	assert_int_equal(machine.step, 0);
	machine_run(&machine, gdb, &out);
	got("$T05thread:1;#d7");
	ask("z1,1020,1", "OK");
	send_packet("c");
	machine_run(&machine, gdb, &out);
	got("+");
	send_packet("g"); /* not while it runs */
	got("+");
	gdb_input(gdb, "\3", 1, &out);
	machine_run(&machine, gdb, &out);
	got("$T02thread:2;#d5");
	gdb_stopped(gdb, 0, 5, &out); /* it stood already */
	got("");
	send_packet("s1030");
	assert_int_equal(machine.regs[1].rip, 0x1030);
	assert_int_equal(machine.step, 1);
}

static void too_many_points(void **state)
{
	char text[32];

	for (unsigned i = 0; i < GDB_POINTS_MAX; i++) {
		snprintf(text, sizeof(text), "Z0,%x,1", MACHINE_AT + i);
		ask(text, "OK");
	}
	ask("Z0,9000,1", "E1c");
	assert_int_equal(machine.point_count, GDB_POINTS_MAX);
}

static void framing(void **state)
{
	char *long_one = malloc(8001);

	memset(long_one, 'm', 8000);
	long_one[8000] = 0;
	gdb_input(gdb, "noise$?#00", 10, &out);
	got("-");
	gdb_input(gdb, "$?#zz", 5, &out);
	got("-");
	send_packet(long_one);
	got("-");
	free(long_one);
	ask("", "");
	ask("vMustReplyEmpty", "");
	ask("qSupported:xmlRegisters=i386",
	    "PacketSize=1000;QStartNoAckMode+;qXfer:features:read+;vContSupported+");
	ask("QStartNoAckMode", "OK");
	gdb_input(gdb, "+", 1, &out);
	got("");
	send_packet("qC");
	got("$QC1#c5");
}

static void description(void **state)
{
	send_packet("qXfer:features:read:target.xml:0,ffff");
	buf_u8(&out, 0);
	assert_non_null(strstr((char *)out.data, "$m<?xml"));
	buf_reset(&out);
	send_packet("qXfer:features:read:target.xml:7d0,ffff");
	buf_u8(&out, 0);
	assert_non_null(strstr((char *)out.data, "$l"));
	assert_non_null(strstr((char *)out.data, "gs_base"));
	buf_reset(&out);
	ask("qXfer:features:read:target.xml:ffff,1", "E16");
	ask("qfThreadInfo", "m1,2");
	ask("qsThreadInfo", "l");
	ask("qThreadExtraInfo,2", "4350552031");
	ask("qNobodyKnows", "");
}

static void farewell(void **state)
{
	ask("Z0,1010,1", "OK");
	assert_false(send_packet("D"));
	assert_int_equal(machine.point_count, 0);
	assert_false(machine.killed);
}

static void killing(void **state)
{
	assert_false(send_packet("k"));
	assert_true(machine.killed);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(registers_and_memory), TEST(points_and_going_on), TEST(too_many_points),
		TEST(framing),		    TEST(description),	       TEST(farewell),
		TEST(killing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
